"""An engine without models, and commands in processes of their own, for the tests that inject faults."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecrop_core.pipeline import jobs, queue, scan
from facecrop_core.pipeline.events import EventSink, Watch, ignore_events
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.queue import scan_all
from facecrop_core.pipeline.scan import ScanResult
from facecrop_core.records import Calibration, Engine, Faces, FloatArray, Image
from facecrop_core.settings import Settings
from facecrop_core.sources import Allowance

ROOT = Path(__file__).resolve().parents[2]
FACECROP = [sys.executable, "-c", "from facecrop_core.cli import run; run()"]
MARK = "FACECROP_TEST_MARK"


class StubDetector:
    """One face in each picture, where it is depends on the picture's mean."""

    name, model_sha256, landmarks_estimated = "stub", "d" * 64, False

    def canvas_size(self, width: int, height: int) -> tuple[int, int]:
        return 128, 64

    def detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        return [self._face(float(canvas.mean()) % 16) for canvas in canvases]

    def _face(self, left: float) -> Faces:
        box = np.array([[left + 8, 8, left + 48, 56]], np.float32)
        points = np.array([[[18, 24], [38, 24], [28, 34], [20, 44], [36, 44]]], np.float32)
        points[..., 0] += left
        return Faces(box, points, np.array([0.9], np.float32))


class StubEmbedder:
    """The mean colours of a chip's quarters, which changes little from frame to frame."""

    name, model_sha256, dimensions, chip_size = "stub", "e" * 64, 12, 32

    def chip_matrix(self, landmarks_xy: FloatArray) -> FloatArray:
        left, top = landmarks_xy.min(axis=0) - 8
        return np.array([[0.7, 0, -0.7 * left], [0, 0.7, -0.7 * top]], np.float32)

    def embed(self, chips: Image) -> FloatArray:
        quarters = chips.reshape(len(chips), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(chips), 12) + 1
        return (quarters / np.linalg.norm(quarters, axis=1, keepdims=True)).astype(np.float32)


def stub_engine(*_: Any, **__: Any) -> Engine:
    calibration = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
    return Engine("builtin", "stub", "for tests", "none", StubDetector(), StubEmbedder(), calibration)


def stub_identity(*_: Any) -> dict[str, str]:
    return {"kind": "builtin", "name": "stub", "detector_sha256": "d" * 64, "embedder_sha256": "e" * 64}


def use_stub_engine(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scan, "open_engine", stub_engine)
    patch.setattr(jobs, "open_engine", stub_engine)
    patch.setattr(queue, "open_engine", stub_engine)
    patch.setattr(scan, "engine_identity", stub_identity)


def scan_all_from(port: int) -> Callable[..., dict[str, Any]]:
    """``scan_all`` whose fetches may reach a server on this machine."""
    return partial(scan_all, allowance=Allowance((("127.0.0.1", port),)))


def run_stub(film: Path, project: Path, send: EventSink = ignore_events, **settings: Any) -> ScanResult:
    """Scan with whatever engine ``use_stub_engine`` has put in place, four samples a second."""
    opened = Project.create(project)
    values = Settings().with_values({"engine": "builtin", "fps": 4.0} | settings)
    with opened.lock():
        return scan.scan(film, opened, values, Watch(send))


def environment(**more: str) -> dict[str, str]:
    return (
        os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "tests", "tests/faults"))} | more
    )


def facecrop(*arguments: object, **how: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the shell to its end."""
    return subprocess.run(
        [*FACECROP, *(os.fsencode(str(argument)) for argument in arguments)],
        capture_output=True, env=environment(**how.pop("env", {})), timeout=100, **how,
    )  # fmt: skip


def fault_library(folder: Path) -> Path | None:
    """faults.c as a library to preload; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def processes_marked(mark: str) -> list[int]:
    """Processes that were started with this mark somewhere in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended, or is not ours
    return found
