"""Help with thresholds: the faces most in doubt, and how many would be kept at each similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import mean_likeness
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.seen import ScanPeople, SeenFace, load_view, rounded, spread_tracks
from facecrop_core.records import FloatArray, IntArray

Band = Literal["match", "unsure", "no"]
Measured = Literal["references", "own group"]
BIN = 0.02
WIDE_MARGINS = 2.0
"""A margin is small up to so many times what is asked for."""
SWITCH_DOUBT = 0.9
LEAST_DOUBT = 0.05


@dataclass(frozen=True)
class Doubt:
    """A face that a person should look at. ``doubt`` is 0 … 1; ``why`` says what is in doubt, most important first.

    ``similarity`` is to the nearest person by references, or, where references say nothing, to the mean of the face's
    own group (``measured``).
    """

    face: SeenFace
    doubt: float
    why: tuple[str, ...]
    similarity: float
    measured: Measured
    band: Band


def doubtful_faces(people: ProjectPeople, count: int, person: int | None = None) -> list[Doubt]:
    """The faces most in doubt, those first; of each track the worst before any second one.

    Doubtful is a similarity near the border or in the unsure band, a small margin, and a track on which several people
    are seen. Faces of which the user said something are not asked again.

    Args:
        person: only faces of this person, or nearest to it.
    """
    found: list[Doubt] = []
    for view in people.views:
        nearest = _nearest(view)
        doubts, why = _doubts(view, float(people.settings.matching.margin))
        doubts[(view.curated.person > 0) | (view.curated.decision != 0)] = 0
        if person is not None:
            doubts[(view.person != person) & (nearest != person)] = 0
        similarity, by_group = likeness(view)
        for row in np.flatnonzero(doubts >= LEAST_DOUBT).tolist():
            measured: Measured = "own group" if by_group[row] else "references"
            parts = sorted(((float(values[row]), words) for words, values in why), reverse=True)
            reasons = tuple(words for value, words in parts if value >= LEAST_DOUBT)
            band = band_of(view, float(similarity[row]))
            found.append(
                Doubt(SeenFace(view, row), float(doubts[row]), reasons, float(similarity[row]), measured, band)
            )
    found.sort(key=lambda doubt: (-doubt.doubt, doubt.face.face_id))
    by_face = {(id(d.face.view), d.face.row): d for d in found}
    return [by_face[id(f.view), f.row] for f in spread_tracks(d.face for d in found)[:count]]


def doubt_json(people: ProjectPeople, doubt: Doubt) -> dict[str, Any]:
    return doubt.face.as_json() | {
        "person": people.label(doubt.face.person) or None,
        "similarity": rounded(doubt.similarity),
        "measured": doubt.measured,
        "band": doubt.band,
        "doubt": rounded(doubt.doubt),
        "why": list(doubt.why),
    }


def likeness(view: ScanPeople) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(similarity [n], whether it is to the face's own group rather than to references [n])."""
    similarity = view.produced.matches.similarity.copy()
    by_group = np.isnan(similarity) & (view.person > 0)
    labels = np.where(view.person > 0, view.person, -1)
    similarity[by_group] = mean_likeness(view.table.embeddings, labels, view.calibration)[by_group]
    return similarity, by_group


def band_of(view: ScanPeople, similarity: float) -> Band:
    calibration = view.calibration
    if similarity >= calibration.match:
        return "match"
    return "unsure" if similarity >= calibration.unsure else "no"


def _nearest(view: ScanPeople) -> IntArray:
    """The number of the person whom references put nearest to each face [n], 0 for nobody."""
    by_name = {name: number for number, name in view.curated.names.items() if name is not None}
    matches = view.produced.matches
    return np.array([*(by_name.get(name, 0) for name in matches.names), 0], np.int64)[matches.best]


