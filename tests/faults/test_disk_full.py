from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import clips
import pytest
from fault_tools import environment, run_stub, use_stub_engine

from facecrop_core import files
from facecrop_core.errors import CancelledError, DiskFullError
from facecrop_core.export import crops
from facecrop_core.pipeline import disk, looking, scan
from facecrop_core.pipeline.events import Event, Note, Progress, Watch
from facecrop_core.pipeline.produce import write_dataset
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.verify import verify
from facecrop_core.settings import Settings


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_stub_engine(monkeypatch)
    monkeypatch.setattr(looking, "SAMPLES_PER_PART", 4)
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.01)
    return clips.shared("disk_full.mp4", clips.numbered_clip, 24, 8)[0]


@cache
def uninterrupted(film: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        run_stub(film, Path(folder) / "whole")
        return rows(Path(folder) / "whole")


def fill_disk(monkeypatch: pytest.MonkeyPatch, calls: range, module: Any = files) -> None:
    """Let these calls of fsync fail for want of room, counted from 0."""
    real, count = os.fsync, iter(range(1_000_000))

    def fsync(descriptor: int) -> None:
        if next(count) in calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(module.os, "fsync", fsync)


def rows(project: Path) -> str:
    table = Project.open(project).scans()[0].reader().table()
    return repr({name: values.tolist() for name, values in table.columns.items()})


@pytest.mark.parametrize("first", [0, 9, 54, 57])
def test_a_scan_waits_for_room_and_goes_on(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    events: list[Event] = []
    Project.create(tmp_path / "p")
    with monkeypatch.context() as patch:
        fill_disk(patch, range(first, first + 3))
        result = run_stub(film, tmp_path / "p", events.append)
    notes = [event.text for event in events if isinstance(event, Note) and "disk is full" in event.text]
    assert result.status == "complete" and 1 <= len(notes) <= 3 and "The run waits" in notes[0]
    assert "paused" in [event.stage for event in events if isinstance(event, Progress)]
    assert rows(tmp_path / "p") == uninterrupted(film)
    assert verify(tmp_path / "p")["findings"] == []


def test_told_to_stop_it_ends_with_an_error_and_can_be_resumed(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fill_disk(patch, range(40, 1000))
        with pytest.raises(DiskFullError, match="disk is full"):
            run_stub(film, tmp_path / "p", disk_full="stop")
    assert run_stub(film, tmp_path / "p").samples == 12


def test_a_run_that_waits_can_be_cancelled(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, project = threading.Event(), Project.create(tmp_path / "p")

    def send(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "paused":
            stop.set()

    with monkeypatch.context() as patch:
        fill_disk(patch, range(40, 100_000))
        with pytest.raises(CancelledError), project.lock():
            settings = Settings().with_values({"engine": "builtin", "fps": 4.0})
            scan.scan(film, project, settings, Watch(send, stop))
    assert run_stub(film, tmp_path / "p").samples == 12


def test_an_export_waits_for_room(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stub(film, tmp_path / "p")
    real, failures, notes = crops.write_whole, iter(range(4)), []

    def full_at_first(path: Path, data: bytes) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(crops, "write_whole", full_at_first)
    settings = Settings().with_values({"size": 32, "sim": None})
    watch = Watch(lambda event: notes.append(event.text) if isinstance(event, Note) else None)
    result = write_dataset(Project.open(tmp_path / "p"), settings, tmp_path / "out", watch)
    assert result["saved"] == 12 and any("The run waits" in text for text in notes)
    assert verify(tmp_path / "p", tmp_path / "out")["findings"] == []


def test_little_space_is_said_beforehand(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    monkeypatch.setattr(disk, "FLOOR_BYTES", 1 << 60)
    assert run_stub(film, tmp_path / "p", events.append).status == "complete"
    assert any(isinstance(event, Note) and "MB are free" in event.text for event in events)


SCRIPT = """
import sys, threading, time
from pathlib import Path
import pytest, fault_tools
from facecrop_core.pipeline import disk, looking, scan
from facecrop_core.pipeline.events import Progress
film, small = Path(sys.argv[1]), Path(sys.argv[2])
patch = pytest.MonkeyPatch()
fault_tools.use_stub_engine(patch)
looking.SAMPLES_PER_PART, disk.RETRY_SECONDS = 4, 0.05
ballast, paused = small / "ballast", []
ballast.write_bytes(bytes(1200 << 10))
def send(event):
    if isinstance(event, Progress) and event.stage == "paused":
        paused.append(event)
        threading.Timer(0.3, lambda: ballast.unlink(missing_ok=True)).start()
result = fault_tools.run_stub(film, small / "p", send)
print(result.status, result.samples, len(paused) > 0)
"""


@pytest.mark.slow
def test_a_disk_that_is_really_full_is_waited_for(tmp_path: Path, film: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    inner = f"mount -t tmpfs -o size=1300k tmpfs '{small}' && exec \"$@\""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", small], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk cannot be mounted here")
    command = [*alone, "sh", "-c", inner, "sh", sys.executable, "-c", SCRIPT, film, small]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=100)
    assert done.stdout.split() == ["complete", "12", "True"], done.stderr
    assert time.monotonic() - began < 60
