from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_joined import is_mapped, join, joined_files
from test_parts import SHA, VIDEO, Killed, sample

from facecrop_core import files
from facecrop_core.table import LateWriter, ScanReader, ScanWriter, check_scan_folder, erase_faces, late_faces

UNKNOWN = np.full(4, np.nan, np.float32)


def write_some(folder: Path, numbers: range) -> None:
    """Two faces in each sample, of which the second has no embedding; a part for every four samples."""
    writer = ScanWriter(folder, VIDEO.video_id, SHA)
    for number in numbers:
        row = sample(number, 2)
        writer.add(dataclasses.replace(row, faces=[row.faces[0], dataclasses.replace(row.faces[1], embedding=UNKNOWN)]))
        if number % 4 == 3:
            writer.flush()


def embed_rest(folder: Path, most: int = 100) -> None:
    """Give faces their embeddings as ``sample`` would."""
    table, writer = ScanReader(folder, VIDEO, SHA).table(), LateWriter(folder, SHA)
    rows = np.flatnonzero(np.isnan(table.embeddings[:, 0]))[:most]
    for row in rows:
        writer.add([table["face_id"][row]], np.full((1, 4), table["sample"][row] + 1, np.float32))
    assert writer.flush() is (len(rows) > 0)


def vectors(folder: Path) -> list[float]:
    return ScanReader(folder, VIDEO, SHA).table().embeddings[:, 0].tolist()


WHOLE = [float(value) for number in range(8) for value in (number, number + 1)]


def kinds(folder: Path) -> list[tuple[str, bool]]:
    return [(finding.kind, finding.harmless) for finding in check_scan_folder(folder, SHA, False)]


def test_late_embeddings_fill_the_rows_of_their_faces(tmp_path: Path) -> None:
    write_some(tmp_path, range(8))
    embed_rest(tmp_path, 3)
    assert vectors(tmp_path)[:7] == WHOLE[:7] and np.isnan(vectors(tmp_path)[7]) and not kinds(tmp_path)
    reader = ScanReader(tmp_path, VIDEO, SHA)
    before = reader.table().embeddings
    embed_rest(tmp_path)
    assert vectors(tmp_path) == WHOLE and late_faces(tmp_path, SHA) == 8
    assert np.isnan(before[7, 0]), "a table that was given out does not change"
    assert reader.refresh() and reader.table().embeddings[:, 0].tolist() == WHOLE and not reader.refresh()


def test_joined_rows_are_made_with_them_and_without_them_count_as_absent(tmp_path: Path) -> None:
    write_some(tmp_path, range(8))
    join(tmp_path)
    assert is_mapped(tmp_path)
    embed_rest(tmp_path)
    assert not is_mapped(tmp_path) and vectors(tmp_path) == WHOLE and kinds(tmp_path) == [("orphaned", True)]
    join(tmp_path)
    assert is_mapped(tmp_path) and vectors(tmp_path) == WHOLE and not kinds(tmp_path)
    for path in joined_files(tmp_path):
        path.unlink()
    assert vectors(tmp_path) == WHOLE


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_killed_in_between_there_are_whole_parts_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_some(tmp_path, range(4))
    real = getattr(os, step)
    for deadly in range(100):
        calls = iter(range(100))

        def dying(*args: Any, calls: Any = calls, deadly: int = deadly) -> Any:
            if next(calls) == deadly:
                raise Killed
            return real(*args)

        monkeypatch.setattr(files.os, step, dying)
        try:
            embed_rest(tmp_path)
            died = False
        except Killed:
            died = True
        monkeypatch.setattr(files.os, step, real)
        known = int(np.isfinite(vectors(tmp_path)).sum())
        assert known in (4, 8) and all(harmless for _, harmless in kinds(tmp_path))
        if not died:
            assert deadly >= 2 and known == 8
            return
        if known == 8:
            next((tmp_path / "embeddings" / SHA).glob("late-*.parquet")).unlink()
    raise AssertionError("the sweep never came to its end")


@pytest.mark.parametrize(("suffix", "kind"), [(".npy", "changed"), (".parquet", "damaged")])
def test_damage_is_found_and_costs_only_the_late_embeddings(tmp_path: Path, suffix: str, kind: str) -> None:
    write_some(tmp_path, range(8))
    embed_rest(tmp_path)
    path = next((tmp_path / "embeddings" / SHA).glob(f"late-*{suffix}"))
    path.write_bytes(path.read_bytes()[:40])
    assert (kind, False) in kinds(tmp_path)
    assert np.isnan(vectors(tmp_path)[1::2]).all() and vectors(tmp_path)[::2] == WHOLE[::2]
    embed_rest(tmp_path)
    assert vectors(tmp_path) == WHOLE


def test_erased_faces_are_taken_out_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_some(tmp_path, range(8))
    embed_rest(tmp_path, 5)
    embed_rest(tmp_path, 1)
    embed_rest(tmp_path)
    ids = ScanReader(tmp_path, VIDEO, SHA).table()["face_id"].tolist()
    gone, real = {ids[1], ids[11]}, os.replace
    calls = iter(range(100))

    def dying(*args: Any) -> Any:
        if next(calls) == 1:
            raise Killed
        return real(*args)

    monkeypatch.setattr(files.os, "replace", dying)
    with pytest.raises(Killed):
        erase_faces(tmp_path, SHA, gone)
    monkeypatch.setattr(files.os, "replace", real)
    erase_faces(tmp_path, SHA, gone)
    assert vectors(tmp_path) == [v for row, v in enumerate(WHOLE) if row not in (1, 11)]
    assert not kinds(tmp_path) and late_faces(tmp_path, SHA) == 6
    stored = [np.load(path) for path in (tmp_path / "embeddings" / SHA).glob("late-*.npy")]
    assert sorted(np.concatenate(stored)[:, 0].tolist()) == [2, 3, 4, 5, 7, 8]  # 1 and 6 were those of the two
