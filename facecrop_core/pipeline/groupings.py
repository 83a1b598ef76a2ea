"""What grouping came to: people, groups as they are, and logs."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.files import write_whole, writing
from facecrop_core.pipeline.face_pools import FacePool, Groups
from facecrop_core.pipeline.project import GROUPING_FILES, Project
from facecrop_core.records import IntArray
from facecrop_core.table import commit_table, read_table

GROUPINGS_FILE, CLUSTERING_LOG, CLASSIFICATION_LOG = GROUPING_FILES


@dataclass
class Outcome:
    """What grouping found. ``groups`` None: the people stay as they are.

    ``columns`` are groupings of the faces of ``pools``, by name: labels or names by the pool's place.
    """

    groups: Groups | None = None
    pools: list[FacePool] = field(default_factory=list)
    columns: dict[str, dict[int, NDArray[Any]]] = field(default_factory=dict)
    logs: dict[str, list[list[str]]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)

    def add_labels(self, name: str, place: int, labels: IntArray) -> None:
        """Labels of one pool's faces, counted on from those of the pools before: models' groups are never the same."""
        column = self.columns.setdefault(name, {})
        first = max((int(known.max(initial=-1)) for known in column.values()), default=-1) + 1
        column[place] = np.where(labels >= 0, labels + first, -1)

    def values(self, name: str) -> list[Any]:
        """A column over all pools; −1, or None for names, where a pool has none."""
        column = self.columns[name]
        numbers = all(np.issubdtype(values.dtype, np.integer) for values in column.values())
        rows: list[Any] = []
        for place, pool in enumerate(self.pools):
            rows += column[place].tolist() if place in column else [-1 if numbers else None] * pool.faces
        return rows


def groupings_path(project: Project) -> Path:
    return project.folder / GROUPINGS_FILE


def store_groupings(project: Project, outcome: Outcome) -> None:
    """``groupings.parquet``, or none where there are only people."""
    import pyarrow as pa

    path = groupings_path(project)
    if not outcome.columns:
        path.unlink(missing_ok=True)
        return
    pools = outcome.pools
    videos = [
        np.repeat(view.table.video.video_id, len(rows))
        for pool in pools
        for view, rows in zip(pool.views, pool.rows, strict=True)
    ]
    columns = {"face_id": np.concatenate([pool.column("face_id") for pool in pools]).astype(str).tolist()}
    columns["video_id"] = np.concatenate(videos).tolist()
    commit_table(path, pa.table(columns | {name: outcome.values(name) for name in outcome.columns}))


def read_groupings(project: Project) -> dict[str, NDArray[Any]]:
    """The columns of ``groupings.parquet``; none where there is no such file. −1 is a face without embedding."""
    path = groupings_path(project)
    if not path.exists():
        return {}
    table = read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def write_logs(project: Project, logs: dict[str, list[list[str]]]) -> dict[str, str]:
    files = {}
    for name, rows in logs.items():
        text, path = io.StringIO(), project.folder / name
        csv.writer(text, lineterminator="\n").writerows(rows)
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text.getvalue().encode())
        files[path.stem] = str(path)
    return files