def _doubts(view: ScanPeople, margin: float) -> tuple[FloatArray, list[tuple[str, FloatArray]]]:
    """(the doubt of each face [n], the parts of which it is the largest, in words)."""
    calibration = view.calibration
    band = max(calibration.match - calibration.unsure, 1e-6)
    similarity, by_group = likeness(view)
    near = np.nan_to_num(1 - np.abs(similarity - calibration.match) / band).clip(0, 1)
    margins = view.produced.matches.margin
    wide = max(WIDE_MARGINS * margin, 1e-6)
    close = np.nan_to_num(1 - margins / wide).clip(0, 1) * (similarity >= calibration.unsure)
    unsure = (similarity < calibration.match) & ~by_group
    parts = [
        ("several people on its track", SWITCH_DOUBT * _switches(view)),
        ("unsure", np.where(unsure, near, 0)),
        ("near the border", np.where(~unsure & ~by_group, near, 0)),
        ("unlike its own group", np.where(by_group, near, 0)),
        ("nearly as like somebody else", close),
    ]
    parts = [(words, np.asarray(values, np.float32)) for words, values in parts]
    return np.max([values for _, values in parts], axis=0), parts


def _switches(view: ScanPeople) -> NDArray[np.bool_]:
    """Faces [n] on tracks that show several people, but for those of the one who has most of the track."""
    track, person = view.table["track"], view.person
    rows = np.flatnonzero((track >= 0) & (person > 0))
    pairs, place, counts = np.unique(
        np.stack([track[rows], person[rows]]), axis=1, return_inverse=True, return_counts=True
    )
    most: dict[int, int] = {}
    for number, count in zip(pairs[0].tolist(), counts.tolist(), strict=True):
        most[number] = max(most.get(number, 0), count)
    several = dict(zip(*np.unique(pairs[0], return_counts=True), strict=True))
    of_few = [several[t] > 1 and c < most[t] for t, c in zip(pairs[0].tolist(), counts.tolist(), strict=True)]
    found = np.zeros(len(track), np.bool_)
    found[rows] = np.array(of_few, np.bool_)[place.ravel()]
    return found


def similarity_histogram(people: ProjectPeople, person: int | None = None) -> dict[str, Any]:
    """Similarities in steps of 0.02 with the bands, and how many faces would be kept from each value on.

    Where there are references, similarity is to the nearest person's, and ``kept`` counts those that pass the gates if
    ``sim`` were that value. Without, it is to the mean of the face's own group, and ``kept`` counts the kept faces of
    at least that likeness. Scans of several models are counted together; the bands are the first one's.
    """
    references = any(np.isfinite(view.produced.matches.similarity).any() for view in people.views)
    values: list[FloatArray] = []
    passing: list[FloatArray] = []
    said = 0
    for view in people.views:
        lowest = view
        if references:
            lowest = load_view(people.project, view.scan, people.settings.with_values({"sim": -1.0}))
        similarity, by_group = likeness(lowest)
        counted = ~np.isnan(similarity) & (by_group != references)
        kept = lowest.produced.reasons == 0
        if person is not None:
            mine = (lowest.person == person) | (_nearest(lowest) == person)
            counted, kept = counted & mine, kept & mine
        values.append(similarity[counted])
        passing.append(similarity[counted & kept])
        said += int((kept & ~counted).sum())
    calibration = people.views[0].calibration if people.views else None
    return {
        "status": "complete",
        "measured": "references" if references else "own group",
        "faces": sum(map(len, values)),
        "match": None if calibration is None else rounded(calibration.match),
        "unsure": None if calibration is None else rounded(calibration.unsure),
        "sim": people.settings.matching.sim,
        "kept_whatever_the_similarity": said,
        "bins": _bins(_joined(values), _joined(passing), said),
    }


def _joined(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _bins(values: FloatArray, passing: FloatArray, said: int) -> list[dict[str, Any]]:
    """From the lowest value to the highest; ``from`` belongs to the bin, the next one's does not."""
    if not len(values):
        return []
    first, last = int(np.floor(values.min() / BIN)), int(np.floor(values.max() / BIN))
    edges = np.arange(first, last + 2) * BIN
    counts, _ = np.histogram(values, edges)
    return [
        {"from": round(float(edge), 2), "faces": int(count), "kept": said + int((passing >= edge - 1e-6).sum())}
        for edge, count in zip(edges, counts, strict=False)
    ]
