"""Looking at fewer frames: what did not change keeps its faces, and empty shots are only sampled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from facecrop_core.pipeline.faces import make_signature
from facecrop_core.records import Frame
from facecrop_core.settings.sections import DetectionSettings
from facecrop_core.table import SampleRow
from facecrop_core.track import number_shots

GROUP = 8
"""Samples that are decided on together. A group never spans a cut, and knows nothing of other groups."""
COMPARED_WIDTH, CELL = 160, 8
"""Frames are compared as grey pictures of this width, cell by cell, so that a small movement is not averaged away."""


def is_sparing(settings: DetectionSettings) -> bool:
    """Whether frames may be left out, so that they have to come in groups of one shot."""
    return settings.reuse_unchanged is not None or settings.empty_stride is not None


def shot_groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Neighbouring frames of one shot, at most ``GROUP``."""
    group: list[Frame] = []
    before = np.zeros(0, np.uint8)
    for frame in frames:
        signature = np.frombuffer(make_signature(frame.canvas), np.uint8)
        is_cut = len(group) > 0 and number_shots(np.stack([before, signature]))[1] > 0
        if is_cut or len(group) == GROUP:
            yield group
            group = []
        group.append(frame)
        before = signature
    if group:
        yield group


class SparingLook:
    """Rows of a group's frames, of which only some are looked at, by ``look``, which gives the frames back."""

    def __init__(self, look: Callable[[list[Frame]], list[SampleRow]], settings: DetectionSettings) -> None:
        self._look, self._stride, self._tolerance = look, settings.empty_stride, settings.reuse_unchanged

    def rows(self, frames: list[Frame]) -> list[SampleRow]:
        """One row per frame; the frames are given back."""
        try:
            same_as = self._same_as(frames)
            others = [(frame, make_signature(frame.canvas)) for frame in frames]
            distinct = [frame for index, frame in enumerate(frames) if same_as[index] == index]
            rows = {row.sample: row for row in self._look_at(distinct)}
        finally:
            for frame in frames:
                frame.release()
        return [
            dataclasses.replace(
                rows[frames[first].sample],
                sample=frame.sample,
                frame=frame.frame,
                time_seconds=frame.time_seconds,
                signature=signature,
            )
            for first, (frame, signature) in zip(same_as, others, strict=True)
        ]

    def _same_as(self, frames: list[Frame]) -> list[int]:
        """For each frame the position of an earlier one that it equals, or its own."""
        if self._tolerance is None:
            return list(range(len(frames)))
        same_as, shown = [0], _compared(frames[0])
        for index, frame in enumerate(frames[1:], 1):
            picture = _compared(frame)
            if _largest_difference(picture, shown) <= self._tolerance:
                same_as.append(same_as[-1])
            else:
                same_as.append(index)
                shown = picture
        return same_as

    def _look_at(self, frames: list[Frame]) -> list[SampleRow]:
        if self._stride is None or len(frames) <= self._stride:
            return self._look(frames)
        first = [frame for index, frame in enumerate(frames) if index % self._stride == 0 or frame is frames[-1]]
        rest = [frame for index, frame in enumerate(frames) if index % self._stride and frame is not frames[-1]]
        empty = [SampleRow(f.sample, f.frame, f.time_seconds, make_signature(f.canvas)) for f in rest]
        rows = self._look(first)
        return rows + (self._look(rest) if any(row.faces for row in rows) else empty)


def _compared(frame: Frame) -> NDArray[np.int16]:
    height = max(round(frame.canvas.shape[0] * COMPARED_WIDTH / frame.canvas.shape[1] / CELL), 1) * CELL
    small = cv2.resize(frame.canvas, (COMPARED_WIDTH, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.int16)


def _largest_difference(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    """Mean absolute difference in grey levels of the cell that differs most."""
    height, width = a.shape
    cells = np.abs(a - b).reshape(height // CELL, CELL, width // CELL, CELL)
    return float(cells.mean(axis=(1, 3)).max())
