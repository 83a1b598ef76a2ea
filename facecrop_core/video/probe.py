"""What a video is, without reading it through."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from facecrop_core.errors import SourceError
from facecrop_core.records import ColorMatrix, Video
from facecrop_core.video.container import MAX_PIXELS, display_name, open_video
from facecrop_core.video.convert import HDR_TRANSFERS
from facecrop_core.video.orientation import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

BLOCK_BYTES, BLOCKS = 1 << 20, 16
MATRIX_OF_COLORSPACE: dict[int, ColorMatrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""FFmpeg's AVColorSpace. Everything else, unspecified too, is read as BT.601, as FFmpeg does."""
FULL_RANGE = 2
PACKETS_TO_FIRST_FRAME = 1000


def probe(path: Path) -> Video:
    """Read a video's headers and its first frame.

    Raises:
        SourceError: missing, empty, not a video, without a picture stream, or nothing in it can be decoded.
    """
    with open_video(path) as (container, stream):
        frame = _first_frame(container, stream, path)
        quarter_turns, flipped = _orientation(frame)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        aspect = aspect if Fraction(1, 16) <= aspect <= 16 else Fraction(1)  # broken headers hold any number
        width, height = max(round(frame.width * aspect), 1), frame.height
        if width * height > MAX_PIXELS:
            raise SourceError(f"'{display_name(path)}' has frames of {width} × {height} pixels, too many to read.")
        if quarter_turns % 2:
            width, height = height, width
        return Video(
            path=path,
            video_id=fingerprint(path),
            size_bytes=path.stat().st_size,
            width=width,
            height=height,
            frame_rate=_frame_rate(stream),
            duration_seconds=_duration_seconds(container, stream),
            frame_count=stream.frames or None,
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=frame.format.name,
            quarter_turns=quarter_turns,
            flipped=flipped,
            sample_aspect_ratio=aspect,
            color_matrix=_color_matrix(frame),
            full_range=_is_full_range(frame),
        )


def fingerprint(path: Path) -> str:
    """BLAKE2b-128 as hex of a file's size and sixteen evenly spread 1 MiB blocks; of all of it where it is smaller."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        for block in range(BLOCKS):
            if size > BLOCK_BYTES * BLOCKS:
                file.seek((size - BLOCK_BYTES) * block // (BLOCKS - 1))
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    from av.error import FFmpegError

    last_error: FFmpegError | None = None
    packets = container.demux(stream)
    for _ in range(PACKETS_TO_FIRST_FRAME):
        try:
            packet = next(packets, None)
            if packet is None:
                break
            for frame in packet.decode():
                return frame
        except FFmpegError as error:
            last_error = error
    reason = last_error.strerror if last_error else "no frame in it"
    raise SourceError(
        f"Nothing in '{display_name(path)}' can be decoded ({reason}).",
        "It may have been cut off or damaged; copy or download it again.",
    )


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    from av.sidedata.sidedata import Type

    matrix = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    return (0, False) if matrix is None else orientation_of(bytes(matrix))


# Matrix and range are those of the planes that the reader gives: HDR becomes BT.709, RGB and gray become BT.601, all
# in limited range; everything else stays as it is.
def _color_matrix(frame: VideoFrame) -> ColorMatrix:
    return "bt709" if _is_hdr(frame) else MATRIX_OF_COLORSPACE.get(int(frame.colorspace), "bt601")


def _is_full_range(frame: VideoFrame) -> bool:
    if _is_hdr(frame) or frame.format.is_rgb or len(frame.format.components) < 3:
        return False
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == FULL_RANGE


def _is_hdr(frame: VideoFrame) -> bool:
    return int(frame.color_trc) in HDR_TRANSFERS


def _frame_rate(stream: VideoStream) -> Fraction | None:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return Fraction(rate) if rate and 0 < rate <= 1000 else None


def _duration_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """The picture stream's own length where it is given: the container's may be that of a longer sound track."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:00:05.000000000
    parts = tag.split(":")
    try:
        if len(parts) == 3:
            return int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2])
    except ValueError:
        tag = ""
    return container.duration / 1_000_000 if container.duration else None
