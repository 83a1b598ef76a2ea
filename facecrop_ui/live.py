"""What a run has found so far, as the columns that the browser filters.

The browser applies the two sliders by itself; see ``facecrop_core.pipeline.refilter``.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.pipeline.choosing import choose_set, ranks_faces
from facecrop_core.pipeline.curation import load_curated
from facecrop_core.pipeline.produce import evaluate, project_references
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.pipeline.refilter import SliderColumns, slider_columns, with_ranked
from facecrop_core.records import FaceTable
from facecrop_core.settings import Settings

COLUMNS = {
    "similarity": "<f4", "above": "<f4", "sharpness": "<f4", "limit": "<f4", "time": "<f4", "id": "<u4",
    "person": "<i2", "auto": "<i2", "other": "<i2", "reason": "u1", "always": "u1", "video": "u1",
}  # fmt: skip
"""What is sent for each face, in this order; the widest first, so that each column is aligned."""
REST = 10.0
"""While a scan runs, evaluating takes at most one part in so many of the time."""
KEPT_VIEWS = 4
HEADER = "<u4"
ROWS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Snapshot:
    """All faces of a run at one moment. ``generation`` grows whenever rows that were there before have changed."""

    generation: int = 0
    names: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    columns: dict[str, NDArray[Any]] = field(default_factory=lambda: {n: np.zeros(0, t) for n, t in COLUMNS.items()})
    thumbs: tuple[tuple[Scan, NDArray[Any], NDArray[Any]], ...] = ()
    """For each scan: its faces' offsets and sizes in the thumbnail pack."""
    engine: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["id"])

    def pack(self, since: int, generation: int) -> bytes:
        """New rows for a browser: five numbers (version, generation, first row, rows, all rows), then the columns."""
        start = min(max(since, 0), len(self)) if generation == self.generation else 0
        rows = slice(start, min(start + ROWS_AT_ONCE, len(self)))
        header = np.array([1, self.generation, start, rows.stop - start, len(self)], HEADER)
        return header.tobytes() + b"".join(self.columns[name][rows].tobytes() for name in COLUMNS)

    def thumb(self, index: int, face: int) -> bytes | None:
        """The thumbnail of a row; None where that row is not (or no longer) this face."""
        if not 0 <= index < len(self) or int(self.columns["id"][index]) != face:
            return None
        for scan, offsets, sizes in self.thumbs:
            if index < len(offsets):
                return scan.thumbs().read(int(offsets[index]), int(sizes[index]))
            index -= len(offsets)
        return None


class LiveView:
    """Follows one run's project on disk."""

    def __init__(self, project_folder: Path) -> None:
        self.folder = project_folder
        self.snapshot = Snapshot()
        self._readers: dict[Path, Any] = {}
        self._settings: Settings | None = None
        self._said = 0  # when people.sqlite was last changed
        self._rest_until = 0.0
        self._lock = threading.Lock()

    def refresh(self, settings: Settings, hurry: bool = False) -> Snapshot:
        """The snapshot for these settings; reads only parts that are new. ``hurry``: also when it was just done.

        Raises:
            FacecropError: the project is damaged, or its references are another model's.
        """
        with self._lock:
            settings = _without_sliders(settings)
            due = hurry or settings != self._settings or time.monotonic() > self._rest_until
            if due and (self.folder / "project.json").exists():
                began = time.monotonic()
                if self._read_parts() or settings != self._settings:
                    self._evaluate(settings)
                self._settings = settings
                self._rest_until = time.monotonic() + REST * (time.monotonic() - began)
            return self.snapshot

    def _read_parts(self) -> bool:
        self._project = Project.open(self.folder)
        self._scans = self._project.scans()
        changed = [scan.folder for scan in self._scans] != list(self._readers)
        self._readers = {scan.folder: self._readers.get(scan.folder) or scan.reader() for scan in self._scans}
        for reader in self._readers.values():
            changed |= reader.refresh()
        said = _last_change(self._project.people_path)
        changed, self._said = changed or said != self._said, said
        return changed

    def _evaluate(self, settings: Settings) -> None:
        parts: list[dict[str, NDArray[Any]]] = []
        thumbs: list[tuple[Scan, NDArray[Any], NDArray[Any]]] = []
        names: tuple[str, ...] = ()
        given = []
        for scan, reader in zip(self._scans, self._readers.values(), strict=True):
            table = reader.table()
            curated = load_curated(self._project, scan, table)
            given.append((scan, table, project_references(self._project, scan), settings, curated))
        ranked = choose_set([evaluate(*of) for of in given], settings) if ranks_faces(settings) else []
        for number, of in enumerate(given):
            scan, table, *_ = of
            found = slider_columns(*of)
            if ranked:
                found = with_ranked(found, ranked[number].reasons)
            names = found.names
            parts.append(_columns(found, table, number))
            thumbs.append((scan, table["thumb_offset"], table["thumb_size"]))
        before = self.snapshot
        columns = {
            name: np.concatenate([np.zeros(0, kind), *(part[name] for part in parts)]).astype(kind)
            for name, kind in COLUMNS.items()
        }
        same = names == before.names and all(_starts_with(columns[n], before.columns[n]) for n in COLUMNS)
        self.snapshot = Snapshot(
            before.generation + (not same),
            names,
            tuple(scan.video.path.name for scan in self._scans),
            columns,
            tuple(thumbs),
            self._scans[0].engine if self._scans else {},
        )


class LiveViews:
    """The views of the runs that were looked at last."""

    def __init__(self) -> None:
        self._views: OrderedDict[Path, LiveView] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, project_folder: Path) -> LiveView:
        with self._lock:
            view = self._views.setdefault(project_folder, LiveView(project_folder))
            self._views.move_to_end(project_folder)
            while len(self._views) > KEPT_VIEWS:
                self._views.popitem(last=False)
            return view


def _last_change(database: Path) -> int:
    """When an SQLite file or its write-ahead log was last written, in nanoseconds."""
    latest = 0
    for path in (database, database.with_name(f"{database.name}-wal")):
        with suppress(FileNotFoundError):  # the log goes when the last who has it open goes
            latest = max(latest, path.stat().st_mtime_ns)
    return latest


def _without_sliders(settings: Settings) -> Settings:
    """Settings that are equal as long as only the sliders move, unless it matters which other faces pass."""
    if ranks_faces(settings):
        return settings
    similarity = None if settings.matching.sim is None else "auto"
    return settings.with_values({"sim": similarity, "min_tenengrad": 0.0})


def _columns(found: SliderColumns, table: FaceTable, video: int) -> dict[str, NDArray[Any]]:
    return {
        "similarity": found.similarity,
        "above": found.above,
        "sharpness": found.sharpness,
        "limit": found.limit,
        "time": table["time_seconds"],
        "id": np.array([int(face_id[:8], 16) for face_id in table["face_id"]], np.uint32),
        "person": found.person,
        "auto": found.auto,
        "other": found.other,
        "reason": found.reason,
        "always": found.always,
        "video": np.full(len(table), min(video, 255)),
    }


def _starts_with(longer: NDArray[Any], shorter: NDArray[Any]) -> bool:
    """Whether the first rows are the same, bit by bit."""
    return len(longer) >= len(shorter) and longer[: len(shorter)].tobytes() == shorter.tobytes()
