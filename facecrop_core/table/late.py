"""Embeddings that were made after the scan, of faces whose row was NaN until then.

A late part is an array and, beside it, its faces' ids with the array's digest. It counts once the ids are there, which
are written last, and is never changed afterwards but where faces are erased.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.files import commit
from facecrop_core.records import FloatArray
from facecrop_core.table.columns import PROOF
from facecrop_core.table.parts import commit_table, file_digest, read_table

log = logging.getLogger(__name__)


def late_paths(folder: Path, embedder_sha256: str) -> list[Path]:
    """The ids' file of each late part of a scan's folder, in the order in which they were made."""
    return sorted((folder / "embeddings" / embedder_sha256).glob("late-*.parquet"))


def late_faces(folder: Path, embedder_sha256: str) -> int:
    """How many faces of a scan's folder were embedded later."""
    parts = (_read(path) for path in late_paths(folder, embedder_sha256))
    return sum(len(part[0]) for part in parts if part is not None)


class LateWriter:
    """Stores embeddings that were made later, in parts. What was never finished is replaced."""

    def __init__(self, folder: Path, embedder_sha256: str) -> None:
        self._folder, self._embedder_sha256 = folder, embedder_sha256
        self._ids: list[str] = []
        self._vectors: list[FloatArray] = []
        self.stored = 0

    @property
    def waiting(self) -> int:
        return len(self._ids)

    def add(self, face_ids: Sequence[str], vectors: FloatArray) -> None:
        self._ids += face_ids
        self._vectors += list(vectors)

    def flush(self) -> bool:
        """Commit what was added as one part. Returns whether there was anything.

        Raises:
            DiskFullError, OutputError: it can be tried again.
        """
        if not self._ids:
            return False
        before = late_paths(self._folder, self._embedder_sha256)
        number = int(before[-1].stem.removeprefix("late-")) + 1 if before else 0
        path = self._folder / "embeddings" / self._embedder_sha256 / f"late-{number:06d}.parquet"
        commit_vectors(path.with_suffix(".npy"), np.stack(self._vectors))
        _commit_ids(path, self._ids)
        self.stored += len(self._ids)
        self._ids, self._vectors = [], []
        return True


def commit_vectors(path: Path, vectors: FloatArray) -> None:
    """Write embeddings [n, d] as an array of float32, and check that all of it is there."""
    array = np.asarray(vectors, np.float32)

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, array)

    def check(part: Path) -> None:
        if np.load(part, mmap_mode="r").shape != array.shape:
            raise OSError(5, "embeddings were cut short")

    commit(path, write, check)


def _commit_ids(path: Path, face_ids: Sequence[str]) -> None:
    import pyarrow as pa

    vectors = path.with_suffix(".npy")
    proof = {"files": {vectors.name: file_digest(vectors)}}
    schema = pa.schema([("face_id", pa.string())]).with_metadata({PROOF: json.dumps(proof)})
    commit_table(path, pa.table({"face_id": list(face_ids)}, schema=schema))


def fill_late(embeddings: FloatArray, face_ids: NDArray[Any], paths: Sequence[Path]) -> None:
    """Put the embeddings of late parts into the rows [n, d] of their faces, in place.

    A part that is damaged is left out, with a word in the log: its faces count as not embedded.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [part for path in paths if (part := _read(path)) is not None]
    if not parts:
        return
    ids = pa.concat_arrays([ids for ids, _ in parts])
    place = pc.index_in(pa.array(face_ids, pa.string()), value_set=ids).fill_null(-1).to_numpy()
    begin = 0
    for part_ids, vectors_path in parts:
        end = begin + len(part_ids)
        rows = np.flatnonzero((place >= begin) & (place < end))
        embeddings[rows] = np.load(vectors_path)[place[rows] - begin]
        begin = end


def _read(path: Path) -> tuple[Any, Path] | None:
    """A part's ids and where its array lies; None where either cannot be used."""
    vectors = path.with_suffix(".npy")
    try:
        ids = read_table(path)["face_id"].combine_chunks()
        count = len(np.load(vectors, mmap_mode="r"))
        if count != len(ids):
            raise ValueError(f"{count} embeddings for {len(ids)} faces")
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s cannot be used (%s); its faces count as not embedded.", path, error)
        return None
    return ids, vectors


def erase_late(folder: Path, embedder_sha256: str, gone: Collection[str]) -> None:
    """Take faces out of all late parts; it may be cut short at any moment and done again."""
    for path in late_paths(folder, embedder_sha256):
        ids, vectors = read_table(path)["face_id"].to_pylist(), path.with_suffix(".npy")
        staying = [face_id for face_id in ids if face_id not in gone]
        if len(staying) == len(ids):
            continue
        if not staying:
            path.unlink()
            vectors.unlink(missing_ok=True)
            continue
        array = np.load(vectors)
        if len(array) == len(ids):  # else it was cut short here before
            commit_vectors(vectors, array[[face_id not in gone for face_id in ids]])
        _commit_ids(path, staying)
