"""The pixels of one planned crop."""

from __future__ import annotations

from collections.abc import Sequence

from facecrop_core.pixels import cut_square
from facecrop_core.records import Frame, Image, IntArray
from facecrop_core.settings.sections import FramingSettings


def render_crop(frame: Frame, origin_xy: IntArray | Sequence[int], side: int, settings: FramingSettings) -> Image:
    """The crop of one row of a ``CropPlan`` as BGR [size, size, 3].

    Args:
        frame: the frame at its full size, not released yet.
        origin_xy: top left corner in source pixels; may lie outside the frame.
        side: of the square, in source pixels.
        settings: give the output's size and what fills the part outside the frame.
    """
    return cut_square(frame, int(origin_xy[0]), int(origin_xy[1]), int(side), settings.size, settings.edge_fill)
