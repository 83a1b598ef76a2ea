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
from facecrop_core.table import commit_table, read_table

GROUPINGS_FILE, CLUSTERING_LOG, CLASSIFICATION_LOG = GROUPING_FILES


@dataclass
class Outcome:
    """What grouping found. ``groups`` None: the people stay as they are. ``columns`` are the groupings of
    faces, by name: pairs of a pool and labels or names."""

    groups: Groups | None = None
    columns: dict[str, list[tuple[FacePool, NDArray[Any]]]] = field(default_factory=dict)
    logs: dict[str, list[list[str]]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)


def groupings_path(project: Project) -> Path:
    return project.folder / GROUPINGS_FILE


def store_groupings(project: Project, outcome: Outcome) -> None:
    """``groupings.parquet``, or none where there are only people."""
    import pyarrow as pa

    path = groupings_path(project)
    if not outcome.columns:
        path.unlink(missing_ok=True)
        return
    first = next(iter(outcome.columns.values()))
    videos = [
        np.repeat(view.table.video.video_id, len(rows))
        for pool, _ in first
        for view, rows in zip(pool.views, pool.rows, strict=True)
    ]
    columns = {"face_id": np.concatenate([pool.column("face_id") for pool, _ in first]).astype(str)}
    columns["video_id"] = np.concatenate(videos)
    for name, parts in outcome.columns.items():
        columns[name] = np.concatenate([values for _, values in parts])
    commit_table(path, pa.table({name: list(values) for name, values in columns.items()}))


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
