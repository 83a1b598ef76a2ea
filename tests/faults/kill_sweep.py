"""Scans a film again and again, each time killed at a later step, resumed, and compared with an uninterrupted run.

  LD_PRELOAD=faults.so kill_sweep.py FILM PHOTO FOLDER FAULTS.SO STRIDE EMBED

Prints one JSON object: how many steps a run has, how many of them were deadly, and what went wrong.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import fault_tools

# What the children need is imported here, once: a fork copies it.
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pytest

from facecrop_core.pipeline import late, looking
from facecrop_core.pipeline.jobs import JobRequest, run_job
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.report import faces_frame
from facecrop_core.pipeline.verify import verify
from facecrop_core.table import read_samples


def in_child(work: Callable[[], object]) -> int:
    """Run something in a fork; returns its exit status, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001  the child must not go on as a second parent
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Sweep:
    def __init__(self, film: Path, photo: Path, folder: Path, library: Path, embed: str) -> None:
        self.settings = {"engine": "builtin", "fps": 4.0, "embed": embed}
        self.film, self.photo, self.folder = film, photo, folder
        self.library = ctypes.CDLL(str(library))
        self.answer = folder / "answer"

    def run(self, project: Path, deadly: int | None) -> int:
        """Scan; killed at step ``deadly``. Leaves the number of steps in ``answer``."""

        def work() -> None:
            if deadly is not None:
                self.library.killer_arm(os.fsencode(project), ctypes.c_long(deadly))
            run_job(JobRequest("scan", project, (self.film,), (self.photo,), settings=self.settings))
            self.answer.write_text(str(self.library.killer_count()))

        return in_child(work)

    def digest(self, project: Path) -> str:
        """A hash of all that a scan found, of whatever a check finds wrong, and of files that should not be there."""

        def work() -> None:
            opened = Project.open(project)
            findings = verify(project)["findings"]
            faces = faces_frame(opened, with_embeddings=True)
            record = opened.scans()[0]
            samples = [values.tolist() for values in read_samples(record.folder).values()]
            table, thumbs = record.reader().table(), record.thumbs()
            places = zip(table["thumb_offset"], table["thumb_size"], strict=True)
            jpegs = [thumbs.read(int(offset), int(size)) for offset, size in places]
            files = sorted(path.name for path in project.rglob("*") if path.is_file() and path.suffix != ".log")
            content = (findings, faces.to_json(), samples, jpegs, record.content, files)
            self.answer.write_text(hashlib.sha256(repr(content).encode()).hexdigest())

        return "failed" if in_child(work) else self.answer.read_text()

    def sound(self, project: Path) -> bool:
        """Whether a killed run left nothing that would have to be repaired by hand."""

        def work() -> None:
            assert not [f for f in verify(project)["findings"] if not f["harmless"]]

        return not (project / "project.json").exists() or in_child(work) == 0

    def sweep(self, stride: int) -> dict[str, object]:
        whole = self.folder / "whole"
        assert self.run(whole, deadly=1_000_000) == 0
        steps, wrong, killed = int(self.answer.read_text()), [], 0
        expected = self.digest(whole)
        for step in range(0, steps, stride):
            project = self.folder / f"killed{step}"
            if self.run(project, step) != -signal.SIGKILL:
                wrong.append(f"step {step} did not kill")
                continue
            killed += 1
            if not self.sound(project):
                wrong.append(f"step {step} left damage")
            if self.run(project, None) != 0 or self.digest(project) != expected:
                wrong.append(f"step {step} did not resume to the same rows")
            shutil.rmtree(project)
        return {"steps": steps, "killed": killed, "wrong": wrong}


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        fault_tools.use_stub_engine(patch)
        patch.setattr(looking, "SAMPLES_PER_PART", 4)
        patch.setattr(late, "FACES_PER_PART", 4)
        film, photo, folder, library = map(Path, sys.argv[1:5])
        print(json.dumps(Sweep(film, photo, folder, library, sys.argv[6]).sweep(int(sys.argv[5]))))
