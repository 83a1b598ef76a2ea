"""Faces that surely belong together: tracks, cut where the person changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.quality import ELIGIBLE, FAINT
from facecrop_core.records import BoolArray, FloatArray, IntArray, Metric
from facecrop_core.similarity import similarity_matrix

CHUNK_FACES = 4
"""Good faces of a track whose mean is compared with its other such means: steadier than single faces."""
PIECE_FACES = 256
"""Longer tracks are looked at in pieces of so many good faces; pieces of one person meet again as units."""
CHUNK_ROWS = 8192


@dataclass(frozen=True)
class Units:
    """``of_face`` int64 [n]: each face's unit. Per unit: ``means`` float32 [u, d] (NaN where no face is embedded),
    unit length for ``cosine``; ``support`` int64 [u]: its faces of eligible quality; ``faint`` int64 [u]: those that
    are faint or better."""

    of_face: IntArray
    means: FloatArray
    support: IntArray
    faint: IntArray


def split_tracks(
    embeddings: FloatArray,
    sample_ids: NDArray[Any],
    tracks: NDArray[Any],
    quality: FloatArray,
    metric: Metric,
    border: float,
    single: float,
    outlier: float,
) -> IntArray:
    """A unit number for each face [n]: its track, or its part of a track that shows several people.

    The good faces of a track are averaged in short runs; neighbouring runs join, the most alike first, as long as no
    two runs of one unit are less alike than ``border`` (complete link: single link would creep across a switch); in
    tracks so short that a run is one face, than ``single``. Poor faces go with the good ones before them. A good face
    that is less like its own unit than ``outlier``, a face without a track and a track's second face in one sample are
    units of their own.
    """
    known = finite_rows(embeddings)
    unit, count = np.full(len(tracks), -1, np.int64), 0
    for rows in _rows_by_track(sample_ids, tracks):
        good = rows[known[rows] & (quality[rows] >= ELIGIBLE)]
        vectors = np.asarray(embeddings[good], np.float32)
        segment = _segments(vectors, metric, border, single)
        before = np.maximum(np.searchsorted(good, rows, side="right") - 1, 0)
        unit[rows] = count + (segment[before] if len(good) else 0)
        unit[good[_outliers(vectors, segment, metric, outlier)]] = -1
        count += int(segment.max(initial=0)) + 1
    alone = np.flatnonzero(unit < 0)
    unit[alone] = count + np.arange(len(alone))
    return np.unique(unit, return_inverse=True)[1].astype(np.int64)


def make_units(of_face: IntArray, embeddings: FloatArray, quality: FloatArray, metric: Metric) -> Units:
    """Means and support of units. Where a unit has faces of eligible quality, they alone make its mean, by quality."""
    count = int(of_face.max(initial=-1)) + 1
    good = finite_rows(embeddings)
    eligible = good & (quality >= ELIGIBLE)
    support = np.bincount(of_face[eligible], minlength=count).astype(np.int64)
    used = np.flatnonzero(np.where(support[of_face] > 0, eligible, good))
    used = used[np.argsort(of_face[used], kind="stable")]
    means = np.full((count, embeddings.shape[1]), np.nan, np.float32)
    weights = np.zeros(count, np.float32)
    for start in range(0, len(used), CHUNK_ROWS):
        rows = used[start : start + CHUNK_ROWS]
        weight = np.maximum(quality[rows], 1e-3).astype(np.float32)
        units, first = np.unique(of_face[rows], return_index=True)
        sums = np.add.reduceat(embeddings[rows] * weight[:, None], first, axis=0)
        means[units] = np.nan_to_num(means[units]) + sums
        weights[units] += np.add.reduceat(weight, first)
    means /= np.maximum(weights, 1e-12)[:, None]
    if metric == "cosine":
        means /= np.maximum(np.sqrt(np.einsum("ij,ij->i", means, means)), 1e-12)[:, None]  # without a copy of them all
    faint = np.bincount(of_face[good & (quality >= FAINT)], minlength=count).astype(np.int64)
    return Units(of_face, means, support, faint)


def finite_rows(embeddings: FloatArray) -> BoolArray:
    """Which faces are embedded: rows of embeddings [n, d] are finite or NaN as a whole."""
    return np.asarray(np.isfinite(embeddings[:, 0]), np.bool_)


def normalised(vectors: FloatArray) -> FloatArray:
    """Vectors [n, d] at unit length."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _rows_by_track(sample_ids: NDArray[Any], tracks: NDArray[Any]) -> Iterator[IntArray]:
    """The faces of each track in order of time, one a sample."""
    order = np.lexsort((sample_ids, tracks))
    order = order[tracks[order] >= 0]
    track, sample = tracks[order], sample_ids[order]
    twice = np.zeros(len(order), np.bool_)
    twice[1:] = (track[1:] == track[:-1]) & (sample[1:] == sample[:-1])
    order = order[~twice]
    starts = np.flatnonzero(np.diff(tracks[order], prepend=-1))
    yield from np.split(order, starts[1:]) if len(order) else ()


