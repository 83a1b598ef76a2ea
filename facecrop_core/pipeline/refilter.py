"""What a page needs to apply the two sliders by itself and come to the same faces as ``evaluate``.

The page keeps a face where ``always``, else when ``reason`` is 0, ``sharpness`` ≥ the sharpness border > ``limit``
and, where there are people, somebody is named: ``auto`` where the similarity border is auto, else ``person`` where
``similarity`` ≥ the border, else ``other`` where the border > ``above``.

Some facts make that exact:

- A person of a frame goes to the most similar face first. Who gets whom above a border is therefore the same whether
  or not the faces below it take part, so that one evaluation at the lowest border serves for every border.
- ``auto`` also asks the tracks, so that it has a column of its own.
- With people, nobody is in a frame twice unless the user says so. There, and without people, a face stays among the
  best of its frame as long as few enough better ones are sharp enough: as long as the border is above ``limit``.
- What the user said needs no similarity, and so has 1, the highest border. A face's cluster names it (``other``) when
  no person of the references does and the name is free in the frame: above the similarities of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import people_of
from facecrop_core.pipeline.curation import KEEP, Curated, named_by_clusters, nothing_said
from facecrop_core.pipeline.produce import evaluate
from facecrop_core.pipeline.project import Scan
from facecrop_core.records import REASONS, BoolArray, FaceTable, FloatArray, IntArray, Matches, Reference
from facecrop_core.select import LABELS, select
from facecrop_core.select.rules import DARK_BELOW
from facecrop_core.settings import Settings

LOWEST_SIMILARITY = -1.0
LARGEST_BORDER = 1.0
NO_LIMIT = -1.0
BY_RANK = tuple(REASONS.index(name) for name in ("twin", "min_gap", "only_best", "not_chosen"))
"""Reasons that hang on which other faces pass."""
INCONSISTENT = REASONS.index("inconsistent")
REASON_LABELS = tuple(LABELS.get(name, "") for name in REASONS)
"""Each reason in words, by its position in REASONS."""


@dataclass(frozen=True)
class SliderColumns:
    """One row per face of the table; see above."""

    names: tuple[str, ...]
    person: IntArray
    auto: IntArray
    other: IntArray
    similarity: FloatArray
    above: FloatArray
    sharpness: FloatArray
    limit: FloatArray
    reason: NDArray[np.int8]
    always: BoolArray


def slider_columns(
    scan: Scan, table: FaceTable, references: Sequence[Reference], settings: Settings, curated: Curated | None = None
) -> SliderColumns:
    """Evaluate everything but the two sliders. Where ``sim`` is off, references are ignored, as in ``evaluate``."""
    curated = curated or nothing_said(len(table))
    matching = bool(people_of(references) or curated.wanted) and settings.matching.sim is not None
    lowest = settings.with_values(
        {"sim": LOWEST_SIMILARITY if matching else None, "min_tenengrad": 0.0, "max_per_frame": None}
    )
    found = evaluate(scan, table, references, lowest, curated)
    gates = select(table, replace(found.matches, names=()), found.crops, lowest.gate, curated.left_out)
    person, reason, similarity = found.matches.person, gates, found.matches.similarity
    auto, other, above = person, np.full(len(table), -1), np.full(len(table), np.inf, np.float32)
    if matching:
        by_auto = evaluate(scan, table, references, lowest.with_values({"sim": "auto"}), curated)
        auto = by_auto.matches.person
        other, above = named_by_clusters(found.matches, curated, table["sample"])
        reason = _reasons(gates, curated, (person >= 0) | (auto >= 0) | (other >= 0))
        misfit, misfit_auto = (evaluated.reasons == INCONSISTENT for evaluated in (found, by_auto))
        reason = np.where(misfit & misfit_auto, INCONSISTENT, reason).astype(np.int8)
        person, other = (np.where(misfit & ~misfit_auto, -1, who) for who in (person, other))
        auto = np.where(misfit_auto & ~misfit, -1, auto)
        given = (curated.person > 0) | ((other >= 0) & np.isneginf(above))
        similarity = np.where(given, LARGEST_BORDER, similarity).astype(np.float32)
    sharpness = _sharpness(table, settings.gate.dark_relax)
    limit = np.full(len(table), NO_LIMIT, np.float32)
    if settings.gate.max_per_frame is not None:
        rows = np.flatnonzero((reason == 0) & (curated.person > 0 if matching else True))
        limit = _limits(table, rows, found.matches if matching else None, sharpness, settings.gate.max_per_frame)
    always = curated.decision == KEEP
    return SliderColumns(
        found.matches.names, person, auto, other, similarity, above, sharpness, limit, reason, always
    )  # fmt: skip


def with_ranked(columns: SliderColumns, reasons: NDArray[np.int8]) -> SliderColumns:
    """The columns of one scan with the reasons of ``choose_set``, made with the sliders' values of this moment.

    They are exact there, and only there: who else passes decides them. After a slider has moved they are made again.
    """
    by_rank = np.isin(reasons, BY_RANK)
    return replace(columns, reason=np.where(by_rank, reasons, columns.reason).astype(np.int8))


def _reasons(gates: NDArray[np.int8], curated: Curated, somebody: BoolArray) -> NDArray[np.int8]:
    """The gates' reasons, but for faces that nobody can be, in the order of ``select``."""
    return np.where(somebody | (curated.left_out > 0), gates, REASONS.index("no_match")).astype(np.int8)


def _sharpness(table: FaceTable, dark_relax: float) -> FloatArray:
    """Sharpness as the gate sees it: dark faces may be less sharp, and what was not measured always passes."""
    sharpness = np.asarray(table["tenengrad"], np.float64)
    if dark_relax != 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            sharpness = np.where(table["brightness"] < DARK_BELOW, sharpness / dark_relax, sharpness)
    return np.where(np.isnan(sharpness), np.inf, sharpness).astype(np.float32)


def _limits(table: FaceTable, rows: IntArray, matches: Matches | None, sharpness: FloatArray, most: int) -> FloatArray:
    """For each face the highest sharpness border at which ``most`` better faces of its frame pass, or NO_LIMIT.

    With people, only faces of one person are rivals: those that the user named, since nobody else is there twice.
    """
    limits = np.full(len(table), NO_LIMIT, np.float32)
    group, worth = table["sample"].astype(np.int64), np.asarray(table["det_score"])
    if matches is None:
        boxes = table.boxes_xyxy
        worth = worth * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    else:
        group, worth = group * max(len(matches.names), 1) + matches.person, matches.similarity
    rows = rows[np.lexsort((-worth[rows], group[rows]))]  # the best of each frame first
    starts = np.flatnonzero(np.diff(group[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    for size in np.unique(sizes[sizes > most]):  # all frames with so many faces at once
        of_frame = rows[starts[sizes == size][:, None] + np.arange(size)]
        for place in range(most, size):
            limits[of_frame[:, place]] = np.sort(sharpness[of_frame[:, :place]], axis=1)[:, -most]
    return limits
