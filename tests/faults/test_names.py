"""File names that break programs, all the way from the command line to the dataset."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import clips
import cv2
import pandas as pd
import pytest
from fault_tools import facecrop, use_stub_engine

from facecrop_core.cli import main
from facecrop_core.names import readable, utf8

NAMES = [
    b"with space'\".mp4", "line\nfeed rtl\u202e4pm.mp4".encode(), b"-%03d.mp4", b"[red]*.mp4", b"bytes\xff\xfe.mp4",
    "=fi\u0301lm \u6620\u753b.mp4".encode(),
]  # fmt: skip
BROKEN = b"\n2000-01-01 broken\xff.mp4"
HOSTILE = os.fsdecode(b"\xff %03d\n'\"")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films of these names, extracted with a person, an output and a project of such names, too."""
    folder = tmp_path_factory.mktemp("names") / HOSTILE
    (folder / "films").mkdir(parents=True)
    film = clips.numbered_clip(folder / "films" / "film.mp4", 4, 8)
    for number, name in enumerate(NAMES):  # a byte more makes another video
        (folder / "films" / os.fsdecode(name)).write_bytes(film.read_bytes() + bytes(number + 1))
    film.write_bytes(b"no film")
    film.rename(film.with_name(os.fsdecode(BROKEN)))
    (folder / "refs" / f"anna {HOSTILE}").mkdir(parents=True)
    encoded = cv2.imencode(".png", clips.person_photo("anna"))[1]
    (folder / "refs" / f"anna {HOSTILE}" / "-\udcff.png").write_bytes(encoded.tobytes())
    with pytest.MonkeyPatch.context() as patch:
        use_stub_engine(patch)
        line = ["extract", "films", "--refs", "refs", "--out", f"out {HOSTILE}", "--engine", "builtin", "--fps", "2"]
        patch.chdir(folder)
        assert main([*line, "--size", "32", "--sim", "off", "--json"]) == 3  # one of them is broken
    return folder


def dataset(folder: Path) -> Path:
    return folder / f"out {HOSTILE}"


def test_every_video_is_scanned_and_exported(extracted: Path) -> None:
    lines = (dataset(extracted) / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["video"] for row in rows} == {utf8(os.fsdecode(name)) for name in NAMES}
    assert len(rows) == len(NAMES) and all((dataset(extracted) / row["file_name"]).is_file() for row in rows)
    with (extracted / "logs" / "video" / "video_stats.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == len(NAMES) and "'=fi\u0301lm \u6620\u753b" in [row["video_id"] for row in found]
    assert (extracted / f"out {HOSTILE}.contact_sheet.jpg").stat().st_size > 1000


def test_project_and_log_name_them(extracted: Path) -> None:
    project = extracted / f"out {HOSTILE}.facecrop"
    paths = [entry["path"] for entry in json.loads((project / "project.json").read_text())["videos"].values()]
    assert {os.fsencode(Path(path).name) for path in paths} == set(NAMES)  # the very bytes, to find them again
    log = (project / "logs" / "facecrop.log").read_text(encoding="utf-8")
    assert r"\n2000-01-01 broken\xff.mp4" in log and "\n2000" not in log  # no name makes a line of its own


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_the_table_of_faces_takes_them(extracted: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"{HOSTILE}.{suffix}"
    assert main(["faces", "--project", str(extracted / f"out {HOSTILE}.facecrop"), "--out", str(out)]) == 0
    plain = Path(shutil.copy(out, tmp_path / f"plain.{suffix}"))
    table: Any = {"parquet": pd.read_parquet, "csv": pd.read_csv}.get(suffix, lambda p: pd.read_json(p, lines=True))(
        plain
    )
    assert {Path(path).name for path in table["video"]} == {utf8(os.fsdecode(name)) for name in NAMES}


def test_a_terminal_that_knows_only_ascii_shows_them(extracted: Path) -> None:
    (extracted / "films" / os.fsdecode(NAMES[4])).unlink()  # so that verify names it
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    project = extracted / f"out {HOSTILE}.facecrop"
    shown = facecrop("verify", "--project", project, env=ascii_only)
    assert shown.returncode == 1 and rb"bytes\xff\xfe.mp4" in shown.stdout and b"Traceback" not in shown.stderr
    answer = json.loads(facecrop("verify", "--project", project, "--json", env=ascii_only).stdout)
    assert os.fsencode(Path(answer["findings"][0]["path"]).name) == NAMES[4]


def test_names_are_escaped_for_people_and_kept_for_programs() -> None:
    assert readable("a\nb\u202ec\udcff é") == "a\\nb\\u202ec\\xff é"
    assert utf8("a\nb\udcff é") == "a\nb\\xff é"
