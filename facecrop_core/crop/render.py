"""The pixels of one planned crop."""

from __future__ import annotations

import numpy as np

from facecrop_core.crop_plan import CropPlan
from facecrop_core.pixels import cut_rectangle, cut_turned, padded_mask
from facecrop_core.records import Frame, Image
from facecrop_core.settings.framing import FramingSettings


def render_crop(frame: Frame, crops: CropPlan, row: int, settings: FramingSettings) -> Image:
    """The crop of one row of a plan as BGR [height, width, 3].

    Args:
        frame: the frame at its full size, not released yet.
        settings: say what fills the part outside the frame.
    """
    origin, extent, size_wh = crops.origin_xy[row], crops.extent_wh[row], _pair(crops.size_wh[row])
    if crops.angle[row] == 0 and not (np.any(origin % 1) or np.any(extent % 1)):
        return cut_rectangle(frame, _pair(origin), _pair(extent), size_wh, settings.edge_fill)
    return cut_turned(frame, crops.matrix(row), size_wh, settings.edge_fill)


def render_mask(frame_wh: tuple[int, int], crops: CropPlan, row: int) -> Image:
    """[height, width]: 255 where one row's crop lies outside the frame, else 0."""
    return padded_mask(frame_wh, crops.matrix(row), _pair(crops.size_wh[row]))


def _pair(values: np.ndarray) -> tuple[int, int]:
    return int(values[0]), int(values[1])
