"""How alike two embeddings are, in the metric of the model that made them."""

from __future__ import annotations

import numpy as np

from facecrop_core.records import FloatArray, Metric


def similarity_matrix(a: FloatArray, b: FloatArray, metric: Metric) -> FloatArray:
    """Similarity of vectors [n, d] with vectors [m, d]: [n, m]. NaN rows stay NaN.

    ``cosine`` expects unit vectors; ``euclidean`` gives 1 − distance.
    """
    product = np.asarray(a, np.float32) @ np.asarray(b, np.float32).T
    if metric == "cosine":
        return np.asarray(product, np.float32)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * product
    return np.asarray(1 - np.sqrt(np.maximum(squares, 0)), np.float32)
