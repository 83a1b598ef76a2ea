"""Faces that do not fit their own cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.units import finite_rows, normalised
from facecrop_core.records import BoolArray, Calibration, FloatArray

CHUNK_ROWS = 8192
ROUNDS = 2
"""The first round's outliers do not pull at the means of the second."""


def consistent(
    embeddings: FloatArray,
    labels: NDArray[Any],
    calibration: Calibration,
    identity_consistency: float | str | None,
    counted: BoolArray | None = None,
) -> BoolArray:
    """Which faces fit their own cluster: bool [n]; face_dataset_pipeline's identity consistency.

    A face fits where its similarity to the mean of its cluster's other faces is at least ``identity_consistency``
    (``auto``: where the model begins to be unsure; None: all fit). Faces without a label or an embedding, and clusters
    of one face, cannot be judged and fit.

    Args:
        embeddings: float32 [n, d], may be a memory map; NaN rows for faces that were not embedded.
        labels: int64 [n], −1 for none.
        counted: [n], which faces make the means; by default all that have a label.
    """
    fits = np.ones(len(labels), np.bool_)
    judged = np.flatnonzero((np.asarray(labels) >= 0) & finite_rows(embeddings))
    if identity_consistency is None or not len(judged):
        return fits
    least = calibration.unsure if identity_consistency == "auto" else float(identity_consistency)
    _, place = np.unique(labels[judged], return_inverse=True)
    inside = np.ones(len(judged), np.bool_)
    means_of = inside if counted is None else counted[judged]
    for _ in range(ROUNDS):
        alike = _to_others(embeddings, judged, place, inside & means_of, calibration)
        inside = np.where(np.isnan(alike), inside, alike >= least)  # NaN: nobody is left to compare with
    fits[judged] = inside
    return fits


def mean_likeness(embeddings: FloatArray, labels: NDArray[Any], calibration: Calibration) -> FloatArray:
    """Similarity of each face to the mean of its cluster's other faces, float32 [n].

    NaN without a label (−1), without an embedding, and for clusters of one face.
    """
    alike = np.full(len(labels), np.nan, np.float32)
    judged = np.flatnonzero((np.asarray(labels) >= 0) & finite_rows(embeddings))
    if len(judged):
        _, place = np.unique(labels[judged], return_inverse=True)
        alike[judged] = _to_others(embeddings, judged, place, np.ones(len(judged), np.bool_), calibration)
    return alike


def _to_others(
    embeddings: FloatArray, rows: NDArray[Any], place: NDArray[Any], counted: BoolArray, calibration: Calibration
) -> FloatArray:
    """Similarity of each face to the mean of its cluster's counted faces without itself; NaN where there is none."""
    sums = np.zeros((int(place.max()) + 1, embeddings.shape[1]), np.float64)
    chunks = [slice(start, start + CHUNK_ROWS) for start in range(0, len(rows), CHUNK_ROWS)]
    for chunk in chunks:
        kept = counted[chunk]
        np.add.at(sums, place[chunk][kept], embeddings[rows[chunk][kept]])
    counts = np.bincount(place, weights=counted)
    alike = np.full(len(rows), np.nan, np.float32)
    for chunk in chunks:
        faces = np.asarray(embeddings[rows[chunk]], np.float32)
        others = counts[place[chunk]] - counted[chunk]
        own = faces * counted[chunk][:, None]
        means = ((sums[place[chunk]] - own) / np.where(others > 0, others, np.nan)[:, None]).astype(np.float32)
        alike[chunk] = _pairwise(faces, means, calibration)
    return alike


def _pairwise(faces: FloatArray, means: FloatArray, calibration: Calibration) -> FloatArray:
    if calibration.metric == "cosine":
        return np.asarray((faces * normalised(means)).sum(axis=1), np.float32)
    return np.asarray(1 - np.linalg.norm(faces - means, axis=1), np.float32)
