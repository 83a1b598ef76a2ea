"""What happens to crops at the frame's edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.regions import Regions
from facecrop_core.records import REASONS, FloatArray
from facecrop_core.settings.framing import FramingSettings

EDGE, MAX_PAD = REASONS.index("edge"), REASONS.index("max_pad")


@dataclass
class Placed:
    """Crops after the edge policy: ``CropPlan``'s origin_xy, extent_wh, angle, pad_share and reasons."""

    origin_xy: NDArray[np.float64]
    extent_wh: NDArray[np.float64]
    angle: NDArray[np.float64]
    pad_share: FloatArray
    reasons: NDArray[np.int8]


def place(regions: Regions, frame_wh: NDArray[np.float64], keep_shape: bool, settings: FramingSettings) -> Placed:
    """Apply the edge policy.

    Sets the reasons ``edge`` (policy skip: the crop leaves the frame) and ``max_pad`` (too much of it would be filled).
    With the policy shift, upright crops larger than the frame are limited to what fits (of their shape, if
    ``keep_shape``), so that none leaves the frame; aligned ones keep their size and are moved as far inside as they go.
    """
    if regions.aligned:
        return _aligned(regions, frame_wh, settings)
    return _upright(regions, frame_wh, keep_shape, settings)


def _upright(regions: Regions, frame_wh: NDArray[np.float64], keep_shape: bool, settings: FramingSettings) -> Placed:
    extent = regions.extent_wh
    if settings.edge_policy == "shift":
        if keep_shape:
            fits = np.minimum(np.minimum(frame_wh[0] / extent[:, 0], frame_wh[1] / extent[:, 1]), 1)[:, None]
            extent = np.where(fits < 1, np.maximum(np.floor(extent * fits + 1e-6), 1), extent)
        else:
            extent = np.minimum(extent, frame_wh)
    origin = np.floor(regions.centre_xy - extent / 2 + 0.5)
    if settings.edge_policy == "shift":
        origin = np.clip(origin, 0, frame_wh - extent)
    beyond = np.maximum(-origin, origin + extent - frame_wh)
    return _judged(origin, extent, regions.angle, np.maximum(beyond[:, 0], beyond[:, 1]), settings)


def _aligned(regions: Regions, frame_wh: NDArray[np.float64], settings: FramingSettings) -> Placed:
    """Which part of the frame a turned crop needs is said by the upright rectangle around it."""
    cos, sin = np.abs(np.cos(regions.angle)), np.abs(np.sin(regions.angle))
    wide, high = regions.extent_wh[:, 0], regions.extent_wh[:, 1]
    half = np.stack([wide * cos + high * sin, wide * sin + high * cos], axis=1) / 2
    centre = regions.centre_xy
    if settings.edge_policy == "shift":
        centre = np.clip(centre, np.minimum(half, frame_wh - half), np.maximum(half, frame_wh - half))
    beyond = np.maximum(half - centre, centre + half - frame_wh).max(axis=1)
    outside = np.where(beyond > 1e-6, beyond, 0)
    return _judged(centre - regions.extent_wh / 2, regions.extent_wh, regions.angle, outside, settings)


def _judged(
    origin: NDArray[np.float64],
    extent: NDArray[np.float64],
    angle: NDArray[np.float64],
    beyond: NDArray[np.float64],
    settings: FramingSettings,
) -> Placed:
    outside = np.maximum(beyond, 0)
    pad_share = (outside / np.minimum(extent[:, 0], extent[:, 1])).astype(np.float32)
    reasons = np.zeros(len(extent), np.int8)
    if settings.edge_policy == "skip":
        reasons[outside > 0] = EDGE
    else:
        reasons[pad_share > settings.max_pad_frac] = MAX_PAD
    return Placed(origin, extent, angle, pad_share, reasons)
