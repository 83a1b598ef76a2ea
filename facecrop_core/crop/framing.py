"""Where each face's crop lies, for all faces at once: style → the frame's edge → other faces inside → output's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.aligned import arcface_regions, faceset_regions, ffhq_regions
from facecrop_core.crop.edges import Placed, place
from facecrop_core.crop.neighbours import holds_other_face
from facecrop_core.crop.ratio import ratio_regions
from facecrop_core.crop.regions import Regions, frame_regions, portrait_regions, square_regions
from facecrop_core.crop.sizes import cut_to_bucket, output_sizes
from facecrop_core.crop_plan import CropPlan
from facecrop_core.geometry import box_sides
from facecrop_core.records import REASONS, FaceTable
from facecrop_core.settings.framing import FramingSettings

OTHER_FACE = REASONS.index("other_face")
STYLES: dict[str, Callable[[FaceTable, FramingSettings], Regions]] = {
    "square": square_regions,
    "arcface": arcface_regions,
    "ffhq": ffhq_regions,
    "face": faceset_regions,
    "whole": faceset_regions,
    "head": faceset_regions,
    "portrait": portrait_regions,
    "ratio": ratio_regions,
    "frame": frame_regions,
}


def frame_crops(table: FaceTable, settings: FramingSettings) -> CropPlan:
    """Plan the crop of every face of the table.

    Sets the reasons ``edge`` (policy skip: the crop leaves the frame), ``max_pad`` (too much of it would be filled) and
    ``other_face``. With the policy shift no upright crop leaves the frame.
    """
    regions = STYLES[settings.framing](table, settings)
    if settings.sizing == "bucket":
        regions = cut_to_bucket(regions, settings.size)
    frame_wh = np.array([table.video.width, table.video.height], np.float64)
    placed = place(regions, frame_wh, _keeps_shape(settings), settings)
    if settings.solo_mode != "off":
        _keep_solo(table, regions, placed, frame_wh, settings)
    sides = box_sides(table.boxes_xyxy)
    size = output_sizes(placed.extent_wh, settings)
    wide, high = placed.extent_wh[:, 0], placed.extent_wh[:, 1]
    return CropPlan(
        origin_xy=placed.origin_xy,
        extent_wh=placed.extent_wh,
        angle=placed.angle,
        size_wh=size,
        pad_share=placed.pad_share,
        face_share=np.asarray(np.maximum(sides[:, 0], sides[:, 1]) / np.maximum(wide, high), np.float32),
        upscale=np.asarray(size[:, 0] / wide, np.float32),
        reasons=placed.reasons,
    )


def _keeps_shape(settings: FramingSettings) -> bool:
    return settings.framing != "portrait" or settings.det_square or settings.sizing == "bucket"


def _keep_solo(
    table: FaceTable, regions: Regions, placed: Placed, frame_wh: NDArray[np.float64], settings: FramingSettings
) -> None:
    """Shrink the crops that hold another face, where asked for, and mark those that still do."""
    sample, boxes, share = table["sample"], table.boxes_xyxy, settings.solo_min_other_frac
    crowded = holds_other_face(sample, boxes, placed.origin_xy, placed.extent_wh, placed.angle, share)
    rows = np.flatnonzero(crowded)
    if settings.solo_mode == "shrink" and settings.framing in ("square", "portrait") and len(rows):
        pad = min(settings.solo_shrink_pad, settings.bbox_pad)
        if settings.framing == "square":
            tighter = square_regions(table, settings.model_copy(update={"bbox_pad": pad}))[rows]
        else:
            less = (1 + 2 * pad) / (1 + 2 * settings.bbox_pad)
            tighter = replace(regions[rows], extent_wh=regions.extent_wh[rows] * less).rounded()
        again = place(tighter, frame_wh, _keeps_shape(settings), settings)
        for name in ("origin_xy", "extent_wh", "pad_share", "reasons"):
            getattr(placed, name)[rows] = getattr(again, name)
        crowded = holds_other_face(
            sample, boxes, placed.origin_xy, placed.extent_wh, placed.angle, share, asked=crowded
        )
    placed.reasons[crowded & (placed.reasons == 0)] = OTHER_FACE
