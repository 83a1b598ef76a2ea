from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import resource_tracker
from pathlib import Path

import clips
import cv2
import pytest
from fault_tools import FACECROP, MARK, environment, processes_marked, scan_all_from, use_stub_engine
from local_web import Web, web

from facecrop_core.cli.progress import STAGE_WORDS
from facecrop_core.errors import CancelledError
from facecrop_core.pipeline import jobs, looking
from facecrop_core.pipeline.events import Event, Progress, Watch
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.runner import Runner
from facecrop_core.pipeline.verify import verify

VALUES = {"engine": "builtin", "fps": 4.0, "size": 32, "sim": None}
STAGES = ["models", "references", "scan", "tracks", "export"]
STORED = {"models": 0, "references": 0, "scan": 4, "tracks": 12, "export": 12, "fetch": 12}
"""Crops that can be exported after the run was stopped in a stage, at least."""
MOST_SECONDS = 5.0


@pytest.fixture
def request_of(tmp_path: Path) -> JobRequest:
    film = clips.shared("cancel.mp4", clips.numbered_clip, 24, 8)[0]
    cv2.imwrite(str(tmp_path / "anna.png"), clips.person_photo("anna"))
    return JobRequest(
        "extract", tmp_path / "p", (film,), (tmp_path / "anna.png",), out=tmp_path / "out", settings=VALUES
    )


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as server:
        yield server


