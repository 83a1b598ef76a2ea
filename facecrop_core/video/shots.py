"""Shots, found by looking at every frame once, small."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from facecrop_core.records import Frame, Image, Video
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import EVERY_FRAME

CANVAS_WIDTH = 256
"""PySceneDetect, too, makes frames about as small."""
SHORTEST_SHOT_FRAMES = 15
"""PySceneDetect's own; cuts that follow sooner are taken for flashes."""


@dataclass(frozen=True)
class Shot:
    """A stretch between two cuts, and times of frames spread evenly over it."""

    start_seconds: float
    end_seconds: float
    sample_times: tuple[float, ...]


class CutFinder(Protocol):
    """Is shown every frame in order, and says at which numbers a new shot begins; may be late."""

    def look(self, number: int, frame: Frame) -> list[int]: ...
    def finish(self, number: int) -> list[int]: ...


class ContentCuts:
    """PySceneDetect's content detector (B. Castellano, BSD 3-clause) on our small pictures; threshold 0 to 255."""

    def __init__(self, threshold: float = 27.0) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import ContentDetector

        self._timecode = FrameTimecode
        self._detector = ContentDetector(threshold, min_scene_len=SHORTEST_SHOT_FRAMES)

    def look(self, number: int, frame: Frame) -> list[int]:
        found = self._detector.process_frame(self._timecode(number, 25.0), frame.canvas)
        return [int(cut.frame_num) for cut in found]

    def finish(self, number: int) -> list[int]:
        return [int(cut.frame_num) for cut in self._detector.post_process(self._timecode(number, 25.0))]


class SceneScoreCuts:
    """The score of FFmpeg's select filter (``scene``, f_select.c) on every so many-th pixel of luma; 0 to 1.

    The score is min(d, |d − d of the frame before|) ÷ 100, where d is the mean absolute difference to that frame.
    """

    def __init__(self, threshold: float = 0.4) -> None:
        self._threshold = threshold
        self._before: Image | None = None
        self._difference = 0.0

    def look(self, number: int, frame: Frame) -> list[int]:
        step = max(frame.width // CANVAS_WIDTH, 1)
        luma, before = frame.luma[::step, ::step].copy(), self._before
        self._before = luma
        if before is None:
            return []
        difference = float(np.abs(luma.astype(np.int16) - before).mean())
        score = min(difference, abs(difference - self._difference)) / 100
        self._difference = difference
        return [number] if score > self._threshold else []

    def finish(self, number: int) -> list[int]:
        return []


METHODS: dict[str, type[ContentCuts] | type[SceneScoreCuts]] = {"content": ContentCuts, "scene": SceneScoreCuts}


def find_shots(
    video: Video,
    method: Literal["content", "scene"],
    threshold: float | None,
    frames_per_shot: int,
    *,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    on_frame: Callable[[float], None] = lambda time_seconds: None,
) -> list[Shot]:
    """The shots of a video, or of a fragment of it. A threshold of None is the method's own.

    Raises:
        SourceError, DecodeError: the video cannot be read. Whatever ``on_frame`` raises, which is told each time.
    """
    finder: CutFinder = METHODS[method]() if threshold is None else METHODS[method](threshold)
    canvas = (0, 0) if method == "scene" else _canvas_size(video)
    times, cuts = array("d"), {0}
    with VideoReader(video, EVERY_FRAME, canvas, start_seconds=start_seconds, end_seconds=end_seconds) as reader:
        for number, frame in enumerate(reader):
            times.append(frame.time_seconds)
            cuts.update(finder.look(number, frame))
            frame.release()
            on_frame(frame.time_seconds)
        if times:
            cuts.update(finder.finish(len(times) - 1))
        until = min(reader.coverage().decoded_until_seconds, math.inf if end_seconds is None else end_seconds)
    return _shots(times, sorted(c for c in cuts if c < len(times)), until, frames_per_shot)


def _shots(times: array[float], firsts: list[int], until_seconds: float, count: int) -> list[Shot]:
    ends = [*firsts[1:], len(times)]
    shots = []
    for first, end in zip(firsts, ends, strict=True):
        picked = sorted({first + int((i + 0.5) * (end - first) / count) for i in range(count)})
        end_seconds = times[end] if end < len(times) else max(until_seconds, times[-1])
        shots.append(Shot(times[first], end_seconds, tuple(times[i] for i in picked)))
    return shots


def _canvas_size(video: Video) -> tuple[int, int]:
    scale = min(CANVAS_WIDTH / video.width, 1.0)
    return max(round(video.width * scale), 1), max(round(video.height * scale), 1)
