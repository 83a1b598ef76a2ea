"""A bank of references that grows while a video is looked at, under gates so strict that it does not drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facecrop_core.records import FloatArray, Metric, Reference
from facecrop_core.similarity import similarity_matrix


@dataclass(frozen=True)
class GrowthRules:
    """When a face may become a reference. Distances are 1 − similarity."""

    add: float | None
    """Largest distance to the person's references; None: the bank does not grow."""
    enter: float
    """Largest distance to the references that the user gave; nobody else may be as near as this."""
    sharpness: float
    """Least variance of the Laplacian at the measuring size."""
    alike: float
    """A cosine to one of the person's references from which on a face adds nothing."""
    cooldown: int
    """Samples from one addition to a person's bank to the next."""
    most: int
    """References of one person, the user's included."""


@dataclass(frozen=True)
class Addition:
    """A face that became a reference: its position among the sample's faces, whose it is, and how near it was."""

    face: int
    person: str
    distance: float


class ReferenceBank:
    """The references of all wanted people, and what they grow by. The user's own never go.

    Args:
        references: the user's, all embedded by the model whose ``metric`` this is; at least one.
        grown: references that were taken in before.
    """

    def __init__(
        self, references: Sequence[Reference], metric: Metric, rules: GrowthRules, grown: Sequence[Reference] = ()
    ) -> None:
        self._metric, self._rules = metric, rules
        self._names = list(dict.fromkeys(r.person for r in references))
        self._own = [_vectors([r for r in references if r.person == name]) for name in self._names]
        self._all = [np.vstack([own, _vectors([r for r in grown if r.person == name]).reshape(-1, own.shape[1])])
                     for own, name in zip(self._own, self._names, strict=True)]  # fmt: skip
        self._resting = [0] * len(self._names)

    def distances(self, embeddings: FloatArray) -> FloatArray:
        """Of faces [n, d] to people [n, p], in the order in which the references name them; NaN rows are infinite."""
        return self._to(self._all, embeddings)

    def grow(self, embeddings: FloatArray, sharpness: Callable[[int], float], samples: int = 1) -> list[Addition]:
        """Show the bank the faces [n, d] of a sample. At most one face a person is taken in: the nearest.

        ``sharpness`` measures one of them; it is asked only of a face that passes all other gates. ``samples`` counts
        this one and those since the last that was shown: faceless ones need no call of their own.
        """
        self._resting = [max(left - samples, 0) for left in self._resting]
        if self._rules.add is None or not len(embeddings):
            return []
        distances, own = self.distances(embeddings), self._to(self._own, embeddings)
        additions = []
        for person, name in enumerate(self._names):
            face = int(distances[:, person].argmin())
            others = np.delete(distances[face], person)
            near = distances[face, person] <= self._rules.add and own[face, person] <= self._rules.enter
            clear = others.min(initial=np.inf) > self._rules.enter
            if not (near and clear and self._has_room(person, embeddings[face])):
                continue
            if sharpness(face) >= self._rules.sharpness:  # not measured is NaN, and not sharp
                self._all[person] = np.vstack([self._all[person], embeddings[face]])
                self._resting[person] = self._rules.cooldown
                additions.append(Addition(face, name, float(distances[face, person])))
        return additions

    def _has_room(self, person: int, vector: FloatArray) -> bool:
        """Whether the person's bank is neither resting nor full, and holds nothing so much like this."""
        bank = self._all[person]
        if self._resting[person] or len(bank) >= self._rules.most:
            return False
        lengths = np.linalg.norm(bank, axis=1) * np.linalg.norm(vector)
        return bool((bank @ vector / np.maximum(lengths, 1e-12)).max() < self._rules.alike)

    def _to(self, banks: list[FloatArray], embeddings: FloatArray) -> FloatArray:
        nearest = [1 - similarity_matrix(embeddings, bank, self._metric).max(axis=1) for bank in banks]
        return np.asarray(np.nan_to_num(np.stack(nearest, axis=1), nan=np.inf), np.float32)


def _vectors(references: Sequence[Reference]) -> FloatArray:
    return np.array([r.embedding for r in references], np.float32)
