"""Which faces make a set of the size that is asked for, and which of them are for validation."""

from __future__ import annotations

import hashlib

import numpy as np

from facecrop_core.records import BoolArray, FloatArray, IntArray
from facecrop_core.select.candidates import Candidates, numbered, rank_within
from facecrop_core.settings.choosing import ChoosingSettings

YAW_BORDERS, PITCH_BORDERS = (-50, -30, -10, 10, 30, 50), (-15, 15)
"""Degrees: 7 × 3 cells of pose. Where yaw or pitch was not measured, that makes a cell of its own."""
LIGHTS = 3
ALPHA = 0.75
"""How much of a face's worth is its score; the rest is how unlike the chosen ones it is (MMR, as in PersonCapture)."""
PICTURE, SHOT, LIGHT = 0.5, 0.25, 0.25
"""What of the likeness with the chosen ones is due to the picture, the shot and the light."""
UNLIKE_BITS = 32
"""Two pictures that have nothing to do with each other differ in about so many of their hashes' 64 bits."""


def chooses(settings: ChoosingSettings) -> bool:
    """Whether ``choose`` leaves anything out."""
    asked = (settings.target, settings.top_n, settings.consecutive, settings.max_per_shot)
    return any(value is not None for value in asked)


def choose(faces: Candidates, settings: ChoosingSettings) -> BoolArray:
    """Which faces [n] are chosen, of each person alike. What is pinned always is, and counts. Nothing is random."""
    chosen = faces.pinned.copy()
    for person in np.unique(faces.person):
        rows = np.flatnonzero(faces.person == person)
        own = faces[rows]
        if settings.target is not None:
            chosen[rows] |= _Balanced(own, settings.max_per_shot).choose(settings.target)
        else:
            chosen[rows] |= _best(own, settings)
    return chosen


def _best(faces: Candidates, settings: ChoosingSettings) -> BoolArray:
    """The best of one person, and the best run of consecutive samples."""
    order = faces.best_first
    if settings.max_per_shot is not None:
        place = rank_within(numbered(faces.video, faces.shot), order)
        order = order[(place < settings.max_per_shot)[order] | faces.pinned[order]]
    only_run = settings.top_n is None and settings.consecutive is not None
    chosen = np.zeros(len(faces), np.bool_)
    chosen[order[: 0 if only_run else settings.top_n]] = True
    if settings.consecutive is not None:
        chosen[_best_run(faces, settings.consecutive, chosen)] = True
    return chosen


def _best_run(faces: Candidates, length: int, taken: BoolArray) -> IntArray:
    """Rows of so many samples in a row of one track, with the best mean score; none where no track is that long.

    Of those that share as few faces as can be with what is ``taken``.
    """
    order = np.lexsort((faces.sample, faces.track, faces.video))
    order = order[faces.track[order] >= 0]
    if len(order) < length:
        return np.zeros(0, np.int64)
    track, sample = numbered(faces.video, faces.track)[order], faces.sample[order]
    last = length - 1
    in_a_row = (track[last:] == track[: len(order) - last]) & (sample[last:] - sample[: len(order) - last] == last)
    worth = np.concatenate([[0.0], np.cumsum(faces.score[order] - length * taken[order], dtype=np.float64)])
    mean = np.where(in_a_row, worth[length:] - worth[:-length], -np.inf)
    start = int(np.argmax(mean))
    return order[start : start + length] if in_a_row[start] else np.zeros(0, np.int64)


