"""From a decoder's picture to upright 8-bit planes and the small BGR canvas. Runs in the child process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facecrop_core.records import ColorMatrix, Image, Video
from facecrop_core.video.orientation import turn_upright
from facecrop_core.video.ring import Area, SlotViews

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

READY_FORMATS = ("yuv420p", "yuvj420p")
TILE = 64
COLORSPACE_OF_MATRIX: dict[ColorMatrix, int] = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""FFmpeg's AVColorSpace."""
HDR_TRANSFERS = (16, 18)
"""FFmpeg's AVColorTransferCharacteristic: SMPTE 2084 (PQ) and ARIB STD-B67 (HLG). swscale maps them to BT.709."""
WIDE_PRIMARIES = (9,)
"""FFmpeg's AVColorPrimaries: BT.2020, also of films of usual brightness. Shown as BT.709 they would look pale."""


def is_mapped(picture: VideoFrame) -> bool:
    """Whether a picture's colours have to be mapped to those of BT.709."""
    return int(picture.color_trc) in HDR_TRANSFERS or int(picture.color_primaries) in WIDE_PRIMARIES


class Converter:
    """Writes pictures into slots. A picture that changed its size is brought back to the first one's.

    The canvas shows ``area`` (even coordinates) where one is given, else everything.
    """

    def __init__(self, video: Video, canvas_size: tuple[int, int], area: Area | None = None) -> None:
        from av.video.reformatter import ColorRange, VideoReformatter

        self._area, self._upright_canvas_size = area, canvas_size
        self._matrix = COLORSPACE_OF_MATRIX[video.color_matrix]

        self._turns, self._flipped = video.quarter_turns, video.flipped
        sideways = bool(video.quarter_turns % 2)
        self._size = (video.height, video.width) if sideways else (video.width, video.height)
        self._canvas_size = canvas_size[::-1] if sideways else canvas_size
        self._range = ColorRange.JPEG if video.full_range else ColorRange.MPEG
        self._to_planes, self._to_canvas = VideoReformatter(), VideoReformatter()

    def write(self, picture: VideoFrame, slot: SlotViews) -> None:
        """Fill a slot's planes and canvas."""
        mapped = is_mapped(picture)
        planes = picture
        if mapped or picture.format.name not in READY_FORMATS or (picture.width, picture.height) != self._size:
            planes = self._to_planes.reformat(
                picture, *self._size, "yuv420p", threads=1, **self._plane_options(picture)
            )
        for plane, target in zip(planes.planes, (slot.luma, slot.chroma_u, slot.chroma_v), strict=True):
            self._copy(_pixels(plane, 1)[:, :, 0], target)
        if slot.canvas.size and self._area is not None:
            self._write_area(slot, self._area)
        elif slot.canvas.size:
            source = planes if mapped else picture  # tone-mapping twice would cost more than scaling twice
            canvas = self._to_canvas.reformat(source, *self._canvas_size, "bgr24", interpolation="AREA", threads=1)
            self._copy(_pixels(canvas.planes[0], 3), slot.canvas)

    def _write_area(self, slot: SlotViews, area: Area) -> None:
        """The canvas from a part of the slot's own planes, which are upright already."""
        from av.video.frame import VideoFrame

        x0, y0, x1, y1 = area
        part = VideoFrame(x1 - x0, y1 - y0, "yuv420p")
        part.colorspace, part.color_range = self._matrix, self._range
        halves = np.s_[y0 // 2 : (y1 + 1) // 2, x0 // 2 : (x1 + 1) // 2]
        sources = (slot.luma[y0:y1, x0:x1], slot.chroma_u[halves], slot.chroma_v[halves])
        for plane, source in zip(part.planes, sources, strict=True):
            _pixels(plane, 1)[:, :, 0] = source
        canvas = self._to_canvas.reformat(part, *self._upright_canvas_size, "bgr24", interpolation="AREA", threads=1)
        slot.canvas[...] = _pixels(canvas.planes[0], 3)

    def _plane_options(self, picture: VideoFrame) -> dict[str, Any]:
        from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation

        options: dict[str, Any] = {
            "dst_color_range": self._range,
            "interpolation": Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        }
        if is_mapped(picture):
            options |= {
                "dst_colorspace": Colorspace.ITU709,
                "dst_color_trc": ColorTrc.BT709,
                "dst_color_primaries": ColorPrimaries.BT709,
            }
        elif picture.format.is_rgb:
            options["dst_colorspace"] = Colorspace.ITU601
        return options

    def _copy(self, source: Image, target: Image) -> None:
        upright = turn_upright(source, self._turns, self._flipped)
        if self._turns % 2:  # in tiles, because a transposed copy of a whole plane misses the cache on every pixel
            for left in range(0, target.shape[1], TILE):
                target[:, left : left + TILE] = upright[:, left : left + TILE]
        else:
            target[...] = upright


def _pixels(plane: VideoPlane, channels: int) -> Image:
    """A view [height, width, channels] of a plane, without the padding at the end of its lines."""
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    return np.asarray(lines[: plane.height, : plane.width * channels].reshape(plane.height, plane.width, channels))
