"""Whose face each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.bars import ClusterBars
from facecrop_core.people.units import Units, make_units, split_tracks
from facecrop_core.people.voting import vote
from facecrop_core.records import BoolArray, Calibration, FloatArray, IntArray, Matches, Metric, Reference
from facecrop_core.settings.sections import MatchingSettings
from facecrop_core.similarity import similarity_matrix

LEAST_FOR_MEAN = 3
CHUNK_ROWS = 16384
"""Embeddings compared at once, so that a memory-mapped file never has to be in memory as a whole."""


def match(
    embeddings: FloatArray,
    sample_ids: NDArray[Any],
    references: Sequence[Reference],
    calibration: Calibration,
    settings: MatchingSettings,
    tracks: NDArray[Any] | None = None,
    excluded: IntArray | None = None,
    quality: FloatArray | None = None,
) -> Matches:
    """Match faces with people.

    A face's score for a person is its similarity to the nearest of that person's references. A face that is nearer to
    one of the person's negatives is not that person. The best person is taken where the score reaches ``sim`` and lies
    ``margin`` above the second person's. What a reference is not trusted (1 − ``confidence``, 0.06 at most) is taken
    off its similarity where people and negatives are compared, and nowhere else: ``sim`` stays a plain border. Two
    faces of one sample are never one person: the better one keeps the name, and the other takes its second person if
    that passes by the same rules; ``best``, ``similarity`` and ``margin`` then speak of that person. ``margin`` is NaN
    where there is one person only.

    With ``sim`` auto and tracks, a face in the unsure band may also get its name from its track (see ``vote``), or
    from its part of a track that shows several people; and a part whose mean is as near to two people names nobody.

    Args:
        embeddings: float32 [n, d], may be a memory map; NaN rows (no embedding) match nobody by themselves, but may get
            their track's name, too, with a NaN ``similarity`` and ``best`` −1.
        sample_ids: [n], equal for the faces of one frame.
        references: made by the same model as the embeddings.
        calibration: of that model.
        settings: ``sim`` None turns matching off.
        tracks: [n], −1 for none.
        excluded: [k, 2], pairs of a face and a person who it is not: positions in ``embeddings`` and in the names,
            which are in the order of the references.
        quality: [n], see ``face_quality``; by default all faces are good.
    """
    names = people_of(references)
    if settings.sim is None or not names:
        return _nobody(len(embeddings))
    minimum = calibration.match if settings.sim == "auto" else float(settings.sim)
    people, scores, trusted = _ranked(embeddings, references, names, calibration.metric, excluded)
    margins = trusted[:, :-1] - trusted[:, 1:]
    # NaN is no obstacle to a margin (there is no other person), but never reaches a minimum
    passes = (scores[:, :2] >= minimum) & ~(margins < settings.margin)
    place = assign_once_per_sample(np.where(passes, people[:, :2], -1), scores[:, :2], sample_ids)
    rows, shown = np.arange(len(place)), np.where(place == 1, 1, 0)
    person = np.where(place < 2, people[rows, shown], -1)
    best, similarity, margin = people[rows, shown], scores[rows, shown], margins[rows, shown]
    if settings.sim == "auto" and tracks is not None:
        asked = (person >= 0) | ~(similarity < calibration.unsure)  # NaN: not embedded
        tracks = np.where(np.isin(tracks, np.unique(tracks[asked])), tracks, -1)  # nothing changes in the others
        quality = np.ones(len(person), np.float32) if quality is None else quality
        parts = track_parts(embeddings, sample_ids, tracks, quality, calibration)
        means = make_units(
            np.where(parts < 0, parts.max(initial=-1) + 1, parts), embeddings, quality, calibration.metric
        )
        doubtful = _between_two(parts, means, references, names, calibration, settings.margin, excluded)
        person = np.where(doubtful, -1, person)
        person = vote(person, best, similarity, sample_ids, parts, calibration.unsure, excluded)
    return Matches(names, person, best, similarity, margin)


def _between_two(
    parts: IntArray,
    units: Units,
    references: Sequence[Reference],
    names: Sequence[str],
    calibration: Calibration,
    margin: float,
    excluded: IntArray | None,
) -> BoolArray:
    """Faces [n] of those parts of tracks, of three faces or more, whose mean lies nearer than ``margin`` to two people.

    A mean is steadier than its faces: of somebody unknown who is like two people, single faces now and then come nearer
    to one of them. Of 566 faces of real films whose own reference was taken away, dlib named 58 without this, and 17
    with it, and no right name was lost.
    """
    if excluded is not None:
        pairs = np.stack([parts[excluded[:, 0]], excluded[:, 1]], axis=1)
        excluded = np.unique(pairs[pairs[:, 0] >= 0], axis=0)
    _, scores = rank_people(units.means, references, names, calibration.metric, excluded)
    sizes = np.bincount(parts[parts >= 0], minlength=len(units.means))
    between = (sizes >= LEAST_FOR_MEAN) & (scores[:, 0] - scores[:, 1] < margin)
    return np.asarray((parts >= 0) & np.append(between, False)[parts])


def people_of(references: Sequence[Reference]) -> tuple[str, ...]:
    """The people whom references can name, in their order."""
    return tuple(dict.fromkeys(r.person for r in references if not r.negative))


def track_parts(
    embeddings: FloatArray,
    sample_ids: NDArray[Any],
    tracks: NDArray[Any],
    quality: FloatArray,
    calibration: Calibration,
) -> IntArray:
    """The part of a track that each face [n] belongs to, cut where the person changes; −1 for faces without a track."""
    if not (tracks >= 0).any():
        return np.full(len(tracks), -1, np.int64)
    bars = ClusterBars.of(calibration)
    parts = split_tracks(
        embeddings, sample_ids, tracks, quality, calibration.metric, bars.merge, bars.join, bars.outlier
    )  # fmt: skip
    return np.where(tracks >= 0, parts, -1)


def bands(similarity: FloatArray, calibration: Calibration) -> IntArray:
    """The band of each similarity [n]: 2 match, 1 unsure, 0 no, −1 where there is none."""
    band = (similarity >= calibration.unsure).astype(np.int64) + (similarity >= calibration.match)
    return np.where(np.isnan(similarity), -1, band)


def _nobody(n: int) -> Matches:
    none, nan = np.full(n, -1, np.int64), np.full(n, np.nan, np.float32)
    return Matches((), none, none.copy(), nan, nan.copy())


def rank_people(
    embeddings: FloatArray,
    references: Sequence[Reference],
    names: Sequence[str],
    metric: Metric,
    excluded: IntArray | None = None,
) -> tuple[IntArray, FloatArray]:
    """The three nearest people of each face, best first: (positions in ``names`` [n, 3], scores [n, 3]).

    Where there are fewer people, or a face has no embedding, the position is −1 and the score NaN. ``excluded`` pairs
    of a face and a person ([k, 2]) are left out, and so are people of whom a negative is nearer than any reference.
    """
    return _ranked(embeddings, references, names, metric, excluded)[:2]


def _ranked(
    embeddings: FloatArray,
    references: Sequence[Reference],
    names: Sequence[str],
    metric: Metric,
    excluded: IntArray | None,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """``rank_people``, and with them what the references that are trusted most make of these scores [n, 3]."""
    positive, negative = _Bank([r for r in references if not r.negative], names), None
    if any(r.negative and r.person in names for r in references):
        negative = _Bank([r for r in references if r.negative], names)
    n, top = len(embeddings), min(3, len(names))
    people = np.full((n, 3), -1, np.int64)
    scores, trusted = (np.full((n, 3), np.nan, np.float32) for _ in range(2))
    for begin in range(0, n, CHUNK_ROWS):
        rows = slice(begin, begin + CHUNK_ROWS)
        chunk = np.asarray(embeddings[rows], np.float32)
        by_person, by_trust = positive.compare(chunk, metric)
        if negative is not None:
            by_person[negative.compare(chunk, metric)[1] > by_trust] = -np.inf
        by_person[~np.isfinite(chunk[:, 0])] = -np.inf
        if excluded is not None:
            here = excluded[(excluded[:, 0] >= begin) & (excluded[:, 0] < begin + len(chunk))]
            by_person[here[:, 0] - begin, here[:, 1]] = -np.inf
        for place in range(top):
            nearest = by_person.argmax(axis=1)
            at = np.arange(len(chunk)), nearest
            left = np.isfinite(by_person[at])
            people[rows, place] = np.where(left, nearest, -1)
            scores[rows, place] = np.where(left, by_person[at], np.nan)
            trusted[rows, place] = np.where(left, by_trust[at], np.nan)
            by_person[at] = -np.inf
    return people, scores, trusted


MOST_DOUBT = 0.06
"""So much of a similarity a reference that cannot be trusted loses at most: frigate's penalty for the worst blur."""


