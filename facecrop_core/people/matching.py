"""Whose face each one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.voting import vote
from facecrop_core.records import Calibration, FloatArray, IntArray, Matches, Metric, Reference
from facecrop_core.settings.sections import MatchingSettings
from facecrop_core.similarity import similarity_matrix

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
) -> Matches:
    """Match faces with people.

    A face's score for a person is its similarity to the nearest of that person's references. The best person is taken
    where the score reaches ``sim`` and lies ``margin`` above the second person's. Two faces of one sample are never
    one person: the better one keeps the name, and the other takes its second person if that passes by the same rules;
    ``best``, ``similarity`` and ``margin`` then speak of that person. ``margin`` is NaN where there is one person only.

    With ``sim`` auto and tracks, a face in the unsure band may also get its name from its track (see ``vote``).

    Args:
        embeddings: float32 [n, d], may be a memory map; NaN rows (no embedding) match nobody.
        sample_ids: [n], equal for the faces of one frame.
        references: made by the same model as the embeddings.
        calibration: of that model.
        settings: ``sim`` None turns matching off.
        tracks: [n], −1 for none.
        excluded: [k, 2], pairs of a face and a person who it is not: positions in ``embeddings`` and in the names,
            which are in the order of the references.
    """
    if settings.sim is None or not references:
        return _nobody(len(embeddings))
    names = tuple(dict.fromkeys(r.person for r in references))
    minimum = calibration.match if settings.sim == "auto" else float(settings.sim)
    people, scores = rank_people(embeddings, references, names, calibration.metric, excluded)
    margins = scores[:, :-1] - scores[:, 1:]
    # NaN is no obstacle to a margin (there is no other person), but never reaches a minimum
    passes = (scores[:, :2] >= minimum) & ~(margins < settings.margin)
    place = assign_once_per_sample(np.where(passes, people[:, :2], -1), scores[:, :2], sample_ids)
    rows, shown = np.arange(len(place)), np.where(place == 1, 1, 0)
    person = np.where(place < 2, people[rows, shown], -1)
    best, similarity, margin = people[rows, shown], scores[rows, shown], margins[rows, shown]
    if settings.sim == "auto" and tracks is not None:
        person = vote(person, best, similarity, sample_ids, tracks, calibration.unsure)
    return Matches(names, person, best, similarity, margin)


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
    of a face and a person ([k, 2]) are left out.
    """
    ordered = sorted(references, key=lambda r: names.index(r.person))
    vectors = np.stack([r.embedding for r in ordered]).astype(np.float32)
    owners = np.array([names.index(r.person) for r in ordered])
    starts = np.searchsorted(owners, np.arange(len(names)))
    n, top = len(embeddings), min(3, len(names))
    people, scores = np.full((n, 3), -1, np.int64), np.full((n, 3), np.nan, np.float32)
    for begin in range(0, n, CHUNK_ROWS):
        rows = slice(begin, begin + CHUNK_ROWS)
        chunk = np.asarray(embeddings[rows], np.float32)
        by_person = np.maximum.reduceat(similarity_matrix(chunk, vectors, metric), starts, axis=1)
        known = np.isfinite(by_person[:, 0])
        by_person[~known] = -np.inf
        if excluded is not None:
            here = excluded[(excluded[:, 0] >= begin) & (excluded[:, 0] < begin + len(chunk))]
            by_person[here[:, 0] - begin, here[:, 1]] = -np.inf
        for place in range(top):
            nearest = by_person.argmax(axis=1)
            at = np.arange(len(chunk)), nearest
            left = np.isfinite(by_person[at])
            people[rows, place] = np.where(left, nearest, -1)
            scores[rows, place] = np.where(left, by_person[at], np.nan)
            by_person[at] = -np.inf
    return people, scores


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
