"""What the headers and the first frame of a video say. Runs in the child process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facecrop_core.errors import SourceError
from facecrop_core.records import ColorMatrix, Video
from facecrop_core.video.container import MAX_PIXELS, display_name, open_video
from facecrop_core.video.convert import is_mapped
from facecrop_core.video.orientation import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MATRIX_OF_COLORSPACE: dict[int, ColorMatrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""FFmpeg's AVColorSpace. Everything else, unspecified too, is read as BT.601, as FFmpeg does."""
FULL_RANGE = 2
PACKETS_TO_FIRST_FRAME = 1000


UNUSUAL_TRANSFERS = {8: "linear light", 9: "a logarithmic curve", 10: "a logarithmic curve", 17: "a cinema curve"}
"""FFmpeg's AVColorTransferCharacteristic of films that are made for grading and not for screens."""


def read_headers(path: Path, on_packet: Callable[[], None] = lambda: None) -> Video:
    """Read a video's headers and its first frame; ``video_id`` stays empty.

    Raises:
        SourceError: see ``probe``.
    """
    with open_video(path) as (container, stream):
        frame = first_frame(container, stream, path, on_packet)
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
            video_id="",
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
            color_note=_color_note(frame),
        )


def video_to_json(video: Video) -> dict[str, Any]:
    """A video as plain values; the path's odd bytes stay as they are (surrogates)."""

    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, Fraction | Path) else value

    return {name: plain(value) for name, value in dataclasses.asdict(video).items()}


def video_from_json(content: dict[str, Any]) -> Video:
    """What ``video_to_json`` gave. Raises TypeError, KeyError or ValueError for anything else."""
    rate = content["frame_rate"]
    return Video(
        **content
        | {
            "path": Path(content["path"]),
            "frame_rate": None if rate is None else Fraction(rate),
            "sample_aspect_ratio": Fraction(content["sample_aspect_ratio"]),
        }
    )


def first_frame(
    container: InputContainer, stream: VideoStream, path: Path, on_packet: Callable[[], None] = lambda: None
) -> VideoFrame:
    """The first frame that can be decoded. Raises SourceError where there is none."""
    from av.error import FFmpegError

    last_error: FFmpegError | None = None
    packets = container.demux(stream)
    for _ in range(PACKETS_TO_FIRST_FRAME):
        try:
            packet = next(packets, None)
            if packet is None:
                break
            on_packet()
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


# Matrix and range are those of the planes that the reader gives: HDR and wide gamut become BT.709, RGB and gray become
# BT.601, all in limited range; everything else stays as it is.
def _color_matrix(frame: VideoFrame) -> ColorMatrix:
    return "bt709" if is_mapped(frame) else MATRIX_OF_COLORSPACE.get(int(frame.colorspace), "bt601")


def _is_full_range(frame: VideoFrame) -> bool:
    if is_mapped(frame) or frame.format.is_rgb or len(frame.format.components) < 3:
        return False
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == FULL_RANGE


def _color_note(frame: VideoFrame) -> str:
    """What is wrong with the colours that the reader gives, if anything."""
    from av.sidedata.sidedata import Type

    unusual = UNUSUAL_TRANSFERS.get(int(frame.color_trc))
    if unusual is not None:
        return f"Its colours follow {unusual}, which is shown as it is: they will look flat or dark."
    dolby = any(kind.name == "DOVI_METADATA" for kind in Type if kind in frame.side_data)
    if dolby and not is_mapped(frame):
        return "Its colours are Dolby Vision's own, which cannot be mapped: they will look green and purple."
    return ""


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
