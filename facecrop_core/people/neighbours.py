"""Which vectors are alike, in blocks, so that no matrix of all pairs is ever in memory."""

from __future__ import annotations

import numpy as np

from facecrop_core.records import FloatArray, IntArray, Metric
from facecrop_core.similarity import similarity_matrix

BLOCK_CELLS = 1 << 23
"""Similarities in memory at once: 32 MB, and as much again for what is made of them."""


def alike_pairs(vectors: FloatArray, metric: Metric, least: float, most: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs (a < b) of vectors [n, d] with their similarity, the most alike first.

    Of each vector's pairs with later ones the best ``most`` that reach ``least`` are given: enough to connect a dense
    group without naming all its pairs. NaN rows have none.
    """
    n, start, found = len(vectors), 0, []
    while start < n - 1:
        rows = min(max(BLOCK_CELLS // (n - start), 1), n - start)
        block = similarity_matrix(vectors[start : start + rows], vectors[start:], metric)
        block[~(block >= least)] = -np.inf
        block[np.tri(*block.shape, dtype=np.bool_)] = -np.inf  # a vector with itself and with earlier ones
        found.append(_best_of_rows(block, most, start))
        start += rows
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    a, b, alike = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((b, a, -alike))
    return a[order], b[order], alike[order]


def nearest(vectors: FloatArray, centres: FloatArray, metric: Metric, top: int) -> tuple[IntArray, FloatArray]:
    """The ``top`` nearest of centres [m, d] for each vector [n, d], best first: positions and similarities [n, top].

    Where there are fewer centres, or a vector is NaN, the similarity is −inf.
    """
    n, width = len(vectors), max(top, len(centres))
    places, scores = np.zeros((n, top), np.int64), np.full((n, top), -np.inf, np.float32)
    rows = max(BLOCK_CELLS // max(width, 1), 1)
    for start in range(0, n if len(centres) else 0, rows):
        block = similarity_matrix(vectors[start : start + rows], centres, metric)
        block = np.nan_to_num(block, copy=False, nan=-np.inf)
        at = np.arange(len(block))
        for place in range(min(top, len(centres))):
            best = block.argmax(axis=1)
            places[start : start + rows, place], scores[start : start + rows, place] = best, block[at, best]
            block[at, best] = -np.inf
    return places, scores


def _best_of_rows(block: FloatArray, most: int, start: int) -> tuple[IntArray, IntArray, FloatArray]:
    hits = np.isfinite(block).sum(axis=1)
    crowded = np.flatnonzero(hits > most)
    if len(crowded):
        cut = np.partition(block[crowded], -most, axis=1)[:, -most]
        block[crowded] = np.where(block[crowded] >= cut[:, None], block[crowded], -np.inf)
    rows, columns = np.nonzero(np.isfinite(block))
    return rows + start, columns + start, block[rows, columns]
