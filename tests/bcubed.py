"""How good a clustering is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bcubed(truth: Sequence, labels: Sequence) -> tuple[float, float, float]:
    """B-cubed precision, recall and F1 of labels against true names (A. Bagga and B. Baldwin, "Entity-based
    cross-document coreferencing using the vector space model", COLING-ACL 1998). Every item counts; give only those
    that are to count."""
    _, name = np.unique(np.asarray(truth), return_inverse=True)
    _, group = np.unique(np.asarray(labels), return_inverse=True)
    both = name.astype(np.int64) * (int(group.max()) + 1) + group
    _, place, count = np.unique(both, return_inverse=True, return_counts=True)
    together = count[place]
    precision = float(np.mean(together / np.bincount(group)[group]))
    recall = float(np.mean(together / np.bincount(name)[name]))
    return precision, recall, 2 * precision * recall / (precision + recall)
