"""K-means with a number of groups that is given or chosen, as video-to-faces does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facecrop_core.people.units import finite_rows
from facecrop_core.records import FloatArray, IntArray

LOG_HEAD = ["n_clusters", "silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"]
SILHOUETTE_FACES = 5000
"""The silhouette compares all pairs; of more faces it looks at a sample."""
MINI_BATCH_FACES = 20_000
"""From so many faces on, K-means works on batches."""
STARTS = 10
"""Of so many starts the best result is taken; on batches, the best start of three."""


@dataclass(frozen=True)
class Grouping:
    """One number of groups: ``labels`` int64 [n], 0-based, −1 without an embedding; scores are NaN where undefined."""

    clusters: int
    labels: IntArray
    silhouette: float
    calinski_harabasz: float
    davies_bouldin: float


def k_means(embeddings: FloatArray, clusters: Sequence[int], seed: int | None) -> list[Grouping]:
    """Group faces into each of the numbers of groups, in their order.

    Numbers larger than that of embedded faces are left out; where all are, that of faces is taken. Labels count from
    the first face on, so that equal groupings have equal labels.

    Args:
        embeddings: float32 [n, d]; NaN rows for faces that were not embedded.
        clusters: see ``settings.clustering.cluster_numbers``.
        seed: equal seeds give equal groups; None: another every time.
    """
    rows = np.flatnonzero(finite_rows(embeddings))
    if not len(rows):
        return []
    vectors = np.asarray(embeddings[rows], np.float32)
    numbers = [k for k in clusters if k <= len(rows)] or [len(rows)]
    return [_group(vectors, rows, len(embeddings), k, seed) for k in numbers]


def best_grouping(groupings: Sequence[Grouping]) -> Grouping:
    """The one with the highest silhouette; the first where none has one."""
    return max(groupings, key=lambda grouping: np.nan_to_num(grouping.silhouette, nan=-2.0))


def clustering_log_rows(groupings: Sequence[Grouping]) -> list[list[str]]:
    """Head and rows of ``log_clustering.csv``."""
    rows = [[str(g.clusters), *(f"{s}" for s in (g.silhouette, g.calinski_harabasz, g.davies_bouldin))]
            for g in groupings]  # fmt: skip
    return [LOG_HEAD, *rows]


def _group(vectors: FloatArray, rows: IntArray, faces: int, clusters: int, seed: int | None) -> Grouping:
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    many = len(vectors) >= MINI_BATCH_FACES
    kind, starts = (MiniBatchKMeans, 3) if many else (KMeans, STARTS)
    model = kind(n_clusters=clusters, n_init=starts, random_state=seed)
    found = _in_order(model.fit_predict(vectors))
    labels = np.full(faces, -1, np.int64)
    labels[rows] = found
    if not 2 <= len(np.unique(found)) < len(vectors):  # one group, or each face alone: nothing to compare
        return Grouping(clusters, labels, np.nan, np.nan, np.nan)
    sample = SILHOUETTE_FACES if len(vectors) > SILHOUETTE_FACES else None
    return Grouping(
        clusters,
        labels,
        float(silhouette_score(vectors, found, sample_size=sample, random_state=seed)),
        float(calinski_harabasz_score(vectors, found)),
        float(davies_bouldin_score(vectors, found)),
    )


def _in_order(labels: IntArray) -> IntArray:
    """Labels renumbered by where they occur first."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place]
