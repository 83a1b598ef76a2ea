"""From a pre-scan's distances to the spans of a video in which wanted people may appear."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Span = tuple[float, float]
"""(start, end) in seconds."""

SUSTAINED_NEGATIVES = 3
"""So many samples in a row that are no clear sighting end a span, though none of them shows somebody else."""


@dataclass(frozen=True)
class SpanRules:
    """How spans open, close and are rounded off; distances are 1 − similarity, the rest is in seconds."""

    enter: float
    exit: float
    pad: float
    min_segment: float
    bridge_gap: float


class Hysteresis:
    """Opens a span at a sure sighting and holds it through unsure ones.

    ENTER at a distance of ``enter`` or less. EXIT at ``exit`` or more, or after sustained negatives: samples that are
    farther than ``enter``, or show no face at all. A span lasts from its first sample to its last one nearer than
    ``exit``.
    """

    def __init__(self, rules: SpanRules) -> None:
        self._rules = rules
        self._spans: list[Span] = []
        self._open: Span | None = None
        self._negatives = 0

    def add(self, time_seconds: float, distance: float) -> None:
        """Take the next sample; ``distance`` is that of its nearest face, infinite where it shows none."""
        if distance <= self._rules.enter:
            start = time_seconds if self._open is None else self._open[0]
            self._open, self._negatives = (start, time_seconds), 0
            return
        if self._open is None:
            return
        self._negatives += 1
        if distance < self._rules.exit:
            self._open = (self._open[0], time_seconds)
        somebody_else = math.isfinite(distance) and distance >= self._rules.exit
        if somebody_else or self._negatives >= SUSTAINED_NEGATIVES:
            self._close()

    def spans(self) -> list[Span]:
        """The spans so far, in order, as they were sighted; the one that is open counts as ending here."""
        return self._spans + ([self._open] if self._open is not None else [])

    def _close(self) -> None:
        if self._open is not None:
            self._spans.append(self._open)
        self._open, self._negatives = None, 0


def round_off(spans: Iterable[Span], rules: SpanRules, limits: Span, cuts: Sequence[Span] = ()) -> list[Span]:
    """Pad each span within ``limits``, leave out what is shorter than ``min_segment``, bridge gaps.

    ``cuts`` are pairs of neighbouring samples, in order, that lie in different shots: a span's padding ends at the
    first sample of another shot, which showed nobody wanted.
    """
    low, high = limits
    before, after = [cut[0] for cut in cuts], [cut[1] for cut in cuts]
    rounded: list[Span] = []
    for first, last in sorted(spans):
        earlier, later = bisect_right(after, first) - 1, bisect_left(before, last)
        start = max(first - rules.pad, low, before[earlier] if earlier >= 0 else low)
        end = min(last + rules.pad, high, after[later] if later < len(cuts) else high)
        if end - start < rules.min_segment and end - start < high - low:
            continue
        if rounded and start - rounded[-1][1] <= rules.bridge_gap:
            rounded[-1] = (rounded[-1][0], max(end, rounded[-1][1]))
        else:
            rounded.append((start, end))
    return rounded
