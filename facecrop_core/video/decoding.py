"""Reading what a plan wants from a video file, whole or from any time on. Runs in the child process."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from facecrop_core.records import Coverage, IntArray, Video
from facecrop_core.video.accounts import CoverageLog
from facecrop_core.video.container import open_video
from facecrop_core.video.decode_pass import SEEK_GAP_SECONDS, DecodePass, SeekMissedError, WantedFrame
from facecrop_core.video.hardware import OFF, Hardware
from facecrop_core.video.headers import first_frame
from facecrop_core.video.index import PacketIndex, build_index
from facecrop_core.video.sampling import EVERY_FRAME, Plan, Selector, Timeline


class Decoding:
    """The wanted frames of a video from ``start_seconds`` up to ``end_seconds``, and what was seen of it.

    Sample and frame numbers, times and pixels are those of a reading from the start to the end.
    """

    def __init__(
        self,
        video: Video,
        plan: Plan,
        start_seconds: float = 0.0,
        end_seconds: float | None = None,
        *,
        threads: int = 1,
        rough: bool = False,
        hwaccel: str = OFF,
        on_packet: Callable[[], None] = lambda: None,
    ) -> None:
        self._video, self._plan, self._rough = video, plan, rough
        self._start_seconds, self._end_seconds = start_seconds, end_seconds
        self._threads, self._on_packet = threads, on_packet
        self.hardware = Hardware(OFF if video.deinterlace == "on" else hwaccel)
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
        expected = self._video.duration_seconds
        last_wanted = Selector(self._plan, self._start_seconds, self._end_seconds).last_time()
        if last_wanted is not None:
            expected = last_wanted if expected is None else min(last_wanted, expected)
        return self._log.coverage(expected)

    def _pass(self, start_seconds: float, index: PacketIndex | None) -> Iterator[WantedFrame]:
        with open_video(self._video.path, self._threads, self._rough, self.hardware) as (container, stream):
            selector = Selector(self._plan, start_seconds, self._end_seconds)
            one_pass = DecodePass(container, stream, selector, self._video, index, self._on_packet)
            self._log = one_pass.log
            yield from one_pass.frames()


def build_timeline(video: Video, on_packet: Callable[[], None] = lambda: None) -> Timeline:
    """When each frame is shown: from the packets, or where these do not tell, by decoding everything.

    Raises:
        SourceError: the file cannot be opened, or nothing in it can be decoded.
    """
    with open_video(video.path) as (container, stream):
        start_pts = first_frame(container, stream, video.path, on_packet).pts
        tick = stream.time_base
    with open_video(video.path) as (container, stream):
        index = build_index(container, stream, on_packet)
    if index is None or start_pts is None or tick is None:
        return _decoded_timeline(video, on_packet)

    def seconds(pts: IntArray) -> array[float]:
        return array("d", ((int(p) - start_pts) * tick.numerator / tick.denominator for p in pts if p >= start_pts))

    return Timeline(seconds(index.frame_pts), seconds(index.keyframe_pts), from_packets=True)


def _decoded_timeline(video: Video, on_packet: Callable[[], None]) -> Timeline:
    times, keyframes = array("d"), array("d")
    for wanted in Decoding(video, EVERY_FRAME, on_packet=on_packet).frames():
        times.append(wanted.time_seconds)
        if wanted.key_frame:
            keyframes.append(wanted.time_seconds)
    return Timeline(times, keyframes, from_packets=False)
