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
from facecrop_core.records import BoolArray, IntArray
from facecrop_core.select import Candidates, concatenate, find_twins
from facecrop_core.settings import Settings

if TYPE_CHECKING:
    from facecrop_core.pipeline.produce import Produced


def ranks_faces(settings: Settings) -> bool:
    """Whether a face's fate hangs on other faces of the set: whether ``choose_set`` does anything."""
    twins = settings.twins
    asked = (twins.hash_thr, twins.enc_dup_thr, twins.min_gap_sec)
    return twins.only_best or any(value is not None for value in asked)


def choose_set(everything: Sequence[Produced], settings: Settings) -> list[Produced]:
    """What ``evaluate`` made of each scan, with the reasons of those faces that the set can do without.

    Embeddings are compared between videos only where the same model made them.
    """
    if not ranks_faces(settings) or not everything:
        return list(everything)
    names = sorted({name for produced in everything for name in produced.matches.names})
    rows = [produced.kept for produced in everything]
    parts = [
        _candidates(p, r, number, names, settings) for number, (p, r) in enumerate(zip(everything, rows, strict=True))
    ]
    reasons = [np.zeros(len(part), np.int8) for part in parts]
    models = [produced.table.embedder_sha256 for produced in everything]
    for model in dict.fromkeys(models):
        of_model = [number for number, sha256 in enumerate(models) if sha256 == model]
        found = _twins(
            [everything[i] for i in of_model], [rows[i] for i in of_model], [parts[i] for i in of_model], settings
        )
        for number, part in zip(of_model, found, strict=True):
            reasons[number] = part
    return [_with_reasons(p, r, reason) for p, r, reason in zip(everything, rows, reasons, strict=True)]


def _twins(
    everything: Sequence[Produced], rows: Sequence[IntArray], parts: list[Candidates], settings: Settings
) -> list[NDArray[np.int8]]:
    """Reasons of the candidates of several scans, made with one model."""
    embeddings = None
    if settings.twins.enc_dup_thr is not None:
        embeddings = np.concatenate([p.table.embeddings[r] for p, r in zip(everything, rows, strict=True)])
    metric = calibration_of(everything[0].scan).metric
    found = find_twins(concatenate(parts), settings.twins, embeddings, metric)
    return np.split(found, np.cumsum([len(part) for part in parts])[:-1])


def _candidates(
    produced: Produced, rows: IntArray, number: int, names: Sequence[str], settings: Settings
) -> Candidates:
    table, matches = produced.table, produced.matches
    quality = face_quality(table.columns, calibration_of(produced.scan).det_thresh)[rows]
    likeness = np.nan_to_num(matches.similarity[rows], nan=1.0).clip(0, 1)
    columns = {name: np.asarray(table[name][rows], np.float32) for name in ("tenengrad", "yaw", "pitch", "brightness")}
    hashes = np.zeros(len(rows), np.uint64)
    if settings.twins.hash_thr is not None:
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


def _with_reasons(produced: Produced, rows: IntArray, found: NDArray[np.int8]) -> Produced:
    reasons = produced.reasons.copy()
    reasons[rows] = found
    return replace(produced, reasons=reasons)
