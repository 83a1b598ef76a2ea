"""Book-keeping of a decoding pass: which packets became frames, what was seen, and what was lost."""

from __future__ import annotations

import heapq

from facecrop_core.records import Coverage


class ShownOrder:
    """Packets that went into the decoder, in order of presentation, to tell what came out and what did not."""

    def __init__(self, first_index: int = 0) -> None:
        self._waiting: list[tuple[int, bool]] = []
        self._next_index = first_index

    def push(self, pts: int, may_drop: bool) -> None:
        heapq.heappush(self._waiting, (pts, may_drop))

    def take(self, pts: int) -> tuple[int, int, int]:
        """(index of this frame, frames before it that were left out on purpose, frames before it that were lost)."""
        dropped = lost = 0
        index = self._next_index
        while self._waiting and self._waiting[0][0] <= pts:
            waiting_pts, may_drop = heapq.heappop(self._waiting)
            self._next_index += 1
            if waiting_pts < pts:
                index += 1
                dropped += may_drop
                lost += not may_drop
        return index, dropped, lost

    def rest(self) -> tuple[list[int], list[int]]:
        """Times of the packets that gave no frame by the end: (left out on purpose, lost)."""
        return [p for p, may_drop in self._waiting if may_drop], [p for p, may_drop in self._waiting if not may_drop]


class CoverageLog:
    """What was decoded and where it was damaged."""

    def __init__(self) -> None:
        self.count = self.failures = 0
        self.until_seconds = 0.0
        self.fault = False
        """Whether something went wrong since the last good frame."""
        self.good_seconds = 0.0
        """Time of the last good frame."""
        self._damaged: list[tuple[float, float]] = []

    def good_frame(self, time_seconds: float, frame_seconds: float) -> None:
        if self.fault:
            self.damage_until(time_seconds)
        self.count += 1
        self.good_seconds = time_seconds
        self.until_seconds = time_seconds + frame_seconds  # what an earlier frame claimed was wrong if it was later

    def damage_until(self, time_seconds: float) -> None:
        """The stretch from the last good frame to this time is damaged."""
        start = self.good_seconds
        if self._damaged and start <= self._damaged[-1][1]:
            start = self._damaged.pop()[0]
        self._damaged.append((start, max(time_seconds, start)))
        self.fault = False

    def coverage(self, expected_seconds: float | None) -> Coverage:
        return Coverage(self.count, self.until_seconds, expected_seconds, tuple(self._damaged), self.failures)
