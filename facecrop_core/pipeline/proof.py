"""A search of the disk for what is left of somebody: in the project's files and in the datasets made from it."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.export import SOURCE_START, archive_path, sheet_path
from facecrop_core.pipeline.project import Project
from facecrop_core.records import FloatArray

NEEDLE_BYTES = 16
CHUNK_BYTES = 1 << 24
BINARY = (".pack", ".npy", ".tar", ".zip", ".png", ".jpg", ".jpeg", ".webp", ".avif")
"""Files in which a short name could stand by chance; they hold no text."""


@dataclass(frozen=True)
class Evidence:
    """What would betray that somebody is still known: names, ids of faces, embeddings, pictures."""

    names: tuple[str, ...]
    face_ids: tuple[str, ...] = ()
    embeddings: tuple[FloatArray, ...] = ()
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Trace:
    """Something of them that was found."""

    path: Path
    words: str


def prove_forgotten(project: Project, evidence: Evidence) -> list[Trace]:
    """Search every file of the project and of the datasets that were written from it; nothing may be found.

    Names are looked for as words in texts, tables, the database and files' names, but not in the paths of the videos,
    which are the user's own; ids, embeddings and pictures are looked for by their bytes, in what is compressed, too.
    """
    search = _Search(evidence)
    traces: list[Trace] = []
    for root in [project.folder, *(out for out, _ in project.exports)]:
        for path in sorted(root.rglob("*")) if root.is_dir() else []:
            if search.named(" / ".join(path.relative_to(root).parts)):
                traces.append(Trace(path, "it is called like the person"))
            if path.is_file() and not path.is_relative_to(project.folder / "sources"):
                traces += [Trace(path, words) for words in dict.fromkeys(search.file(path))]
    beside = {path for out, statistics in project.exports for path in (statistics, sheet_path(out), archive_path(out))}
    for path in sorted(beside):
        if path.is_file():
            traces += [Trace(path, words) for words in dict.fromkeys(search.file(path))]
    return traces


class _Search:
    def __init__(self, evidence: Evidence) -> None:
        words = "|".join(re.escape(name) for name in evidence.names)
        self._names = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
        ids = [face_id.encode()[:NEEDLE_BYTES] for face_id in evidence.face_ids]
        self._needles = dict.fromkeys(ids, "the id of a face")
        blobs = [(np.asarray(vector, "<f4").tobytes(), "an embedding") for vector in evidence.embeddings]
        for data, words in blobs + [(picture, "a picture") for picture in evidence.pictures]:
            self._needles |= dict.fromkeys(_pick(data), words)
        self._starts = np.zeros(1 << 24, np.bool_)
        heads = np.array([list(needle[:3]) for needle in self._needles], np.int64).reshape(-1, 3)
        self._starts[heads @ [1, 1 << 8, 1 << 16]] = True

    def named(self, text: str) -> bool:
        return self._names is not None and self._names.search(text) is not None

    def file(self, path: Path) -> Iterator[str]:
        """What a file holds of the person, in words."""
        with path.open("rb") as file:
            tail = b""
            while block := file.read(CHUNK_BYTES):
                yield from self._bytes(tail + block)
                tail = block[-NEEDLE_BYTES:]
        if path.suffix == ".parquet":
            yield from self._parquet(path)
        elif path.suffix == ".sqlite":
            yield from self._database(path)
        elif path.suffix not in BINARY and not path.name.startswith("people.sqlite"):
            yield from (f"the name in {line!r}" for line in _texts(path) if self.named(line))

    def _bytes(self, data: bytes) -> Iterator[str]:
        """Needles in raw bytes: where three bytes fit, the rest is compared."""
        values = np.frombuffer(data, np.uint8)
        if len(values) < NEEDLE_BYTES or not self._needles:
            return
        heads = values[:-2].astype(np.int32) | values[1:-1].astype(np.int32) << 8 | values[2:].astype(np.int32) << 16
        for place in np.flatnonzero(self._starts[heads]).tolist():
            words = self._needles.get(data[place : place + NEEDLE_BYTES])
            if words is not None:
                yield words

    def _parquet(self, path: Path) -> Iterator[str]:
        from facecrop_core.table import read_table

        rows = read_table(path)
        for column in rows.columns:
            for chunk in column.chunks:
                for buffer in chunk.buffers():
                    yield from self._bytes(b"" if buffer is None else buffer.to_pybytes())
            if str(column.type) == "string" and any(self.named(text or "") for text in column.to_pylist()):
                yield "the name"

    def _database(self, path: Path) -> Iterator[str]:
        with closing(sqlite3.connect(path)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for value in (value for row in database.execute(f'SELECT * FROM "{table}"') for value in row):
                    if isinstance(value, str) and self.named(value):
                        yield f"the name in table {table}"
                    elif isinstance(value, bytes):
                        yield from self._bytes(value)
            for (changes,) in database.execute("SELECT changes FROM action WHERE changes IS NOT NULL"):
                text = zlib.decompress(changes).decode()
                if self.named(text) or any(True for _ in self._bytes(text.encode())):
                    yield "the history"


def _pick(data: bytes) -> list[bytes]:
    """Sixteen bytes each from two places of a blob: of its end, because pictures begin alike, and not of blank ones."""
    places = [len(data) * 7 // 8, len(data) * 3 // 4, len(data) * 15 // 16, len(data) - NEEDLE_BYTES - 2]
    pieces = [data[place : place + NEEDLE_BYTES] for place in places if place >= 0]
    return [piece for piece in pieces if len(piece) == NEEDLE_BYTES and len(set(piece)) >= NEEDLE_BYTES // 2][:2]


def _texts(path: Path) -> Iterable[str]:
    """The texts in a file that somebody can read: JSON's values but for paths, or lines."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        return _values(json.loads(text))
    if path.suffix == ".jsonl":
        return [value for line in text.splitlines() if line for value in _values(json.loads(line))]
    if path.suffix == ".csv":
        return [cell for row in csv.reader(text.splitlines()[1:]) for cell in row[:1]]
    return [line for line in text.splitlines() if not line.startswith(SOURCE_START)]  # videos' names


def _values(value: Any, key: str = "") -> Sequence[str]:
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in _values(item, name)]
    if isinstance(value, list):
        return [text for item in value for text in _values(item, key)]
    return [value] if isinstance(value, str) and key not in ("path", "video", "video_id", "out", "statistics") else []
