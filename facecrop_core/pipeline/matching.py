"""Who each face of a scan is, by references, by what the user said, and by what clustering found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from facecrop_core.models.calibrations import with_measured
from facecrop_core.people import consistent, face_quality, match, people_of
from facecrop_core.pipeline.curation import Curated, apply_people, excluded_pairs
from facecrop_core.pipeline.grown import with_grown
from facecrop_core.pipeline.project import Scan
from facecrop_core.pipeline.wanted import references_digest
from facecrop_core.records import BoolArray, Calibration, FaceTable, Matches, Reference
from facecrop_core.settings import Settings

T = TypeVar("T")
MOST_REMEMBERED = 8
"""Matches, crop plans and hashes of one table: those of the page (up to four of matches, one plan), and an export's."""


def calibration_of(scan: Scan) -> Calibration:
    """Where the numbers of a scan's models stand: as the user measured since, or as they were at the scan."""
    engine = scan.engine
    then = Calibration(engine["metric"], engine["match"], engine["unsure"], engine["det_thresh"])
    return with_measured(then, str(engine["embedder_sha256"]))


def who_is_who(
    scan: Scan,
    table: FaceTable,
    references: Sequence[Reference],
    settings: Settings,
    curated: Curated,
    by_tracks: bool = True,
) -> Matches:
    """Matching and, unless ``sim`` is off, what the user said; remembered with the table."""
    calibration, bank = calibration_of(scan), with_grown(scan, references, settings)
    names = people_of(bank)
    key = "matches", references_digest(bank), names, calibration, settings.matching, curated.people_digest, by_tracks

    def matched() -> Matches:
        samples, tracks = table["sample"], table["track"] if by_tracks else None
        excluded, quality = excluded_pairs(curated, names, samples), face_quality(table.columns, calibration.det_thresh)
        found = match(table.embeddings, samples, bank, calibration, settings.matching, tracks, excluded, quality)
        return found if settings.matching.sim is None else apply_people(found, curated, samples)

    return remembered(table, key, matched)


def inconsistent(
    scan: Scan,
    table: FaceTable,
    references: Sequence[Reference],
    settings: Settings,
    curated: Curated,
    matches: Matches,
) -> BoolArray:
    """Faces [n] unlike the others of their person, where ``identity_consistency`` is on; never those the user named.

    Whom the model's own border names makes the means, so that another similarity changes nothing for other faces.
    """
    least = settings.clustering.identity_consistency
    if least is None or not matches.names:
        return np.zeros(len(table), np.bool_)
    sure = who_is_who(scan, table, references, settings.with_values({"sim": "auto"}), curated, by_tracks=False)
    labels = np.where(sure.person >= 0, sure.person, matches.person)
    fits = consistent(table.embeddings, labels, calibration_of(scan), least, sure.person >= 0)
    return np.asarray(~fits & (curated.person == 0))


def remembered(table: FaceTable, key: tuple[Any, ...], compute: Callable[[], T]) -> T:
    """What was computed from a table before, for the last few keys."""
    memory: dict[tuple[Any, ...], Any] = table.extra.setdefault("remembered", {})
    found: T = memory.pop(key) if key in memory else compute()
    memory[key] = found  # behind all others: it was used last
    if len(memory) > MOST_REMEMBERED:
        del memory[next(iter(memory))]
    return found
