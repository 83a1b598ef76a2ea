"""Which frames of a video are wanted. Plans speak of presentation times and never of frame numbers.

Sample k of a plan is the first frame whose time is at least the plan's k-th time. A frame that comes late may serve
several k; it is given once, with the last of them as its number. Because that number follows from the frame's own
time, it is the same whether the video was read from its start or from anywhere else.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

TOLERANCE_SECONDS = 1e-6


class Plan(Protocol):
    """The times at which a video is sampled."""

    def times(self) -> Iterator[float]:
        """The planned times in seconds, in order; may be endless."""
        ...

    def number_at(self, time_seconds: float) -> int:
        """The last k whose time is not after this one; −1 before the first."""
        ...

    def time_of(self, number: int) -> float | None:
        """The k-th time. When there are no more: None, or infinity where the plan goes on to the end all the same."""
        ...

    def longest_gap(self) -> float:
        """The longest stretch in seconds without a wanted frame."""
        ...

    def last_time(self) -> float | None:
        """The last planned time, or None where the plan goes on to the end of the video."""
        ...


class RatePlan:
    """``fps`` samples per second: times k / fps, without end.

    Raises:
        ValueError: ``fps`` is not above 0.
    """

    def __init__(self, fps: float) -> None:
        if not fps > 0:
            raise ValueError(f"RatePlan needs fps above 0, not {fps}")
        self.fps = fps

    def times(self) -> Iterator[float]:
        number = 0
        while True:
            yield number / self.fps
            number += 1

    def number_at(self, time_seconds: float) -> int:
        return max(math.floor((time_seconds + TOLERANCE_SECONDS) * self.fps), -1)

    def time_of(self, number: int) -> float | None:
        return number / self.fps

    def longest_gap(self) -> float:
        return 1 / self.fps

    def last_time(self) -> float | None:
        return None


EVERY_FRAME = RatePlan(100_000)
"""Wants every frame without knowing their times beforehand; its sample numbers are of no use."""


class TimesPlan:
    """Exact times in seconds; put in order, doubles dropped.

    Args:
        to_the_end: whether the video is read to its end, so that it is found out where it was cut short.
    """

    def __init__(self, times: Iterable[float], to_the_end: bool = False) -> None:
        self._after: float | None = math.inf if to_the_end else None
        self._times = array("d", sorted({max(float(t), 0.0) for t in times}))

    def times(self) -> Iterator[float]:
        return iter(self._times)

    def number_at(self, time_seconds: float) -> int:
        return bisect_right(self._times, time_seconds + TOLERANCE_SECONDS) - 1

    def time_of(self, number: int) -> float | None:
        return self._times[number] if number < len(self._times) else self._after

    def longest_gap(self) -> float:
        return max((b - a for a, b in zip([0.0, *self._times], self._times, strict=False)), default=0.0)

    def last_time(self) -> float | None:
        return None if self._after else self._times[-1] if self._times else 0.0


class KeyframesPlan(TimesPlan):
    """The times of keyframes as packets tell them: the decoder is told to leave out all other frames."""


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown, in seconds from the first."""

    times: array[float]
    keyframe_times: array[float]
    from_packets: bool
    """Whether packets told it; else every frame was decoded, and only a decoder knows which are keyframes."""


def step_plan(timeline: Timeline, step_frames: int = 1) -> TimesPlan:
    """Every so many-th frame, from the first on."""
    return TimesPlan(timeline.times[::step_frames], to_the_end=True)


def keyframes_plan(timeline: Timeline) -> TimesPlan:
    """The keyframes, and nothing else decoded where that is possible."""
    plan = KeyframesPlan if timeline.from_packets else TimesPlan
    return plan(timeline.keyframe_times, to_the_end=True)


def spread(start_seconds: float, end_seconds: float, count: int) -> list[float]:
    """Times in the middles of ``count`` equal parts of a span."""
    part = (end_seconds - start_seconds) / count
    return [start_seconds + (i + 0.5) * part for i in range(count)]


def sections_plan(start_seconds: float, end_seconds: float, count: int) -> TimesPlan:
    """``count`` times spread evenly over each of the front, middle and end thirds."""
    third = (end_seconds - start_seconds) / 3
    starts = [start_seconds + i * third for i in range(3)]
    return TimesPlan(t for start in starts for t in spread(start, start + third, count))


class Selector:
    """Says of each frame of a video, in order of time, whether a plan wants it.

    Frames before ``start_seconds`` are never wanted; those from there on are wanted exactly where a reading from the
    start would have wanted them, given that the frame just before is shown to ``wants`` or ``pass_over``. Frames from
    ``end_seconds`` on are not wanted either.
    """

    def __init__(self, plan: Plan, start_seconds: float = 0.0, end_seconds: float | None = None) -> None:
        self.plan = plan
        self.start_seconds = start_seconds
        self.end_seconds = math.inf if end_seconds is None else end_seconds
        self._over = False
        self.last_number = -1
        """The number of the last sample that is done with."""

    def wants(self, time_seconds: float) -> int | None:
        """The number of the sample that a frame at this time is, or None where it is not wanted."""
        if time_seconds >= self.end_seconds - TOLERANCE_SECONDS:
            self._over = True
            return None
        number = self.plan.number_at(time_seconds)
        if number <= self.last_number:
            return None
        self.last_number = number
        return number if time_seconds >= self.start_seconds - TOLERANCE_SECONDS else None

    def pass_over(self, time_seconds: float) -> None:
        """Take note that no frame up to this time is to come any more."""
        self.last_number = max(self.last_number, self.plan.number_at(time_seconds))

    def next_time(self) -> float | None:
        """The earliest time at which a frame can be wanted; None when the plan is done."""
        planned = None if self._over else self.plan.time_of(self.last_number + 1)
        if planned == math.inf:
            return self.end_seconds
        return (
            None
            if planned is None or planned >= self.end_seconds - TOLERANCE_SECONDS
            else max(planned, self.start_seconds)
        )

    def last_time(self) -> float | None:
        """Where the reading ends: the last planned time, or None for the end of the video."""
        if self.end_seconds == math.inf:
            return self.plan.last_time()
        number = self.plan.number_at(self.end_seconds - 2 * TOLERANCE_SECONDS)
        if self.plan.time_of(number + 1) == math.inf:
            return self.end_seconds
        return self.plan.time_of(number) or 0.0 if number >= 0 else 0.0
