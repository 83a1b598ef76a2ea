"""One pass of the decoder over an opened video: wanted frames in order of time. Runs in the child process."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from facecrop_core.records import Video
from facecrop_core.video.accounts import CoverageLog, ShownOrder
from facecrop_core.video.deinterlace import with_neighbours
from facecrop_core.video.index import ONE_FRAME_PER_PACKET, PROGRESSIVE, PacketIndex, is_shown
from facecrop_core.video.sampling import TOLERANCE_SECONDS, KeyframesPlan, Selector

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SEEK_GAP_SECONDS = 5.0
"""Gap between wanted frames from which on a jump pays."""
EVERY_FRAME_COMES_OUT = frozenset({"h264", "hevc"})
"""Decoders that give a frame for each packet, so that one which never comes was lost. Frame threads hide the error."""
DROPPABLE_ALONE = frozenset({"h264"})
"""Decoders that can leave out a frame to which no other refers (H.264, nal_ref_idc 0). HEVC's mark for such frames
holds within one temporal layer only."""
READ_FAILURES = 16
"""Damaged places in a row in the container after which reading stops."""
RESYNC_SECONDS = 10.0
"""After damage, frames are not given before the next keyframe, but for films that hardly have any for this long."""
DEFAULT_FRAME_SECONDS = 0.04


@dataclass(frozen=True)
class WantedFrame:
    """A decoded picture that a plan wants, not yet upright."""

    sample: int
    frame: int
    time_seconds: float
    picture: VideoFrame
    key_frame: bool


class SeekMissedError(Exception):
    """After a jump the wanted frame did not come; ``next_seconds`` is from where to read without jumps."""

    def __init__(self, next_seconds: float) -> None:
        super().__init__(next_seconds)
        self.next_seconds = next_seconds


class DecodePass:
    """Decodes packet by packet; a packet that fails is counted and the next one tried.

    With a packet index it jumps over long stretches that nobody wants.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        selector: Selector,
        video: Video,
        index: PacketIndex | None,
        on_packet: Callable[[], None],
    ) -> None:
        self.log = CoverageLog()
        self._container, self._stream, self._selector = container, stream, selector
        self._index, self._on_packet = None if video.deinterlace == "on" else index, on_packet
        self._context = stream.codec_context
        self._counts_packets = self._context.name in ONE_FRAME_PER_PACKET
        self._finds_losses = self._context.name in EVERY_FRAME_COMES_OUT
        droppable = self._context.name in DROPPABLE_ALONE and video.deinterlace != "on"
        self._may_drop = droppable and self._context.field_order in PROGRESSIVE
        self._dropping = False
        self._only_keyframes = (
            isinstance(getattr(selector.plan, "whole", selector.plan), KeyframesPlan) and self._counts_packets
        )
        if self._only_keyframes:
            self._context.skip_frame = "NONKEY"
        self._deinterlace = video.deinterlace
        self._earliest: dict[int, int] = {}
        self._tick = stream.time_base or Fraction(1, 90000)
        self._frame_seconds = float(1 / video.frame_rate) if video.frame_rate else DEFAULT_FRAME_SECONDS
        self._packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._order = ShownOrder()
        self._start_pts: int | None = None
        self._sent_pts = self._last_dts = -(1 << 62)
        self._floor_pts = -(1 << 62)  # frames before it are remains of a jump
        self._target: tuple[int, float] | None = None  # frame (pts) and time that a jump was made for
        self._uncounted = 0
        self._last_index, self._last_seconds = -1, -self._frame_seconds

    def frames(self) -> Iterator[WantedFrame]:
        """The wanted frames.

        Raises:
            SeekMissedError: a jump led astray.
        """
        for near in with_neighbours(self._pictures(), self._deinterlace):
            picture = near.picture
            first = self._start_pts is None
            if first:
                self._start_pts = picture.pts or 0
            if self._is_late(picture):
                continue
            index, seconds = self._place(picture)
            if self._is_damaged(picture, seconds):
                continue
            self._check_landing(picture)
            self.log.good_frame(seconds, self._duration(picture))
            sample = self._selector.wants(seconds)
            if sample is not None:
                yield WantedFrame(sample, index, seconds, near.progressive(), picture.key_frame)
            next_seconds = self._selector.next_time()
            if next_seconds is None:
                return
            if self._index is not None and (first or sample is not None):
                self._jump(self._index, seconds, next_seconds)
        self._check_landing(None)
        self._finish()

    def _pictures(self) -> Iterator[VideoFrame]:
        from av.error import EOFError as EndOfStream
        from av.error import FFmpegError

        broken_reads = 0
        while broken_reads < READ_FAILURES:
            try:
                packet = next(self._packets, None)
            except FFmpegError:
                self._note_failure()
                broken_reads += 1
                self._packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            broken_reads = 0
            self._on_packet()
            self._prepare(packet)
            try:
                pictures = packet.decode()
            except EndOfStream:
                return
            except FFmpegError:
                self._note_failure()
                continue
            yield from pictures

    def _prepare(self, packet: Packet[VideoStream]) -> None:
        """Take note of a packet, and let the decoder leave out its frame where nobody needs it."""
        if not packet.size:
            return
        backwards = packet.dts is not None and packet.dts < self._last_dts
        if packet.pts is None or backwards:  # times are no guide here: take every frame as it comes
            self._stop_counting()
            return
        self._last_dts = self._last_dts if packet.dts is None else packet.dts
        self._sent_pts = max(self._sent_pts, packet.pts)
        if not self._counts_packets or not is_shown(packet) or packet.pts < self._floor_pts:
            return
        if self._only_keyframes:
            return self._order.push(packet.pts, may_drop=not packet.is_keyframe)
        may_drop = self._may_drop and self._start_pts is not None and not self._could_be_wanted(packet.pts)
        self._drop(may_drop)
        self._order.push(packet.pts, may_drop)

    def _could_be_wanted(self, pts: int) -> bool:
        """Whether no earlier frame is known that serves the same sample. A wrong yes costs time only."""
        if self._target is not None and pts == self._target[0]:
            return True  # it proves that the jump went well
        number = self._selector.plan.number_at(self._seconds(pts))
        if number <= self._selector.last_number:
            return False
        earliest = self._earliest.get(number)
        if earliest is not None and earliest < pts:
            return False
        self._earliest[number] = pts
        if len(self._earliest) > 64:
            self._earliest = {n: p for n, p in self._earliest.items() if n > self._selector.last_number}
        return True

    def _stop_counting(self) -> None:
        """From here on, packets do not tell which frames there are."""
        self._counts_packets = self._may_drop = False
        self._order = ShownOrder()
        self._drop(False)

    def _drop(self, dropping: bool) -> None:
        if dropping != self._dropping:
            self._context.skip_frame = "NONREF" if dropping else "DEFAULT"
            self._dropping = dropping

    def _seconds(self, pts: int) -> float:
        return (pts - (self._start_pts or 0)) * self._tick.numerator / self._tick.denominator

    def _duration(self, picture: VideoFrame) -> float:
        return float(picture.duration * self._tick) if picture.duration else self._frame_seconds

    def _place(self, picture: VideoFrame) -> tuple[int, float]:
        """A frame's index and time. Where times are missing or start again, they go on at the frame rate."""
        index, seconds = self._last_index + 1, self._last_seconds + self._frame_seconds
        if picture.pts is not None:
            stamped = self._seconds(picture.pts)
            seconds = stamped if stamped > self._last_seconds else seconds
            if self._counts_packets:
                counted, dropped, lost = self._order.take(picture.pts)
                self.log.count += dropped
                if self._last_index < 0:
                    self._uncounted = counted  # a cut film may begin with frames that cannot be decoded
                elif lost and self._finds_losses:
                    self.log.fault = True
                index = counted - self._uncounted
        if picture.interlaced_frame:  # two packets may make one frame, and one field refer to the other
            self._stop_counting()
            self._index = None  # a jump would part it from its neighbours
        self._last_index, self._last_seconds = max(index, self._last_index + 1), seconds
        return self._last_index, seconds

    def _is_late(self, picture: VideoFrame) -> bool:
        """Whether a frame is a remainder of before a jump, or comes after its turn, as damage can make it."""
        if picture.pts is None:
            return False
        return picture.pts < self._floor_pts or (
            self._counts_packets and self._last_index >= 0 and self._seconds(picture.pts) <= self._last_seconds
        )

    def _is_damaged(self, picture: VideoFrame, seconds: float) -> bool:
        """Whether a frame is flawed itself, or may be made of flawed ones: up to the next keyframe nobody can tell."""
        if picture.is_corrupt:
            self.log.failures += 1
            self.log.fault = True
            return True
        return self.log.fault and not picture.key_frame and seconds < self.log.good_seconds + RESYNC_SECONDS

    def _note_failure(self) -> None:
        self.log.failures += 1
        if not (self._finds_losses and self._counts_packets):  # else the missing frame tells, and exactly where
            self.log.fault = True

    def _jump(self, index: PacketIndex, now_seconds: float, next_seconds: float) -> None:
        """Go on from the keyframe before the next wanted frame, if that lies far ahead."""
        if next_seconds - now_seconds < SEEK_GAP_SECONDS or next_seconds == math.inf:
            return
        start_pts = self._start_pts or 0
        target = index.first_at(start_pts + math.ceil((next_seconds - TOLERANCE_SECONDS) / self._tick))
        keyframe = None if target is None else index.keyframe_before(target)
        if target is None or keyframe is None or keyframe <= self._sent_pts:
            return
        landed = self._seek(keyframe)
        if landed is None or landed > target:
            raise SeekMissedError(next_seconds)
        self._sent_pts = self._floor_pts = landed
        self._last_dts = -(1 << 62)
        self._target = target, next_seconds
        self._order = ShownOrder(index.count_before(landed))
        self._uncounted = index.count_before(start_pts)
        before = index.last_before(target)
        if before is not None:
            self._selector.pass_over(self._seconds(before))

    def _seek(self, pts: int) -> int | None:
        """Go to a keyframe. Returns the time of the keyframe that was met, None where there is none."""
        from av.error import FFmpegError

        self._drop(False)
        try:
            self._container.seek(pts, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            for packet in self._packets:
                if packet.is_keyframe and packet.pts is not None:
                    self._packets = itertools.chain([packet], self._packets)
                    return packet.pts
        except FFmpegError:
            return None
        return None

    def _check_landing(self, picture: VideoFrame | None) -> None:
        """Raise unless the frame that a jump was made for has come, or may still come."""
        if self._target is None:
            return
        target, next_seconds = self._target
        if picture is None or picture.pts is None or picture.pts > target:
            raise SeekMissedError(next_seconds)
        if picture.pts == target:
            self._target = None

    def _finish(self) -> None:
        dropped, lost = self._order.rest()
        self.log.count += len(dropped)
        if dropped:
            self.log.until_seconds = max(self.log.until_seconds, self._seconds(max(dropped)) + self._frame_seconds)
        if self.log.fault or (lost and self._finds_losses):
            until = self._seconds(max(lost)) + self._frame_seconds if lost else 0.0
            self.log.damage_until(max(until, self.log.until_seconds))
