"""What a page needs to apply the two sliders by itself and come to the same faces as ``evaluate``.

The page keeps a face when ``reason`` is 0, ``sharpness`` ≥ the sharpness border > ``limit`` and, where there are
people, somebody is matched: ``person`` with ``similarity`` ≥ the similarity border, or ``auto`` where that border is
auto.

Three facts make that exact:

- A person of a frame goes to the most similar face first. Who gets whom above a border is therefore the same whether
  or not the faces below it take part, so that one evaluation at the lowest border serves for every border.
- ``auto`` also asks the tracks, so that it has a column of its own.
- With people, nobody is in a frame twice, so that ``max_per_frame`` leaves out nothing. Without, a face stays among
  the best of its frame as long as few enough better ones are sharp enough: as long as the border is above ``limit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecrop_core.pipeline.produce import evaluate
from facecrop_core.pipeline.project import Scan
from facecrop_core.records import REASONS, FaceTable, FloatArray, IntArray, Reference
from facecrop_core.select import LABELS
from facecrop_core.select.rules import DARK_BELOW
from facecrop_core.settings import Settings

LOWEST_SIMILARITY = -1.0
NO_LIMIT = -1.0
REASON_LABELS = tuple(LABELS.get(name, "") for name in REASONS)
"""Each reason in words, by its position in REASONS."""


@dataclass(frozen=True)
class SliderColumns:
    """One row per face of the table; see above."""

    names: tuple[str, ...]
    person: IntArray
    auto: IntArray
    similarity: FloatArray
    sharpness: FloatArray
    limit: FloatArray
    reason: NDArray[np.int8]


def slider_columns(scan: Scan, table: FaceTable, references: Sequence[Reference], settings: Settings) -> SliderColumns:
    """Evaluate everything but the two sliders. Where ``sim`` is off, references are ignored, as in ``evaluate``."""
    matching = bool(references) and settings.matching.sim is not None
    lowest = settings.with_values(
        {"sim": LOWEST_SIMILARITY if matching else None, "min_tenengrad": 0.0, "max_per_frame": None}
    )
    found = evaluate(scan, table, references, lowest)
    auto, reason = found, found.reasons
    if matching:
        auto = evaluate(scan, table, references, lowest.with_values({"sim": "auto"}))
        reason = np.where(found.matches.person >= 0, found.reasons, auto.reasons)
    sharpness = _sharpness(table, settings.gate.dark_relax)
    limit = np.full(len(table), NO_LIMIT, np.float32)
    if settings.gate.max_per_frame is not None and not matching:
        limit = _limits(table, reason, sharpness, settings.gate.max_per_frame)
    return SliderColumns(
        found.matches.names,
        found.matches.person,
        auto.matches.person,
        found.matches.similarity,
        sharpness,
        limit,
        reason,
    )


def _sharpness(table: FaceTable, dark_relax: float) -> FloatArray:
    """Sharpness as the gate sees it: dark faces may be less sharp, and what was not measured always passes."""
    sharpness = np.asarray(table["tenengrad"], np.float64)
    if dark_relax != 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            sharpness = np.where(table["brightness"] < DARK_BELOW, sharpness / dark_relax, sharpness)
    return np.where(np.isnan(sharpness), np.inf, sharpness).astype(np.float32)


def _limits(table: FaceTable, reason: NDArray[np.int8], sharpness: FloatArray, most: int) -> FloatArray:
    """For each face the highest sharpness border at which ``most`` better faces of its frame pass, or NO_LIMIT."""
    limits = np.full(len(table), NO_LIMIT, np.float32)
    boxes = table.boxes_xyxy
    worth = table["det_score"] * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    rows = np.flatnonzero(reason == 0)
    rows = rows[np.lexsort((-worth[rows], table["sample"][rows]))]  # the best of each frame first
    starts = np.flatnonzero(np.diff(table["sample"][rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    for size in np.unique(sizes[sizes > most]):  # all frames with so many faces at once
        of_frame = rows[starts[sizes == size][:, None] + np.arange(size)]
        for place in range(most, size):
            limits[of_frame[:, place]] = np.sort(sharpness[of_frame[:, :place]], axis=1)[:, -most]
    return limits