def _segments(vectors: FloatArray, metric: Metric, border: float, single: float) -> IntArray:
    """Segment numbers, rising from 0, of a track's good faces [k, d] in order of time."""
    segment, count = np.zeros(len(vectors), np.int64), 0
    for start in range(0, len(vectors), PIECE_FACES):
        piece = vectors[start : start + PIECE_FACES]
        cuts = _switches(piece, metric, border, single)
        segment[start : start + PIECE_FACES] = count + np.searchsorted(cuts, np.arange(len(piece)), side="right")
        count += len(cuts) + 1
    return np.unique(segment, return_inverse=True)[1].astype(np.int64)  # two cuts can fall on one place


def _switches(vectors: FloatArray, metric: Metric, border: float, single: float) -> list[int]:
    """Positions in 1 … k − 1 at which faces [k, d] turn into somebody else."""
    if len(vectors) < 2:
        return []
    size = min(max(len(vectors) // 3, 1), CHUNK_FACES)
    border = single if size == 1 else border
    starts = np.arange(0, len(vectors) - size + 1, size)
    means = _means(vectors, starts, metric)
    alike = similarity_matrix(means, means, metric)
    if alike.min() >= border:
        return []
    bounds = [*range(len(starts)), len(starts)]
    while len(bounds) > 2:
        links = [alike[a:b, b:c].min() for a, b, c in zip(bounds, bounds[1:], bounds[2:], strict=False)]
        best = int(np.argmax(links))
        if links[best] < border:
            break
        del bounds[best + 1]
    edges = [*starts[bounds[:-1]], len(vectors)]
    segments = _means(vectors, np.array(edges[:-1]), metric)
    cuts = [_sharpen(vectors, edges[i : i + 3], segments[i : i + 2], metric, size) for i in range(len(edges) - 2)]
    return sorted(cuts)


def _sharpen(vectors: FloatArray, edges: list[Any], sides: FloatArray, metric: Metric, reach: int) -> int:
    """The face near the middle one of three edges from which on faces are more like the second side's mean."""
    low, high = max(edges[0] + 1, edges[1] - reach), min(edges[2] - 1, edges[1] + reach)
    alike = similarity_matrix(vectors[low - 1 : high], sides, metric)
    gain = np.cumsum(alike[:, 0] - alike[:, 1])
    return int(low + np.argmax(gain))


def _means(vectors: FloatArray, starts: NDArray[Any], metric: Metric) -> FloatArray:
    """Means of runs of vectors that begin at ``starts``; the last one goes to the end."""
    lengths = np.diff(starts, append=len(vectors))
    means = np.asarray(np.add.reduceat(vectors, starts, axis=0) / lengths[:, None], np.float32)
    return normalised(means) if metric == "cosine" else means


def _outliers(vectors: FloatArray, segment: IntArray, metric: Metric, outlier: float) -> BoolArray:
    """Which faces are unlike the mean of their own segment, which must have three faces for that."""
    if len(vectors) < 3:
        return np.zeros(len(vectors), np.bool_)
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    means, lengths = _means(vectors, starts, metric), np.bincount(segment)
    product = np.concatenate([similarity_matrix(vectors[segment == s], means[s : s + 1], metric)[:, 0]
                              for s in range(len(starts))])  # fmt: skip
    return np.asarray((product < outlier) & (lengths[segment] >= 3), np.bool_)
