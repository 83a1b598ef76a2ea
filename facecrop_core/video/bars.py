"""Black bars around a film's picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import Video
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.ring import Area
from facecrop_core.video.sampling import TimesPlan, spread
from facecrop_core.video.timeline import read_timeline

LOOKS = 20
BLACK = {False: 24.0, True: 9.0}
"""Mean luma up to which a line is black, in limited and in full range (FFmpeg's cropdetect has 24)."""
LEAST_SHARE = 0.1
"""A smaller picture than this share of a side is none: the film is dark."""


def find_picture(video: Video, start_seconds: float = 0.0, end_seconds: float | None = None) -> Area | None:
    """The rectangle within the black bars; None where there are none. Even coordinates, as chroma needs.

    A bar is black in all of about twenty frames over the video, so that dark scenes do not cut anything off.

    Raises:
        SourceError, DecodeError: the video cannot be read.
    """
    times = _times(video, start_seconds, end_seconds)
    rows, columns = np.zeros(video.height), np.zeros(video.width)
    with VideoReader(video, TimesPlan(times), (0, 0)) as reader:
        for frame in reader:
            rows = np.maximum(rows, frame.luma.mean(axis=1))
            columns = np.maximum(columns, frame.luma.mean(axis=0))
            frame.release()
    (y0, y1), (x0, x1) = (_picture(lines, BLACK[video.full_range]) for lines in (rows, columns))
    dark = x1 - x0 < video.width * LEAST_SHARE or y1 - y0 < video.height * LEAST_SHARE
    area = (x0, y0, x1, y1)
    return None if dark or area == (0, 0, video.width, video.height) else area


def _times(video: Video, start_seconds: float, end_seconds: float | None) -> list[float]:
    """Keyframes where there are enough of them, because they are quick to get at."""
    timeline = read_timeline(video)
    times = np.frombuffer(timeline.times)
    end = times[-1] + 1e-3 if end_seconds is None else min(end_seconds, times[-1] + 1e-3)
    keyframes = np.frombuffer(timeline.keyframe_times)
    keyframes = keyframes[(keyframes >= start_seconds) & (keyframes < end)]
    if len(keyframes) >= LOOKS:
        return [float(t) for t in keyframes[np.linspace(0, len(keyframes) - 1, LOOKS).round().astype(int)]]
    wanted = np.searchsorted(times, spread(start_seconds, float(end), LOOKS))
    return [float(t) for t in times[np.minimum(wanted, len(times) - 1)]]


def _picture(means: NDArray[np.float64], black: float) -> tuple[int, int]:
    """First and last + 1 of the lines that are not black, moved inwards to even numbers."""
    lit = np.flatnonzero(means > black)
    if not len(lit):
        return 0, 0
    first, end = int(lit[0]), int(lit[-1]) + 1
    return -(-first // 2) * 2, end if end == len(means) else end // 2 * 2