class _Balanced:
    """A set of one person that grows face by face: each cell of pose in its turn gives the face that is worth most."""

    def __init__(self, faces: Candidates, max_per_shot: int | None) -> None:
        self.faces, self.max_per_shot = faces, max_per_shot
        self.score = faces.score / max(float(faces.score.max(initial=0)), 1e-9)
        self.shot = numbered(faces.video, faces.shot)
        self.light = _lights(faces.brightness)
        self.cell = numbered(*pose_cells(faces.yaw_degrees, faces.pitch_degrees))
        self.likeness = np.zeros(len(faces), np.float32)
        """With the most alike chosen face of the same cell, by picture."""
        self.chosen = np.zeros(len(faces), np.bool_)
        self.of_shot = np.zeros(int(self.shot.max(initial=0)) + 1, np.int64)
        self.of_light = np.zeros(LIGHTS + 1, np.int64)

    def choose(self, target: int) -> BoolArray:
        cells = [np.flatnonzero(self.cell == cell) for cell in np.unique(self.cell)]
        cells.sort(key=len)  # what is rare comes first
        by_cell = {int(self.cell[rows[0]]): rows for rows in cells}
        for row in np.flatnonzero(self.faces.pinned).tolist():
            self._take(row, by_cell[int(self.cell[row])])
        count = int(self.chosen.sum())
        while cells and count < target:
            left = []
            for rows in cells:
                best = self._best_of(rows) if count < target else None
                if best is not None:
                    self._take(best, rows)
                    left.append(rows)
                    count += 1
            cells = left
        return self.chosen

    def _best_of(self, rows: IntArray) -> int | None:
        """The face of a cell that is worth most; None where none may be taken any more."""
        free = ~self.chosen[rows]
        if self.max_per_shot is not None:
            free &= self.of_shot[self.shot[rows]] < self.max_per_shot
        rows = rows[free]
        if not len(rows):
            return None
        share = 1 / max(int(self.of_shot.sum()), 1)
        alike = PICTURE * self.likeness[rows]
        alike = alike + SHOT * share * self.of_shot[self.shot[rows]] + LIGHT * share * self.of_light[self.light[rows]]
        return int(rows[np.argmax(ALPHA * self.score[rows] - (1 - ALPHA) * alike)])

    def _take(self, row: int, rows: IntArray) -> None:
        """Choose a face, one of its cell's rows."""
        self.chosen[row] = True
        self.of_shot[self.shot[row]] += 1
        self.of_light[self.light[row]] += 1
        bits = np.bitwise_count(self.faces.hashes[rows] ^ self.faces.hashes[row]).astype(np.float32)
        self.likeness[rows] = np.maximum(self.likeness[rows], 1 - bits / UNLIKE_BITS)


def pose_cells(yaw_degrees: FloatArray, pitch_degrees: FloatArray) -> tuple[IntArray, IntArray]:
    """Each face's cell of yaw and of pitch [n], from 0; −1 where that was not measured."""
    yaw = np.where(np.isnan(yaw_degrees), -1, np.digitize(yaw_degrees, YAW_BORDERS))
    pitch = np.where(np.isnan(pitch_degrees), -1, np.digitize(pitch_degrees, PITCH_BORDERS))
    return yaw, pitch


def _lights(brightness: FloatArray) -> IntArray:
    """Dark, medium or bright [n], each a third of the faces; ``LIGHTS`` where it was not measured."""
    known = brightness[~np.isnan(brightness)]
    borders = np.quantile(known, np.arange(1, LIGHTS) / LIGHTS) if len(known) else np.zeros(LIGHTS - 1)
    return np.where(np.isnan(brightness), LIGHTS, np.searchsorted(borders, brightness))


def split_by_shot(faces: Candidates, share: float) -> BoolArray:
    """Which faces [n] are for validation: whole shots, drawn by a hash, with at most this share of the faces.

    Where every shot is larger than that, the smallest one; none where there is one shot only.
    """
    shots = numbered(faces.video, faces.shot)
    _, first, sizes = np.unique(shots, return_index=True, return_counts=True)
    if len(sizes) < 2:
        return np.zeros(len(faces), np.bool_)
    names = [f"{faces.video[row]} {faces.shot[row]}" for row in first]
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    drawn: list[int] = []
    room = share * len(faces)
    for shot in sorted(range(len(sizes)), key=digests.__getitem__):
        if sizes[shot] <= room:
            drawn.append(shot)
            room -= sizes[shot]
    return np.isin(shots, drawn or [int(np.argmin(sizes))])
