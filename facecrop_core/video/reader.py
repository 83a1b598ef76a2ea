"""Frames of a video, decoded in a child process. Whoever reads them cannot tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from facecrop_core.errors import FacecropError
from facecrop_core.records import Coverage, Frame, Video
from facecrop_core.video.child import ReadJob
from facecrop_core.video.container import display_name
from facecrop_core.video.hardware import OFF
from facecrop_core.video.process import WATCHDOG_SECONDS, Child
from facecrop_core.video.ring import Area, RingLayout, SharedBlock
from facecrop_core.video.sampling import Plan

MOST_SLOTS = 255
MOST_THREADS = 8


class VideoReader:
    """Frames that a plan wants, in order of time; a context manager and an iterator.

    Decoding starts with the reader's making, and runs ahead by as many frames as there are slots: a frame's slot is
    free again after ``frame.release()``. A frame's pixels are valid until then.

    Args:
        video: from ``probe``.
        plan: which times are wanted.
        canvas_size: (width, height) of ``frame.canvas``; (0, 0) for none.
        area: (x0, y0, x1, y1) in pixels of the upright frame: what the canvas shows; by default all of the frame.
        start_seconds: frames before this time are left out; all else, numbers too, is as without it.
        end_seconds: frames from this time on are left out.
        rough: decode quicker; the frames are near enough to find faces in, but not the same.
        slots: how many frames may be held at once, at most; fewer where frames are very large.
        threads: decoder threads; by default half of the processors, so that the others can look at what was decoded.
        hwaccel: what decodes, see ``hardware.Hardware``; the processor does where that does not work. Which of them it
            was, ``hardware`` says from the first frame on: the device's name, empty for the processor.
        watchdog_seconds: how long the child may be silent.

    Iterating raises:
        SourceError: the file is gone or can no longer be opened.
        DecodeError: the child crashed, hung or failed; frames decoded before are given first.
    """

    def __init__(
        self,
        video: Video,
        plan: Plan,
        canvas_size: tuple[int, int],
        *,
        area: Area | None = None,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        rough: bool = False,
        slots: int = 8,
        threads: int | None = None,
        hwaccel: str = OFF,
        watchdog_seconds: float = WATCHDOG_SECONDS,
    ) -> None:
        self._video = video
        self._frames = 0
        self._until_seconds = 0.0
        self._coverage: Coverage | None = None
        self.hardware = ""
        layout = RingLayout.of(video, canvas_size, min(slots, MOST_SLOTS))
        self._block = SharedBlock(layout.slot_bytes * layout.slots)
        self._views = layout.views(self._block.map())
        self.slots = layout.slots
        """How many frames may be held at once."""
        job = ReadJob(
            video, plan, start_seconds, end_seconds, threads or default_threads(), layout, area, self._block.name,
            rough, hwaccel,
        )  # fmt: skip
        self._child = Child(job, display_name(video.path), watchdog_seconds, self._block.descriptor)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._child.ended:
            raise StopIteration
        while True:
            try:
                kind, *rest = self._child.receive()
            except FacecropError:
                self._fail()
                raise
            if kind == "frame":
                return self._frame(*rest)
            if kind == "open":
                self._block.forget_file()
            elif kind == "hardware":
                (self.hardware,) = rest
            elif kind == "end":
                self._coverage = _coverage_from(rest[0])
                self.close()
                raise StopIteration

    def coverage(self) -> Coverage:
        """What was decoded: final once the frames are exhausted, else a lower bound of what was read so far."""
        if self._coverage is not None:
            return self._coverage
        return Coverage(self._frames, self._until_seconds, self._video.duration_seconds)

    def close(self) -> None:
        """End the child, within two seconds and whatever it does. Frames that were given stay valid."""
        self._child.close()
        self._block.forget_file()
        self._views.clear()  # the memory goes with the last frame that is held

    def _frame(self, slot: int, sample: int, index: int, time_seconds: float) -> Frame:
        views = self._views[slot]
        self._frames, self._until_seconds = index + 1, time_seconds
        return Frame(
            sample, index, time_seconds, views.luma, views.chroma_u, views.chroma_v, views.canvas,
            self._video.color_matrix, self._video.full_range, on_release=lambda: self._child.tell(bytes([slot])),
        )  # fmt: skip

    def _fail(self) -> None:
        """Note that the video was not read to its end, and end the child."""
        self._child.kill()
        self.close()
        expected = self._video.duration_seconds
        self._coverage = Coverage(self._frames, self._until_seconds, expected, decode_failures=1)


def default_threads() -> int:
    """Half of the processors that this process may use, 1 to 8."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors // 2, MOST_THREADS))


def _coverage_from(fields: dict[str, Any]) -> Coverage:
    ranges = tuple((float(a), float(b)) for a, b in fields.pop("damaged_ranges"))
    return Coverage(**fields, damaged_ranges=ranges)
