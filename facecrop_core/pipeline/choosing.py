"""From the faces that pass every gate to a set: over all videos of a project, because a person is in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import face_quality
from facecrop_core.pipeline.curation import KEEP, unnamed_people
from facecrop_core.pipeline.hashing import face_hashes
from facecrop_core.pipeline.matching import calibration_of
from facecrop_core.records import REASONS, BoolArray, IntArray
from facecrop_core.select import Candidates, choose, chooses, concatenate, find_twins, split_by_shot
from facecrop_core.settings import Settings

if TYPE_CHECKING:
    from facecrop_core.pipeline.produce import Produced


NOT_CHOSEN = REASONS.index("not_chosen")


def ranks_faces(settings: Settings) -> bool:
    """Whether a face's fate hangs on which other faces pass."""
    twins = settings.twins
    asked = (twins.hash_thr, twins.enc_dup_thr, twins.min_gap_sec)
    return twins.only_best or any(value is not None for value in asked) or chooses(settings.choosing)


def choose_set(everything: Sequence[Produced], settings: Settings) -> list[Produced]:
    """What ``evaluate`` made of each scan, with the reasons of those faces that the set can do without, and its split.

    Embeddings are compared between videos only where the same model made them.
    """
    if not everything or not (ranks_faces(settings) or settings.choosing.val_share):
        return list(everything)
    names = sorted({name for produced in everything for name in produced.matches.names})
    rows = [produced.kept for produced in everything]
    numbered = enumerate(zip(everything, rows, strict=True))
    parts = [_candidates(produced, kept, number, names, settings) for number, (produced, kept) in numbered]
    faces = concatenate(parts)
    reasons = _twins(everything, rows, parts, settings)
    if chooses(settings.choosing):
        left = np.flatnonzero(reasons == 0)
        reasons[left[~choose(faces[left], settings.choosing)]] = NOT_CHOSEN
    validation = None
    if settings.choosing.val_share is not None:
        left = np.flatnonzero(reasons == 0)
        validation = np.zeros(len(faces), np.bool_)
        validation[left] = split_by_shot(faces[left], settings.choosing.val_share)
    borders = np.cumsum([len(part) for part in parts])[:-1]
    splits = [None] * len(parts) if validation is None else np.split(validation, borders)
    found = zip(everything, rows, np.split(reasons, borders), splits, strict=True)
    return [_with_choice(*of_scan) for of_scan in found]


def _twins(
    everything: Sequence[Produced], rows: Sequence[IntArray], parts: Sequence[Candidates], settings: Settings
) -> NDArray[np.int8]:
    """Reasons of all candidates, found for the scans of each model."""
    reasons = [np.zeros(len(part), np.int8) for part in parts]
    models = [produced.table.embedder_sha256 for produced in everything]
    for model in dict.fromkeys(models):
        mine = [number for number, sha256 in enumerate(models) if sha256 == model]
        embeddings = None
        if settings.twins.enc_dup_thr is not None:
            embeddings = np.concatenate([everything[i].table.embeddings[rows[i]] for i in mine])
        metric = calibration_of(everything[mine[0]].scan).metric
        found = find_twins(concatenate([parts[i] for i in mine]), settings.twins, embeddings, metric)
        for i, part in zip(mine, np.split(found, np.cumsum([len(parts[i]) for i in mine])[:-1]), strict=True):
            reasons[i] = part
    return np.concatenate(reasons)


def _candidates(
    produced: Produced, rows: IntArray, number: int, names: Sequence[str], settings: Settings
) -> Candidates:
    table, matches = produced.table, produced.matches
    quality = face_quality(table.columns, calibration_of(produced.scan).det_thresh)[rows]
    likeness = np.nan_to_num(matches.similarity[rows], nan=1.0).clip(0, 1)
    columns = {name: np.asarray(table[name][rows], np.float32) for name in ("tenengrad", "yaw", "pitch", "brightness")}
    hashes = np.zeros(len(rows), np.uint64)
    if settings.twins.hash_thr is not None or settings.choosing.target is not None:
        hashes = face_hashes(produced.scan, table, settings)[settings.twins.hash_kind][rows]
    return Candidates(
        video=np.full(len(rows), number),
        person=_people(produced, names)[rows],
        **{name: table[name][rows] for name in ("shot", "track", "sample", "time_seconds")},
        boxes_xyxy=table.boxes_xyxy[rows],
        score=quality * likeness,
        sharpness=columns["tenengrad"],
        yaw_degrees=columns["yaw"],
        pitch_degrees=columns["pitch"],
        brightness=columns["brightness"],
        pinned=_pinned(produced)[rows],
        hashes=hashes,
    )


def _people(produced: Produced, names: Sequence[str]) -> IntArray:
    """A number for each face's person [n] over all videos, unnamed ones (clusters) too; −1 for nobody."""
    numbers = np.array([*(names.index(name) for name in produced.matches.names), -1], np.int64)
    unnamed = unnamed_people(produced.matches, produced.curated)
    return np.where(unnamed >= 0, len(names) + unnamed, numbers[produced.matches.person])


def _pinned(produced: Produced) -> BoolArray:
    return np.asarray(produced.curated.decision == KEEP)


def _with_choice(produced: Produced, rows: IntArray, found: NDArray[np.int8], validation: BoolArray | None) -> Produced:
    reasons, of_table = produced.reasons.copy(), None
    reasons[rows] = found
    if validation is not None:
        of_table = np.zeros(len(reasons), np.bool_)
        of_table[rows] = validation
    return replace(produced, reasons=reasons, validation=of_table)
