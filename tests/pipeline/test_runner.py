from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import clips

from facecrop_core.pipeline.jobs import JobRequest
from facecrop_core.pipeline.runner import Job, Runner
from facecrop_core.table import read_json


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def clip_of(path: Path, seconds: float) -> None:
    clips.cast_clip(path, (("anna",), ("grace",)), seconds=seconds)


def start(runner: Runner, tmp_path: Path, seconds: float = 1.0) -> Job:
    film, _ = clips.shared(f"runner{seconds}.mp4", clip_of, seconds)
    return runner.start(JobRequest("scan", tmp_path / "p", (film,), settings={"engine": "builtin", "fps": 10.0}))


def test_a_job_runs_in_a_process_of_its_own_and_is_remembered(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "jobs")
    job = start(runner, tmp_path)
    assert len(job.token) >= 20 and runner.get(job.token) is job and runner.get("x") is None
    runner.wait(job.token, 60)
    assert job.state == "done" and job.result is not None and job.result["faces"] > 0, job.error
    assert job.progress is not None and job.progress.stage == "done"
    again = Runner(tmp_path / "jobs").get(job.token)
    assert again is not None and again.state == "done" and again.result == job.result
    assert again.request == job.request


def test_cancelling_stops_it_within_seconds_and_leaves_no_process(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "jobs")
    job = start(runner, tmp_path, seconds=20.0)
    wait_until(lambda: job.progress is not None and job.progress.stage == "scan")
    began = time.monotonic()
    runner.cancel(job.token)
    runner.wait(job.token, 15)
    assert job.state == "cancelled" and time.monotonic() - began < 8
    assert not multiprocessing.active_children()


def test_a_worker_that_dies_costs_only_its_job(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "jobs")
    job = start(runner, tmp_path, seconds=20.0)
    wait_until(lambda: job.progress is not None)
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    runner.wait(job.token, 15)
    assert job.state == "failed" and "unexpectedly" in job.error and job.hint


def test_errors_reach_the_job_in_words(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "jobs")
    job = runner.start(JobRequest("scan", tmp_path / "p", (tmp_path / "none.mp4",), settings={}))
    runner.wait(job.token, 30)
    assert (job.state, job.hint) == ("failed", "Check the path.") and "none.mp4" in job.error


def test_what_ran_when_the_server_died_reads_as_interrupted(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "jobs")
    job = start(runner, tmp_path, seconds=20.0)
    assert read_json(tmp_path / "jobs" / f"{job.token}.json")["state"] == "running"
    again = Runner(tmp_path / "jobs").get(job.token)
    assert again is not None and again.state == "interrupted"
    runner.close()
    assert job.state == "cancelled"
