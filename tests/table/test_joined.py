from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_parts import SHA, VIDEO, Killed, read, same, sample, write

from facecrop_core import files
from facecrop_core.table import ScanReader, ScanWriter


def join(folder: Path) -> None:
    ScanReader(folder, VIDEO, SHA).store_joined()


def joined_files(folder: Path) -> list[Path]:
    return [folder / "joined.parquet", folder / "embeddings" / SHA / "joined.npy"]


def is_mapped(folder: Path) -> bool:
    """Whether a table's embeddings come from the joined file."""
    base: Any = ScanReader(folder, VIDEO, SHA).table().embeddings
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)


def test_joined_rows_are_those_of_the_parts(tmp_path: Path) -> None:
    write(tmp_path, range(10))
    expected = read(tmp_path)
    types = {name: values.dtype for name, values in ScanReader(tmp_path, VIDEO, SHA).table().columns.items()}
    join(tmp_path)
    assert is_mapped(tmp_path) and same(read(tmp_path), expected)
    table = ScanReader(tmp_path, VIDEO, SHA).table()
    assert {name: values.dtype for name, values in table.columns.items()} == types
    assert not table.embeddings.flags.writeable


def test_joining_again_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, range(10))
    join(tmp_path)
    before = [path.stat().st_mtime_ns for path in joined_files(tmp_path)]
    join(tmp_path)
    assert [path.stat().st_mtime_ns for path in joined_files(tmp_path)] == before


def test_a_scan_without_faces_has_nothing_to_join(tmp_path: Path) -> None:
    write(tmp_path, range(1))  # sample 0 has no face
    join(tmp_path)
    assert (
        not any(path.exists() for path in joined_files(tmp_path)) and len(ScanReader(tmp_path, VIDEO, SHA).table()) == 0
    )


def test_after_more_parts_the_joined_rows_count_as_absent(tmp_path: Path) -> None:
    write(tmp_path, range(4))
    join(tmp_path)
    reader = ScanReader(tmp_path, VIDEO, SHA)
    before = len(reader.table())
    writer = ScanWriter(tmp_path, VIDEO.video_id, SHA)
    writer.add(sample(4, 2))
    writer.flush()
    assert reader.refresh() and len(reader.table()) == before + 2
    assert not is_mapped(tmp_path) and len(ScanReader(tmp_path, VIDEO, SHA).table()) == before + 2
    join(tmp_path)
    (tmp_path / "tracks.parquet").unlink(missing_ok=True)
    assert is_mapped(tmp_path)
    write(tmp_path / "whole", range(4))
    expected = ScanReader(tmp_path, VIDEO, SHA).table()
    assert np.array_equal(reader.table().embeddings, expected.embeddings)


@pytest.mark.parametrize("which", [0, 1])
def test_damaged_ones_are_not_used(tmp_path: Path, which: int) -> None:
    write(tmp_path, range(10))
    expected = read(tmp_path)
    join(tmp_path)
    path = joined_files(tmp_path)[which]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not is_mapped(tmp_path) and same(read(tmp_path), expected)


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_killed_while_joining_the_rows_stay_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write(tmp_path, range(4))
    join(tmp_path)
    ScanWriter(tmp_path, VIDEO.video_id, SHA)
    write(tmp_path, range(4, 8))
    expected, real = read(tmp_path), getattr(os, step)
    for deadly in range(100):
        calls = iter(range(100))

        def dying(*args: Any, calls: Any = calls, deadly: int = deadly) -> Any:
            if next(calls) == deadly:
                raise Killed
            return real(*args)

        monkeypatch.setattr(files.os, step, dying)
        try:
            join(tmp_path)
            died = False
        except Killed:
            died = True
        monkeypatch.setattr(files.os, step, real)
        assert same(read(tmp_path), expected), f"after dying at {step} {deadly}"
        if not died:
            assert deadly >= 2 and is_mapped(tmp_path)
            return
    raise AssertionError("the sweep never came to its end")
