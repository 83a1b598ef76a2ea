"""A plan cut down to the stretches of a video that are worth a look."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from facecrop_core.video.sampling import TOLERANCE_SECONDS, Plan


class SpansPlan:
    """The times of another plan that lie in spans. Samples keep the numbers that they have in that plan.

    Numbers therefore have holes: ``time_of`` a number in a hole is the next time that there is, ``number_at`` a time
    in a hole the last number before it.

    Args:
        plan: the other plan.
        spans: (start, end) in seconds, both ends belonging to the span; in any order, overlapping or not.
    """

    def __init__(self, plan: Plan, spans: Sequence[tuple[float, float]]) -> None:
        self.whole = plan
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for start, end in sorted(spans):
            # number_at looks TOLERANCE_SECONDS ahead; twice as much back, and a time at the start itself is still in
            first, last = plan.number_at(start - 2 * TOLERANCE_SECONDS) + 1, plan.number_at(end)
            if self._lasts:
                first = max(first, self._lasts[-1] + 1)
            if first <= last:
                self._firsts.append(first)
                self._lasts.append(last)

    def times(self) -> Iterator[float]:
        for first, last in zip(self._firsts, self._lasts, strict=True):
            for number in range(first, last + 1):
                planned = self.whole.time_of(number)
                assert planned is not None, "a plan has a time for each number up to number_at"
                yield planned

    def number_at(self, time_seconds: float) -> int:
        number = self.whole.number_at(time_seconds)
        span = bisect_right(self._firsts, number) - 1
        return min(number, self._lasts[span]) if span >= 0 else -1

    def time_of(self, number: int) -> float | None:
        span = bisect_left(self._lasts, number)
        return self.whole.time_of(max(number, self._firsts[span])) if span < len(self._lasts) else None

    def longest_gap(self) -> float:
        ends = [0.0, *(self.whole.time_of(last) or 0.0 for last in self._lasts)]
        starts = [self.whole.time_of(first) or 0.0 for first in self._firsts]
        between = max((start - end for end, start in zip(ends, starts, strict=False)), default=0.0)
        return max(between, self.whole.longest_gap() if self._firsts else 0.0)

    def last_time(self) -> float | None:
        return self.whole.time_of(self._lasts[-1]) if self._lasts else 0.0
