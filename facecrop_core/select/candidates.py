"""The faces from which a set is made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Candidates:
    """Faces that pass every gate, of one video or several: one row each, in order of video and time.

    ``video``, ``shot``, ``track`` and ``sample`` count within their video (−1: not known); ``person`` counts over all
    of them (−1: nobody in particular). ``pinned`` are those that the user said to keep: nothing here leaves them out.
    """

    video: IntArray
    person: IntArray
    shot: IntArray
    track: IntArray
    sample: IntArray
    time_seconds: NDArray[np.float64]
    boxes_xyxy: FloatArray
    score: FloatArray
    """Quality × similarity, 0 to 1."""
    sharpness: FloatArray
    """Decides between equal scores; NaN where it was not measured."""
    yaw_degrees: FloatArray
    pitch_degrees: FloatArray
    brightness: FloatArray
    pinned: BoolArray
    hashes: NDArray[np.uint64]
    """64 bits of each face's picture; 0 where there is none or it was not asked for."""

    def __len__(self) -> int:
        return len(self.person)

    def __getitem__(self, rows: IntArray | BoolArray) -> Candidates:
        return Candidates(*(getattr(self, field.name)[rows] for field in fields(self)))

    @cached_property
    def best_first(self) -> IntArray:
        """All rows: pinned ones, then by score, by sharpness, and the earlier first."""
        return np.lexsort((-np.nan_to_num(self.sharpness), -self.score, ~self.pinned))


def concatenate(parts: list[Candidates]) -> Candidates:
    """At least one list of candidates, behind one another."""
    return Candidates(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Candidates)))


def numbered(*columns: NDArray[np.int64]) -> IntArray:
    """One number [n] for each combination of several columns' values."""
    number = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        number = np.unique(number * max(len(values), 1) + place, return_inverse=True)[1]
    return number


def rank_within(groups: IntArray, order: IntArray) -> IntArray:
    """Each row's place [n] within its group, 0 for the first, where all rows are taken in this order."""
    by_group = order[np.argsort(groups[order], kind="stable")]
    ordered = groups[by_group]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ranks = np.empty(len(groups), np.int64)
    ranks[by_group] = np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))
    return ranks
