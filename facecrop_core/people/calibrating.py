"""Where a model's similarities tell people apart: receiver operating characteristic, measured on labelled faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.errors import ReferencesError
from facecrop_core.records import FloatArray, IntArray, Metric
from facecrop_core.similarity import similarity_matrix

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
MATCH_RATE, UNSURE_RATE = 1e-3, 1e-2
LEAST_FALSE = 3
"""A rate is measured where so many wrong pairs would be accepted: with none seen, 3 in N is what 95 % confidence leaves
(J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983)."""
LEAST_SAME, LEAST_OTHER = 10, 100
LEAST_STEP = 0.02
EDGES = np.linspace(-2, 1, 30001)
"""Similarities are counted in steps of 0.0001, so that memory does not grow with the pairs."""
CHUNK_ROWS = 256


@dataclass(frozen=True)
class Measured:
    """What labelled faces say of a model.

    ``thresholds`` are the least similarities at which no more than that share of pairs of two people is accepted, by
    false accept rate, and ``recalls`` the share of pairs of one person that is accepted there; None where there are
    too few pairs to tell. At ``eer_threshold`` as many are wrongly accepted as refused: ``eer`` of them.
    """

    same_pairs: int
    other_pairs: int
    eer: float
    eer_threshold: float
    thresholds: dict[float, float | None]
    recalls: dict[float, float | None]
    match: float
    unsure: float
    why: str
    """How match and unsure were chosen, in words."""


def measure(vectors: FloatArray, labels: NDArray[Any], metric: Metric) -> Measured:
    """Compare every face [n, d] with every other one, and choose where to match and where to be unsure.

    Raises:
        ReferencesError: there are too few pairs of one person or of two.
    """
    same, other = _counts(vectors, labels, metric)
    same_pairs, other_pairs = int(same.sum()), int(other.sum())
    if same_pairs < LEAST_SAME or other_pairs < LEAST_OTHER:
        raise ReferencesError(
            f"There are {same_pairs} pairs of photos of one person and {other_pairs} of two people: too few to tell.",
            f"At least {LEAST_SAME} and {LEAST_OTHER} are needed: more people, with several photos each.",
        )
    accepted = np.append(other[::-1].cumsum()[::-1], 0) / other_pairs  # by edge: share of other pairs at or above it
    refused = np.append(0, same.cumsum()) / same_pairs
    thresholds, recalls = dict[float, float | None](), dict[float, float | None]()
    for rate in FALSE_ACCEPT_RATES:
        edge = int(np.argmax(accepted <= rate))
        known = rate * other_pairs >= LEAST_FALSE
        thresholds[rate] = round(float(EDGES[edge]), 4) if known else None
        recalls[rate] = round(float(1 - refused[edge]), 4) if known else None
    apart = np.abs(accepted - refused)
    equal = np.flatnonzero(apart <= apart.min() + 1e-12)
    middle = int(equal[len(equal) // 2])
    eer, eer_threshold = float((accepted[middle] + refused[middle]) / 2), float(EDGES[middle])
    match, unsure, why = _choose(accepted, thresholds, eer_threshold, other_pairs)
    return Measured(
        same_pairs, other_pairs, round(eer, 5), round(eer_threshold, 4), thresholds, recalls, match, unsure, why
    )  # fmt: skip


def _counts(vectors: FloatArray, labels: NDArray[Any], metric: Metric) -> tuple[IntArray, IntArray]:
    """Pairs of one person and of two people by similarity, counted between ``EDGES``."""
    _, people = np.unique(labels, return_inverse=True)
    counts = np.zeros((2, len(EDGES) - 1), np.int64)
    for start in range(0, len(vectors), CHUNK_ROWS):
        rows = np.arange(start, min(start + CHUNK_ROWS, len(vectors)))
        alike = similarity_matrix(vectors[rows], vectors[start:], metric)
        one, two = np.nonzero(np.arange(len(vectors) - start)[None] > (rows - start)[:, None])  # each pair once
        values = np.clip(alike[one, two], EDGES[0], EDGES[-1])
        is_same = people[rows[one]] == people[start + two]
        for kind, chosen in enumerate((is_same, ~is_same)):
            counts[kind] += np.histogram(values[chosen], EDGES)[0]
    return counts[0], counts[1]


def _choose(
    accepted: NDArray[np.float64], thresholds: dict[float, float | None], eer_threshold: float, other_pairs: int
) -> tuple[float, float, str]:
    """Where to match and where to be unsure, and why.

    A video has many faces and a project many references, so that a good model should not use up what it is allowed:
    where its equal error rate lies higher, that is the border. Unsure begins half-way down to where 1 % are accepted.
    """
    strict, loose = thresholds[MATCH_RATE], float(EDGES[int(np.argmax(accepted <= UNSURE_RATE))])
    if strict is not None:
        why = f"match where the false accept rate is {MATCH_RATE:g} and no more than the false reject rate"
    else:
        strict = float(EDGES[int(np.argmax(accepted == 0))])
        why = (
            f"{other_pairs} pairs of two people are too few for a false accept rate of {MATCH_RATE:g}: match above all "
            "of them, and where no more are wrongly accepted than refused"
        )
    match = max(strict, eer_threshold)
    unsure = min((match + loose) / 2, match - LEAST_STEP)
    return round(match, 4), round(unsure, 4), f"{why}; unsure half-way down to a rate of {UNSURE_RATE:g}"
