"""Reading what a plan wants from a video file, whole or from any time on. Runs in the child process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from facecrop_core.records import Coverage, Video
from facecrop_core.video.accounts import CoverageLog
from facecrop_core.video.container import open_video
from facecrop_core.video.decode_pass import SEEK_GAP_SECONDS, DecodePass, SeekMissedError, WantedFrame
from facecrop_core.video.index import PacketIndex, build_index
from facecrop_core.video.sampling import Plan, Selector


class Decoding:
    """The wanted frames of a video from ``start_seconds`` on, and what was seen of it.

    Sample and frame numbers, times and pixels are those of a reading from the start to the end.
    """

    def __init__(
        self,
        video: Video,
        plan: Plan,
        start_seconds: float = 0.0,
        threads: int = 1,
        on_packet: Callable[[], None] = lambda: None,
    ) -> None:
        self._video, self._plan, self._start_seconds = video, plan, start_seconds
        self._threads, self._on_packet = threads, on_packet
        self._log = CoverageLog()

    def frames(self) -> Iterator[WantedFrame]:
        """The wanted frames in order of time.

        Raises:
            SourceError: the file cannot be opened.
        """
        index = None
        if max(self._start_seconds, self._plan.longest_gap()) >= SEEK_GAP_SECONDS:
            with open_video(self._video.path) as (container, stream):
                index = build_index(container, stream, self._on_packet)
        try:
            yield from self._pass(self._start_seconds, index)
        except SeekMissedError as missed:
            yield from self._pass(missed.next_seconds, None)

    def coverage(self) -> Coverage:
        """What was seen so far, against the container's promise or, where that is earlier, the last wanted time."""
        expected, last_wanted = self._video.duration_seconds, self._plan.last_time()
        if last_wanted is not None:
            expected = last_wanted if expected is None else min(last_wanted, expected)
        return self._log.coverage(expected)

    def _pass(self, start_seconds: float, index: PacketIndex | None) -> Iterator[WantedFrame]:
        with open_video(self._video.path, self._threads) as (container, stream):
            selector = Selector(self._plan, start_seconds)
            one_pass = DecodePass(container, stream, selector, self._video.frame_rate, index, self._on_packet)
            self._log = one_pass.log
            yield from one_pass.frames()