def check_what_is_left(request: JobRequest, stage: str) -> None:
    """It can be exported, and nothing is damaged."""
    again = JobRequest("export", request.project, out=request.project.with_name("again"), settings=VALUES)
    assert run_job(again)["saved"] >= STORED[stage]
    assert not [finding for finding in verify(request.project)["findings"] if not finding["harmless"]]


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("stage", STAGES)
def test_asked_in_any_stage_a_run_stops_and_keeps_what_it_has(
    request_of: JobRequest, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    use_stub_engine(monkeypatch)
    monkeypatch.setattr(looking, "SAMPLES_PER_PART", 4)
    stop, seen = threading.Event(), []

    def send(event: Event) -> None:
        seen.extend([event.stage] if isinstance(event, Progress) else [])
        if seen.count(stage) == (3 if stage == "scan" else 1):
            stop.set()

    if stage == "models":  # with references, the models are loaded before this stage is announced
        request_of = JobRequest("scan", request_of.project, request_of.videos, settings=VALUES)
    with pytest.raises(CancelledError):
        run_job(request_of, Watch(send, stop))
    assert seen[-1] == stage
    check_what_is_left(request_of, stage)
    statuses = [found.status for found in Project.open(request_of.project).scans()]
    assert statuses == {"scan": ["cancelled"], "tracks": ["cancelled"], "export": ["complete"]}.get(stage, [])


@pytest.mark.parametrize("trickle", [True, False])
def test_a_download_that_does_not_end_is_left_within_seconds(
    request_of: JobRequest, site: Web, monkeypatch: pytest.MonkeyPatch, mark: str, trickle: bool
) -> None:
    use_stub_engine(monkeypatch)
    monkeypatch.setattr(jobs, "scan_all", scan_all_from(site.address[1]))
    site.stalled("/slow.mp4", trickle)
    request_of = replace(request_of, videos=(*request_of.videos, site.url("/slow.mp4")), references=())
    stop, asked = threading.Event(), list[float]()

    def stop_later() -> None:
        wait_until(lambda: site.hits, 60)
        time.sleep(0.5)
        assert processes_marked(mark)
        asked.append(time.monotonic())
        stop.set()

    threading.Thread(target=stop_later, daemon=True).start()
    with pytest.raises(CancelledError):
        run_job(request_of, Watch(stop=stop))
    assert time.monotonic() - asked[0] < MOST_SECONDS
    wait_until(lambda: not processes_marked(mark), 3)
    check_what_is_left(request_of, "fetch")
    parts = [path.stat().st_size > 0 for path in (request_of.project / "sources").glob("*.part")]
    assert parts == [True] if trickle else not parts


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whoever is started from now on carries this mark in its environment; a fetching child in the path of its home."""
    resource_tracker.ensure_running()  # it belongs to the tests' own process and stays
    mark = uuid.uuid4().hex
    (tmp_path / mark).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / mark))
    for name, value in environment(**{MARK: mark}, TMPDIR=str(tmp_path / mark)).items():
        monkeypatch.setenv(name, value)
    return mark


@pytest.fixture
def link(site: Web, monkeypatch: pytest.MonkeyPatch) -> str:
    """A film that never comes; the runs that are started from now on may ask for it."""
    monkeypatch.setenv("FACECROP_TEST_PORT", str(site.address[1]))
    site.stalled("/slow.mp4", trickle=True)
    return site.url("/slow.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("stage", [*STAGES, "fetch"])
def test_a_job_that_hangs_in_a_stage_is_ended_and_leaves_no_process(
    request_of: JobRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, link: str, stage: str
) -> None:
    monkeypatch.setenv("FACECROP_TEST_HANG", stage)
    if stage != "references":
        request_of = replace(request_of, references=())
    if stage == "fetch":
        request_of = replace(request_of, videos=(*request_of.videos, link))
    runner = Runner(tmp_path / "jobs")
    job = runner.start(request_of)
    wait_until(lambda: job.progress is not None and job.progress.stage == stage, 60)
    time.sleep(1.0)
    began = time.monotonic()
    runner.cancel(job.token)
    runner.wait(job.token, 30)
    assert job.state == "cancelled" and time.monotonic() - began < MOST_SECONDS
    wait_until(lambda: not processes_marked(mark), 3)
    check_what_is_left(request_of, stage)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [*STAGES, "fetch"])
def test_ctrl_c_ends_a_run_that_hangs_and_leaves_no_process(
    request_of: JobRequest, tmp_path: Path, mark: str, link: str, stage: str
) -> None:
    flags = ["--engine", "builtin", "--fps", "4", "--size", "32", "--sim", "off", "--json"]
    videos = [str(video) for video in request_of.videos] + ([link] if stage == "fetch" else [])
    refs = ["--refs", str(tmp_path / "anna.png")] if stage == "references" else []
    line = ["extract", *videos, "--project", str(request_of.project), "--out", str(tmp_path / "out"), *refs, *flags]
    process = subprocess.Popen(
        [*FACECROP, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ) | {"FACECROP_TEST_HANG": stage},
    )  # fmt: skip
    assert process.stderr is not None
    while STAGE_WORDS[stage] not in (said := process.stderr.readline()):
        assert said, "it ended before this stage"
    time.sleep(1.0)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=30)
    assert process.returncode == 130 and time.monotonic() - began < MOST_SECONDS and "Traceback" not in said
    assert json.loads(printed)["status"] == "cancelled"
    wait_until(lambda: not processes_marked(mark), 3)
    check_what_is_left(request_of, stage)


def test_the_second_of_two_processes_says_who_holds_the_project(tmp_path: Path) -> None:
    Project.create(tmp_path / "p")
    hold = f"""
import time
from pathlib import Path
from facecrop_core.pipeline.project import Project
with Project.open(Path({str(tmp_path / "p")!r})).lock():
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([FACECROP[0], "-c", hold], stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        line = ["export", "--project", str(tmp_path / "p"), "--out", str(tmp_path / "out"), "--json"]
        second = subprocess.run([*FACECROP, *line], capture_output=True, text=True, env=environment())
        assert second.returncode == 1
        assert f"is in use by process {holder.pid} on " in json.loads(second.stdout)["error"]
    finally:
        holder.kill()
        holder.communicate()
    third = subprocess.run([*FACECROP, *line], capture_output=True, text=True, env=environment())
    assert third.returncode == 0, third.stderr  # a lock does not outlive its process
