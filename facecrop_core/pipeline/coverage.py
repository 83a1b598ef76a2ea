"""How well a set covers what its people look like, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.pipeline.produce import Produced
from facecrop_core.select import PITCH_BORDERS, YAW_BORDERS, pose_cells, reason_counts
from facecrop_core.table import commit_json

MEASURES = ("tenengrad", "laplacian", "brightness", "contrast")
BINS = 10


def set_coverage(everything: Sequence[Produced]) -> dict[str, Any]:
    """What is kept of all scans, ready for JSON: counts, why the others are not, and the coverage of each person.

    The person of faces that are nobody's in particular is null.
    """
    reasons: Counter[str] = Counter()
    rows: dict[str | None, list[tuple[Produced, NDArray[np.int64]]]] = {}
    for produced in everything:
        reasons.update(reason_counts(produced.reasons))
        names = [*produced.matches.names, None]
        people = produced.matches.person[produced.kept]
        for person in np.unique(people):
            rows.setdefault(names[person], []).append((produced, produced.kept[people == person]))
    return {
        "faces": sum(len(produced.table) for produced in everything),
        "kept": sum(len(produced.kept) for produced in everything),
        "not_kept": dict(reasons),
        "people": [_of_person(name, rows[name]) for name in sorted(rows, key=lambda name: (name is None, name or ""))],
    }


def write_coverage(path: Path, coverage: dict[str, Any]) -> None:
    """Raises OutputError or DiskFullError."""
    commit_json(path, coverage)


def _of_person(name: str | None, rows: Sequence[tuple[Produced, NDArray[np.int64]]]) -> dict[str, Any]:
    def column(column: str) -> NDArray[Any]:
        return np.concatenate([produced.table[column][kept] for produced, kept in rows])

    shots = [np.unique(produced.table["shot"][kept], return_counts=True)[1] for produced, kept in rows]
    per_shot = np.sort(np.concatenate(shots))[::-1]
    histograms = {"similarity": np.concatenate([produced.matches.similarity[kept] for produced, kept in rows])}
    histograms["crop_side"] = np.concatenate([produced.crops.side[kept] for produced, kept in rows])
    histograms |= {measure: column(measure) for measure in MEASURES}
    return {
        "person": name,
        "kept": len(column("time_seconds")),
        "pose": _pose(column("yaw"), column("pitch")),
        "shots": len(per_shot),
        "faces_per_shot": per_shot.tolist(),
        "histograms": {measure: _histogram(values) for measure, values in histograms.items()},
    }


def _pose(yaw: NDArray[Any], pitch: NDArray[Any]) -> dict[str, Any]:
    """Faces in each cell, a list over pitch for each span of yaw."""
    cells = pose_cells(yaw, pitch)
    counts = np.zeros((len(YAW_BORDERS) + 2, len(PITCH_BORDERS) + 2), np.int64)  # the last are for -1
    np.add.at(counts, cells, 1)
    return {
        "yaw_borders_degrees": list(YAW_BORDERS),
        "pitch_borders_degrees": list(PITCH_BORDERS),
        "faces": counts[:-1, :-1].tolist(),
        "cells_filled": int((counts[:-1, :-1] > 0).sum()),
        "yaw_filled": int((counts[:-1].sum(axis=1) > 0).sum()),
        "faces_by_yaw": counts[:-1].sum(axis=1).tolist(),
        "pitch_not_measured": int(counts[:, -1].sum()),
        "yaw_not_measured": int(counts[-1].sum()),
    }


def _histogram(values: NDArray[Any]) -> dict[str, Any]:
    """Counts between borders; neither where nothing was measured."""
    known = np.asarray(values[np.isfinite(values)], np.float64)
    if not len(known):
        return {"borders": [], "faces": []}
    counts, borders = np.histogram(known, BINS)
    return {"borders": [round(float(border), 4) for border in borders], "faces": counts.tolist()}
