from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facecrop_core import files as files_module
from facecrop_core.errors import DiskFullError, OutputError, ProjectError
from facecrop_core.records import Video
from facecrop_core.table import (
    FaceRow,
    SampleRow,
    ScanReader,
    ScanWriter,
    ThumbPack,
    commit_json,
    read_json,
    read_samples,
)

VIDEO = Video(Path("film.mp4"), "v" * 32, 1000, 640, 480, Fraction(25), 10.0, 250, "h264", "yuv420p")
SHA = "e" * 64


def sample(number: int, faces: int = 1) -> SampleRow:
    """A sample whose numbers all follow from its own."""
    rows = [
        FaceRow(
            (10.0 + i, 20.0, 110.0 + i, 140.0),
            np.full((5, 2), number, np.float32),
            0.9,
            np.full(4, number + i, np.float32),
            {"tenengrad": float(number), "yaw": 3.0},
            f"jpeg of {number}.{i}".encode(),
        )
        for i in range(faces)
    ]
    return SampleRow(number, number * 3, number / 8, bytes([number % 256]) * 576, rows)


def write(folder: Path, numbers: range, per_part: int = 4) -> ScanWriter:
    writer = ScanWriter(folder, VIDEO.video_id, SHA)
    for number in numbers:
        writer.add(sample(number, faces=number % 3))
        if len(writer.samples) == per_part:
            writer.flush()
    writer.flush()
    return writer


def read(folder: Path) -> dict[str, Any]:
    table = ScanReader(folder, VIDEO, SHA).table()
    pack = ThumbPack(folder)
    jpegs = [pack.read(int(o), int(s)) for o, s in zip(table["thumb_offset"], table["thumb_size"], strict=True)]
    columns = {name: values.tolist() for name, values in table.columns.items() if name != "thumb_offset"}
    return columns | {"embeddings": table.embeddings.tolist(), "jpegs": jpegs} | {
        name: values.tolist() for name, values in read_samples(folder).items()
    }  # fmt: skip


def same(a: Any, b: Any) -> bool:
    return repr(a) == repr(b)  # NaN equals NaN


def test_rows_come_back(tmp_path: Path) -> None:
    write(tmp_path, range(10))
    rows = read(tmp_path)
    assert rows["jpegs"] == [f"jpeg of {n}.{i}".encode() for n in range(10) for i in range(n % 3)]
    assert rows["faces"] == [n % 3 for n in range(10)] and rows["time_seconds"][:2] == [0.0, 0.125]
    table = ScanReader(tmp_path, VIDEO, SHA).table()
    assert table.boxes_xyxy.shape == (len(table), 4) and len(set(table["face_id"])) == len(table)
    assert np.isnan(table["pitch"]).all() and (table["yaw"] == 3).all() and (table["track"] == -1).all()


def test_reader_takes_in_new_parts_only(tmp_path: Path) -> None:
    write(tmp_path, range(4))
    reader = ScanReader(tmp_path, VIDEO, SHA)
    assert reader.refresh() and not reader.refresh()
    before = len(reader.table())
    writer = ScanWriter(tmp_path, VIDEO.video_id, SHA)
    writer.add(sample(4, 2))
    writer.flush()
    assert reader.refresh() and len(reader.table()) == before + 2


def test_a_table_of_many_parts_keeps_no_file_open(tmp_path: Path) -> None:
    write(tmp_path, range(40), per_part=1)
    before = len(os.listdir("/proc/self/fd"))
    reader = ScanReader(tmp_path, VIDEO, SHA)
    assert len(reader.table()) and len(os.listdir("/proc/self/fd")) == before


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it and tidy up."""


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_killed_at_every_step_and_resumed_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(tmp_path / "whole", range(8))
    expected = read(tmp_path / "whole")
    real = getattr(os, step)
    for deadly in range(200):
        folder, calls = tmp_path / f"{step}{deadly}", iter(range(10_000))

        def dying(*args: Any, calls: Any = calls, deadly: int = deadly) -> Any:
            if next(calls) == deadly:
                raise Killed
            return real(*args)

        monkeypatch.setattr(files_module.os, step, dying)
        try:
            write(folder, range(8))
            died = False
        except Killed:
            died = True
        monkeypatch.setattr(files_module.os, step, real)
        resumed = ScanWriter(folder, VIDEO.video_id, SHA)
        for number in range(resumed.next_sample, 8):
            resumed.add(sample(number, faces=number % 3))
        resumed.flush()
        assert same(read(folder), expected), f"after dying at {step} {deadly}"
        assert not list(folder.rglob("*.part"))
        if not died:
            assert deadly > 10
            return
    raise AssertionError("the sweep never came to its end")


def test_disk_full_is_named_and_loses_no_earlier_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = write(tmp_path, range(4))
    kept = read(tmp_path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer.add(sample(4, 2))
    with monkeypatch.context() as patch:
        patch.setattr(files_module.os, "fsync", full)
        with pytest.raises(DiskFullError, match="run the same command again"):
            writer.flush()
    assert same(read(tmp_path), kept)
    assert writer.flush() and len(ScanReader(tmp_path, VIDEO, SHA).table()) == len(kept["jpegs"]) + 2


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        commit_json(tmp_path / "file" / "x.json", {})


def test_damaged_parts_are_named(tmp_path: Path) -> None:
    write(tmp_path, range(8))
    path = tmp_path / "faces" / "000001.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ProjectError, match="Part 000001"):
        ScanReader(tmp_path, VIDEO, SHA).table()
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ProjectError, match=r"bad\.json"):
        read_json(tmp_path / "bad.json")
