"""Reading a scan's parts into a FaceTable, also while the scan is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.errors import ProjectError
from facecrop_core.records import FaceTable, FloatArray, Video
from facecrop_core.table.columns import MEASURES
from facecrop_core.table.joined import is_joined, load_joined, store_joined
from facecrop_core.table.late import fill_late, late_paths
from facecrop_core.table.parts import read_table

_PLAIN = (
    "face_id",
    "sample",
    "frame",
    "time_seconds",
    "x1",
    "y1",
    "x2",
    "y2",
    "det_score",
    "thumb_offset",
    "thumb_size",
)


class ScanReader:
    """The rows of one scan. ``refresh`` reads only parts that have appeared since the last call."""

    def __init__(self, folder: Path, video: Video, embedder_sha256: str) -> None:
        self.folder, self.video, self.embedder_sha256 = folder, video, embedder_sha256
        self._parts: list[tuple[dict[str, NDArray[Any]], FloatArray]] = []
        self._seen: set[str] = set()
        self._table: FaceTable | None = None
        self._late: list[Path] = []
        self._tracks_read = 0
        """When the tracks that were read last were written, in nanoseconds; 0 where there were none."""

    def refresh(self) -> bool:
        """Read new parts, and the tracks where they are new. Returns whether anything changed."""
        frames, late = self._frames(), late_paths(self.folder, self.embedder_sha256)
        new = [path.stem for path in frames if path.stem not in self._seen]
        if not (new or late != self._late or self._tracks_written() != self._tracks_read or self._table is None):
            return False
        joined = load_joined(self.folder, self.embedder_sha256, [*frames, *late])
        if joined is not None:
            self._parts = [joined]
        else:
            self._parts += [(self._columns(n), self._embeddings(n)) for n in new if self._has_faces(n)]
        self._seen.update(new)
        self._late, self._tracks_read = late, self._tracks_written()
        self._table = self._join(late if joined is None else [])
        return True

    def table(self) -> FaceTable:
        """All faces committed so far, in order of time."""
        if self._table is None:
            self.refresh()
        assert self._table is not None
        return self._table

    def store_joined(self) -> None:
        """Put all parts together in two files, see ``joined.py``; for a scan that is at its end, by whoever writes it.

        Embeddings are not held in memory. Nothing is done where that was done before.

        Raises:
            DiskFullError, OutputError: it can be tried again. ProjectError: a part is damaged.
        """
        frames, late = self._frames(), late_paths(self.folder, self.embedder_sha256)
        numbers = [path.stem for path in frames if self._has_faces(path.stem)]
        if not numbers or is_joined(self.folder, self.embedder_sha256, [*frames, *late]):
            return
        parts = [self._columns(number) for number in numbers]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        vectors = [self._embeddings_path(number) for number in numbers]
        store_joined(self.folder, self.embedder_sha256, frames, columns, vectors, late)

    def _frames(self) -> list[Path]:
        """A file for each part that counts."""
        return sorted((self.folder / "frames").glob("*.parquet"))

    def _has_faces(self, number: str) -> bool:
        return (self.folder / "faces" / f"{number}.parquet").exists()

    def _embeddings_path(self, number: str) -> Path:
        return self.folder / "embeddings" / self.embedder_sha256 / f"{number}.npy"

    def _columns(self, number: str) -> dict[str, NDArray[Any]]:
        with self._naming(number):
            rows = read_table(self.folder / "faces" / f"{number}.parquet")
            columns: dict[str, NDArray[Any]] = {}
            for name in _PLAIN:
                column = rows[name].fill_null(-1) if name == "frame" else rows[name]
                columns[name] = column.to_numpy()
            landmarks = rows["landmarks"].combine_chunks().flatten().to_numpy()
            columns["landmarks"] = landmarks.reshape(-1, 5, 2)
            for name, wanted in MEASURES.items():
                measure = read_table(self.folder / "measures" / name / f"{number}.parquet")
                columns |= {column: measure[column].to_numpy() for column in wanted}
        return columns

    def _embeddings(self, number: str) -> FloatArray:
        with self._naming(number):
            # Not mapped: a mapping holds a descriptor, and a long film has more parts than a process may open files.
            vectors: FloatArray = np.load(self._embeddings_path(number))
        return vectors

    @contextmanager
    def _naming(self, number: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            raise ProjectError(
                f"Part {number} of the scan in {self.folder} is damaged: {error}.",
                "Delete this scan's folder and run the scan again.",
            ) from None

    def _join(self, late: list[Path]) -> FaceTable:
        if not self._parts:
            return empty_table(self.video, self.embedder_sha256)
        if len(self._parts) > 1:
            columns = {name: np.concatenate([p[0][name] for p in self._parts]) for name in self._parts[0][0]}
            self._parts = [(columns, np.concatenate([p[1] for p in self._parts]))]  # the parts' arrays may go
        if late:
            columns, embeddings = self._parts[0]
            embeddings = np.array(embeddings)  # a table that was given out before keeps what it has
            fill_late(embeddings, columns["face_id"], late)
            self._parts = [(columns, embeddings)]
        [(columns, embeddings)] = self._parts
        return FaceTable(self.video, columns | self._tracks(columns["face_id"]), embeddings, self.embedder_sha256)

    def _tracks(self, face_ids: NDArray[Any]) -> dict[str, NDArray[Any]]:
        if self._tracks_read:
            rows = read_table(self.folder / "tracks.parquet")
            if np.array_equal(rows["face_id"].to_numpy(), face_ids):
                return {"track": rows["track"].to_numpy(), "shot": rows["shot"].to_numpy()}
        unknown = np.full(len(face_ids), -1, np.int64)
        return {"track": unknown, "shot": unknown.copy()}

    def _tracks_written(self) -> int:
        path = self.folder / "tracks.parquet"
        return path.stat().st_mtime_ns if path.exists() else 0


def empty_table(video: Video, embedder_sha256: str) -> FaceTable:
    """A table without faces, with every column."""
    columns: dict[str, NDArray[Any]] = {"face_id": np.zeros(0, object), "landmarks": np.zeros((0, 5, 2), np.float32)}
    columns |= {n: np.zeros(0, np.int64) for n in ("sample", "frame", "thumb_offset", "thumb_size", "track", "shot")}
    columns |= {n: np.zeros(0, np.float32) for n in ("x1", "y1", "x2", "y2", "det_score")}
    columns |= {column: np.zeros(0, np.float32) for wanted in MEASURES.values() for column in wanted}
    columns["time_seconds"] = np.zeros(0, np.float64)
    return FaceTable(video, columns, np.zeros((0, 1), np.float32), embedder_sha256)


def read_samples(folder: Path) -> dict[str, NDArray[Any]]:
    """The samples of a scan: sample, time_seconds, faces, and signature as uint8 [n, pixels]."""
    import pyarrow as pa

    paths = sorted((folder / "frames").glob("*.parquet"))
    if not paths:
        empty = np.zeros(0, np.int64)
        return {"sample": empty, "time_seconds": np.zeros(0), "faces": empty, "signature": np.zeros((0, 1), np.uint8)}
    rows = pa.concat_tables([read_table(path) for path in paths])
    pixels = np.frombuffer(b"".join(rows["signature"].to_pylist()), np.uint8).reshape(rows.num_rows, -1)
    return {
        "sample": rows["sample"].to_numpy(),
        "time_seconds": rows["time_seconds"].to_numpy(),
        "faces": rows["faces"].to_numpy(),
        "signature": pixels,
    }


class ThumbPack:
    """The thumbnails of one scan, by offset and size."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "thumbs.pack"

    def read(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as pack:
            pack.seek(offset)
            return pack.read(size)

    def read_all(self, offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[bytes]:
        """Several thumbnails; none of them where the pack is gone."""
        if not self.path.exists():
            return [b""] * len(offsets)
        thumbs = []
        with self.path.open("rb") as pack:
            for offset, size in zip(offsets.tolist(), sizes.tolist(), strict=True):
                pack.seek(offset)
                thumbs.append(pack.read(size))
        return thumbs
