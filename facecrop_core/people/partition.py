"""Groups that grow by union, and what may never be in one group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.neighbours import alike_pairs, nearest
from facecrop_core.people.units import normalised
from facecrop_core.records import FloatArray, IntArray, Metric

MOST_PAIRS = 32
CHOICES = 3
CHUNK_NODES = 8192


class Partition:
    """Nodes in groups; the first ``kept`` nodes are people that exist already, and never become one.

    A group's samples are those of its faces; two groups that share one never join, nor do those of a cannot-link.

    Args:
        vectors: float32 [n, d], the mean of each node. They are changed.
        support: int64 [n], the node's faces of good quality.
        samples: the samples in which each node has a face.
    """

    def __init__(
        self, vectors: FloatArray, support: IntArray, samples: list[set[int]], kept: int, metric: Metric
    ) -> None:
        self._parent = np.arange(len(vectors))
        # roots, for a long track of one pose must not outweigh all others
        embedded = np.isfinite(vectors[:, 0])
        self._weight = np.where(embedded, np.sqrt(np.maximum(support, 1)), 0).astype(np.float32)
        vectors[~embedded] = 0
        vectors *= self._weight[:, None]
        self._sum = vectors
        self._samples, self._metric, self._kept = samples, metric, kept
        self._enemies: list[frozenset[int]] = [frozenset()] * len(vectors)
        self.support = support
        self.founded = np.arange(len(vectors)) < kept

    def find(self, node: int) -> int:
        """The root of a node's group; a kept node is the root of its own."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return int(node)

    def roots(self) -> IntArray:
        """Of each node."""
        return np.array([self.find(node) for node in range(len(self._parent))], np.int64)

    def forbid(self, a: int, b: int) -> None:
        """Keep two nodes apart for good."""
        for one, other in ((self.find(a), b), (self.find(b), a)):
            self._enemies[one] = self._enemies[one] | {other}

    def may_join(self, a: int, b: int) -> bool:
        """Whether two roots may become one group."""
        if a == b or (a < self._kept and b < self._kept):
            return False
        if any(self.find(enemy) == b for enemy in self._enemies[a]):
            return False
        return self._samples[a].isdisjoint(self._samples[b])

    def join(self, a: int, b: int) -> None:
        """Make two roots one group, under the lower number."""
        a, b = min(a, b), max(a, b)
        self._parent[b] = a
        self._sum[a] += self._sum[b]
        self._weight[a] += self._weight[b]
        self.support[a] += self.support[b]
        small, large = sorted((self._samples[a], self._samples[b]), key=len)
        large |= small
        self._samples[a], self._samples[b] = large, set()
        self._enemies[a] |= self._enemies[b]
        self.founded[a] |= self.founded[b]

    def means(self, roots: NDArray[Any]) -> FloatArray:
        """Mean vectors of groups [g, d]; NaN where nothing is embedded."""
        weights = np.where(self._weight[roots] > 0, self._weight[roots], np.nan)
        means = np.asarray(self._sum[roots] / weights[:, None], np.float32)
        return normalised(means) if self._metric == "cosine" else means

    def agglomerate(self, roots: IntArray, least: float) -> int:
        """Join groups that are alike, the most alike pair first, and say how often.

        A pair is tried where two of the groups given were at least ``least`` alike, and joins where the means of what
        they have become by then still are: a chain of look-alikes ends where its ends are strangers.
        """
        joined = 0
        a, b, _ = alike_pairs(self.means(roots), self._metric, least, MOST_PAIRS)
        for one, other in zip(roots[a].tolist(), roots[b].tolist(), strict=True):
            one, other = self.find(one), self.find(other)
            if self.may_join(one, other) and self._alike(one, other) >= least:
                self.join(one, other)
                joined += 1
        return joined

    def attach(self, roots: IntArray, groups: IntArray, least: float, margin: float) -> int:
        """Join single groups to the nearest of ``groups`` that they may join, and say how many did.

        It must be ``least`` alike and nearer than the next by ``margin``; the most alike go first.
        """
        if not len(groups) or not len(roots):
            return 0
        centres = self.means(groups)
        parts = [roots[start : start + CHUNK_NODES] for start in range(0, len(roots), CHUNK_NODES)]
        found = [nearest(self.means(part), centres, self._metric, CHOICES) for part in parts]
        places, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        attached = 0
        for i in np.argsort(-scores[:, 0], kind="stable").tolist():
            if not scores[i, 0] >= least:
                break
            one = self.find(int(roots[i]))
            near = [(self.find(int(groups[p])), s) for p, s in zip(places[i], scores[i], strict=True) if s > -np.inf]
            near = [(group, score) for group, score in near if self.may_join(one, group)]
            if not near or near[0][1] < least or (len(near) > 1 and near[0][1] - near[1][1] < margin):
                continue
            self.join(one, near[0][0])
            attached += 1
        return attached

    def _alike(self, a: int, b: int) -> float:
        one, other = self._sum[a] / self._weight[a], self._sum[b] / self._weight[b]
        if self._metric == "euclidean":
            return 1 - float(np.linalg.norm(one - other))
        return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def node_samples(node_of_face: Iterable[int], sample_ids: Iterable[int], nodes: int) -> list[set[int]]:
    """The samples of each node."""
    samples: list[set[int]] = [set() for _ in range(nodes)]
    for node, sample in zip(node_of_face, sample_ids, strict=True):
        samples[node].add(sample)
    return samples
