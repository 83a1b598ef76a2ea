"""When every frame is shown, found by reading packets without decoding them."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facecrop_core.records import IntArray

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

ONE_FRAME_PER_PACKET = frozenset(
    {"h264", "hevc", "vp9", "av1", "libdav1d", "mjpeg", "mpeg4", "prores", "dnxhd", "ffv1"}
)
"""Decoders for which counting packets counts frames. VP8, for one, has packets that are never shown."""
PROGRESSIVE = (0, 1)
"""AVFieldOrder unknown and progressive. Interlaced frames may come as two packets, one for each field."""


@dataclass(frozen=True)
class PacketIndex:
    """Presentation times in the stream's time base: of all frames, and of the frames that decoding can start from."""

    frame_pts: IntArray
    keyframe_pts: IntArray

    def count_before(self, pts: int) -> int:
        """How many frames come before this time."""
        return int(np.searchsorted(self.frame_pts, pts))

    def first_at(self, pts: int) -> int | None:
        """The time of the first frame that is not before this one."""
        position = self.count_before(pts)
        return int(self.frame_pts[position]) if position < len(self.frame_pts) else None

    def last_before(self, pts: int) -> int | None:
        """The time of the last frame before this one."""
        position = self.count_before(pts)
        return int(self.frame_pts[position - 1]) if position else None

    def keyframe_before(self, pts: int) -> int | None:
        """The time of the last keyframe that is not after this one."""
        position = int(np.searchsorted(self.keyframe_pts, pts, side="right"))
        return int(self.keyframe_pts[position - 1]) if position else None


def build_index(
    container: InputContainer, stream: VideoStream, on_packet: Callable[[], None] = lambda: None
) -> PacketIndex | None:
    """Read all packets from where the container stands. None where packets do not say which frames there are.

    That is so for codecs with hidden frames, and when times are missing, doubled or run backwards.
    """
    from av.error import FFmpegError

    context = stream.codec_context
    if context.name not in ONE_FRAME_PER_PACKET or context.field_order not in PROGRESSIVE:
        return None
    frames, keyframes = array("q"), array("q")  # eight bytes a frame, however long the video
    last_dts = -(1 << 62)
    try:
        for packet in container.demux(stream):
            on_packet()
            if not packet.size:
                continue
            if packet.pts is None or (packet.dts is not None and packet.dts < last_dts):
                return None
            last_dts = last_dts if packet.dts is None else packet.dts
            if is_shown(packet):
                frames.append(packet.pts)
                if packet.is_keyframe:
                    keyframes.append(packet.pts)
    except FFmpegError:
        return None  # a damaged file is read from its start, where the damage is counted
    frame_pts = np.unique(np.frombuffer(frames, np.int64))
    if len(frame_pts) != len(frames):
        return None
    return PacketIndex(frame_pts, np.unique(np.frombuffer(keyframes, np.int64)))


def is_shown(packet: Packet[VideoStream]) -> bool:
    """Whether a packet's frame is shown: edit lists keep some only so that others can be decoded."""
    return packet.size > 0 and not packet.is_discard
