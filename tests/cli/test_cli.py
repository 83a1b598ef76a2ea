from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clips
import cv2
import pandas as pd
import pytest

from facecrop_core.cli import main

FACECROP = Path(sys.executable).with_name("facecrop")
FAST = ("--engine", "builtin", "--fps", "5")


@pytest.fixture(scope="module")
def film() -> Path:
    return clips.shared("cli.mp4", clips.cast_clip, (("anna",), ("grace",)))[0]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "grace.png"), clips.person_photo("grace"))
    return tmp_path / "grace.png"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_extract_from_the_shell(capsys: Any, tmp_path: Path, film: Path, photo: Path) -> None:
    status, out, err = run(capsys, "extract", film, "--refs", photo, "--out", tmp_path / "o", *FAST, "--size", 64)
    assert status == 0 and "SAVED 5 crops (grace 5)" in out and "no_match 5" in out and "Scanning cli.mp4" in err
    assert (tmp_path / "o.facecrop" / "project.json").is_file() and (tmp_path / "o" / "000005.png").is_file()
    project = tmp_path / "o.facecrop"
    status, out, _ = run(capsys, "export", "--project", project, "--out", tmp_path / "e", "--sim", "1", "--json")
    result = json.loads(out.splitlines()[-1])
    assert status == 0 and result["saved"] == 0 and result["not_kept"]["no_match"] == 10
    status, out, _ = run(capsys, "faces", "--project", project, "--out", tmp_path / "f.parquet", "--json")
    assert json.loads(out)["faces"] == 10 and len(pd.read_parquet(tmp_path / "f.parquet")) == 10


def test_the_documented_command_line_of_face_extract_runs(capsys: Any, tmp_path: Path, film: Path, photo: Path) -> None:
    refs = tmp_path / "refs"
    refs.mkdir()
    shutil.move(photo, refs / "grace.png")
    line = (
        f"extract --preset face-extract --engine builtin --video {film} --out {tmp_path}/data_src/aligned --fps 8 "
        f"--size 512 --refs_dir {refs} --sim 0.30 --det_size 640 --det_thresh 0.30 --edge_policy skip --bbox_pad 0.34 "
        "--min_crop_px 200 --max_upscale 2.9 --min_face_frac_crop 0.30 --low_cpu off --ep trt,cuda,cpu "
        "--max_per_frame 1 --yaw_shift off --ref_clahe on --print_every 1000 --debug_every 0 --help on"
    )
    status, out, _ = run(capsys, *line.split())
    assert status == 0 and "SAVED 8 crops" in out, out
    assert (tmp_path / "data_src" / "logs" / "video" / "video_stats.csv").is_file()
    assert "--bbox-pad" in (tmp_path / "data_src" / "logs" / "facecrop_extract.txt").read_text()


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("extract none.mp4 --out o", 1, "There is no file"),
        ("extract --out o", 2, "No video was named."),
        ("extract {film} --out o --bbox-padd 1", 2, "Did you mean '--bbox-pad'?"),
        ("extract {film} --out o --fps 0", 2, "fps must be 0.01 to 240"),
        ("extract {film} --out o --sim high", 2, "--sim takes a number, not 'high' (auto or off also work)"),
        ("extract {film} --out o --preset strickt", 2, "Did you mean 'strict'?"),
        ("extract {film} --out o --pack none", 1, "There is no pack or folder 'none'"),
        ("extract {film} --out o --refs none.jpg", 1, "none.jpg"),
        ("extract {film} --out o --refs a --refs-dir b", 2, "Use one of them"),
        ("extract {tmp} --out o", 1, "holds no video"),
        ("scan {film}", 2, "--project"),
        ("faces --project none --out f.csv", 1, "is no project"),
        ("wrong", 2, "invalid choice"),
        ("models get", 2, "Which pack?"),
        ("models get nothing", 1, "There is no published pack 'nothing'"),
    ],
)
def test_errors_say_what_to_do(
    capsys: Any, tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    found, out, err = run(capsys, *line.format(film=film, tmp=tmp_path / "empty").split())
    assert found == status and words in err and "Traceback" not in err
    found, out, _ = run(capsys, *line.format(film=film, tmp=tmp_path / "empty").split(), "--json")
    assert json.loads(out.splitlines()[-1])["error"] in err


def test_models_and_doctor(capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACECROP_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    status, out, _ = run(capsys, "models", "list")
    assert status == 0 and "buffalo_l" in out and "non-commercial" in out
    status, out, err = run(capsys, "models", "get", "buffalo_sc")
    assert status == 1 and "non-commercial" in err and "--accept-licence" in err
    status, out, _ = run(capsys, "doctor", "--engine", "builtin", "--json")
    assert status == 0 and json.loads(out)


@pytest.mark.slow
def test_killed_at_once_and_run_again_it_ends_as_if_uninterrupted(tmp_path: Path, film: Path) -> None:
    def command(project: str) -> list[str]:
        return [str(FACECROP), "scan", str(film), "--project", str(tmp_path / project), *FAST, "--fps", "12", "--json"]

    def table(project: str) -> str:
        path = tmp_path / f"{project}.jsonl"
        subprocess.run(
            [FACECROP, "faces", "--project", tmp_path / project, "--out", path], check=True, capture_output=True
        )
        return path.read_text()

    subprocess.run(command("whole"), check=True, capture_output=True)
    process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while not list((tmp_path / "killed").rglob("scan.json")) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(command("killed"), check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "complete"
    assert table("killed") == table("whole")
    assert not list((tmp_path / "killed").rglob("*.part"))


def test_ctrl_c_leaves_a_scan_that_can_be_resumed(tmp_path: Path) -> None:
    film, _ = clips.shared("cli_long.mp4", clips.cast_clip, (("anna",), ("grace",)) * 5)
    command = [str(FACECROP), "scan", str(film), "--project", str(tmp_path / "p"), *FAST]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Scanning" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "goes on" in err and "Traceback" not in err
    status = json.loads(next((tmp_path / "p").rglob("scan.json")).read_text())["status"]
    assert status == "cancelled"
