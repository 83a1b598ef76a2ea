from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import clips
import cv2
import pytest
from fault_tools import environment, fault_library

HERE = Path(__file__).parent


def sweep(tmp_path: Path, stride: int, embed: str) -> dict[str, Any]:
    library = fault_library(tmp_path)
    if library is None:
        pytest.skip("no C compiler: the process cannot be killed at its system calls")
    film = clips.numbered_clip(tmp_path / "film.mp4", 24, 8)
    photo = tmp_path / "anna.png"
    cv2.imwrite(str(photo), clips.person_photo("anna"))
    (tmp_path / "projects").mkdir()
    done = subprocess.run(
        [sys.executable, HERE / "kill_sweep.py", film, photo, tmp_path / "projects", library, str(stride), embed],
        env=environment(LD_PRELOAD=os.fspath(library), OPENBLAS_NUM_THREADS="1"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["wrong"] == [], f"{result['wrong']}\n{done.stderr[-3000:]}"
    return result


@pytest.mark.parametrize(("stride", "embed"), [(67, "all"), (131, "needed")])
def test_killed_at_some_writes_a_scan_resumes_to_the_same_rows(tmp_path: Path, stride: int, embed: str) -> None:
    assert sweep(tmp_path, stride, embed)["killed"] >= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_write_rename_and_fsync_a_scan_resumes_to_the_same_rows(tmp_path: Path) -> None:
    result = sweep(tmp_path, 1, "all")
    assert result["killed"] == result["steps"] > 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_every_ninth_step_a_scan_that_embeds_later_resumes_to_the_same_rows(tmp_path: Path) -> None:
    result = sweep(tmp_path, 9, "needed")
    assert result["killed"] >= result["steps"] // 9 > 20