class _Bank:
    """References of one kind, ready to be compared with faces."""

    def __init__(self, references: Sequence[Reference], names: Sequence[str]) -> None:
        place = {name: number for number, name in enumerate(names)}
        ordered = sorted((r for r in references if r.person in place), key=lambda r: place[r.person])
        owners = np.array([place[r.person] for r in ordered])
        self._vectors = np.stack([r.embedding for r in ordered]).astype(np.float32)
        self._doubt = np.array([min(1 - r.confidence, MOST_DOUBT) for r in ordered], np.float32)
        self._people, self._starts = np.unique(owners, return_index=True)
        self._count = len(names)

    def compare(self, faces: FloatArray, metric: Metric) -> tuple[FloatArray, FloatArray]:
        """Each person's greatest similarity to each face [n, people], and the greatest after doubt."""
        alike = similarity_matrix(faces, self._vectors, metric)
        best = self._by_person(alike)
        return best, self._by_person(alike - self._doubt) if self._doubt.any() else best.copy()

    def _by_person(self, alike: FloatArray) -> FloatArray:
        best = np.full((len(alike), self._count), -np.inf, np.float32)
        best[:, self._people] = np.maximum.reduceat(alike, self._starts, axis=1)
        return best


def assign_once_per_sample(choices: IntArray, scores: FloatArray, sample_ids: NDArray[Any]) -> IntArray:
    """Which of its two choices each face gets, so that no person is twice in a sample: 0, 1, or 2 for neither.

    Faces propose and people keep their best proposer (D. Gale and L. Shapley, "College admissions and the stability of
    marriage", American Mathematical Monthly 69, 1962), which with scores that both sides share is the same as giving
    out names from the highest score down.

    Args:
        choices: people [n, 2], −1 where that choice does not pass; the second counts only where the first does.
        scores: [n, 2] of these choices.
        sample_ids: [n].
    """
    place = np.where(choices[:, 0] >= 0, 0, 2)
    people = int(choices.max(initial=0)) + 1
    rows = np.flatnonzero(place < 2)
    rows = rows[_shared(sample_ids[rows])]  # only they can meet a rival
    while True:
        rows = rows[place[rows] < 2]
        at = rows, place[rows]
        claims = sample_ids[rows].astype(np.int64) * people + choices[at]
        order = np.lexsort((-scores[at], claims))
        losers = rows[order[1:][claims[order[1:]] == claims[order[:-1]]]]
        if not len(losers):
            return place
        place[losers] += 1
        second = losers[place[losers] == 1]
        place[second[choices[second, 1] < 0]] = 2


def _shared(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Which entries occur more than once."""
    _, where, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return np.asarray(counts[where] > 1)
