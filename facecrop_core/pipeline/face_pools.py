"""The faces of several scans by one model, in one row after another, as grouping wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import FaceKey
from facecrop_core.pipeline.curation import NOT_A_FACE, face_keys
from facecrop_core.pipeline.seen import ScanPeople
from facecrop_core.records import FloatArray, IntArray

Groups = list[tuple[int | None, list[FaceKey]]]
"""A person's number, or None for a new unnamed one, with their faces."""


@dataclass
class FacePool:
    """The faces of all scans of one model, in one row after another; what is no face is left out."""

    views: list[ScanPeople]
    rows: list[IntArray]
    """For each view the rows of its table that take part."""

    @property
    def faces(self) -> int:
        return sum(map(len, self.rows))

    def column(self, name: str) -> NDArray[Any]:
        return np.concatenate([view.table[name][rows] for view, rows in zip(self.views, self.rows, strict=True)])

    def of_views(self, arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([array[rows] for array, rows in zip(arrays, self.rows, strict=True)])

    def unique_ids(self, name: str) -> IntArray:
        """A column of numbers that count within a video, so that they differ between videos; −1 stays."""
        parts, first = [], 0
        for view, rows in zip(self.views, self.rows, strict=True):
            values = view.table[name].astype(np.int64)
            parts.append(np.where(values >= 0, values + first, -1)[rows])
            first += int(values.max(initial=-1)) + 1
        return np.concatenate(parts)

    def embeddings(self) -> FloatArray:
        if len(self.views) == 1 and len(self.rows[0]) == len(self.views[0].table):
            return self.views[0].table.embeddings  # perhaps a memory map
        return self.of_views([view.table.embeddings for view in self.views])

    def quality(self) -> FloatArray:
        return self.of_views([view.quality for view in self.views])

    def keys(self, mine: NDArray[np.bool_]) -> list[FaceKey]:
        """The keys of those faces for which ``mine`` [n] holds."""
        keys, first = [], 0
        for view, rows in zip(self.views, self.rows, strict=True):
            keys += face_keys(view.table, rows[mine[first : first + len(rows)]])
            first += len(rows)
        return keys

    def groups(self, labels: IntArray, people: dict[int, int]) -> Groups:
        """``people``: the persons of those labels that stand for one."""
        return [(people.get(label), self.keys(labels == label)) for label in np.unique(labels[labels >= 0]).tolist()]


def face_pools(views: Sequence[ScanPeople]) -> list[FacePool]:
    """One pool for each model; scans without faces are left out."""
    by_model: dict[str, FacePool] = {}
    for view in views:
        if len(view.table):
            pool = by_model.setdefault(view.table.embedder_sha256, FacePool([], []))
            pool.views.append(view)
            pool.rows.append(np.flatnonzero(view.curated.decision != NOT_A_FACE))
    return [pool for pool in by_model.values() if pool.faces]
