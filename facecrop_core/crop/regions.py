"""Where crops lie before the frame's edges are minded: rectangles by centre, extent and angle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import box_sides
from facecrop_core.records import FaceTable, FloatArray, IntArray
from facecrop_core.settings.framing import FramingSettings
from facecrop_core.settings.texts import parse_factors

FRONTAL_YAW_DEGREES = 25.0
"""Below this, the anchor ``auto`` centres on the eyes."""


@dataclass(frozen=True)
class Regions:
    """One rectangle per face, in source pixels: pixel i reaches from i to i + 1.

    ``centre_xy`` float64 [n, 2], ``extent_wh`` float64 [n, 2], and ``angle`` float64 [n] in radians, clockwise.
    ``aligned`` ones are placed by landmarks, to fractions of a pixel; the others are upright.
    """

    centre_xy: NDArray[np.float64]
    extent_wh: NDArray[np.float64]
    angle: NDArray[np.float64]
    aligned: bool = False

    def __getitem__(self, rows: IntArray) -> Regions:
        return replace(self, centre_xy=self.centre_xy[rows], extent_wh=self.extent_wh[rows], angle=self.angle[rows])

    def rounded(self) -> Regions:
        """With sides of whole pixels, at least one."""
        return replace(self, extent_wh=np.maximum(np.floor(self.extent_wh + 0.5), 1))


def upright(centre_xy: NDArray[np.float64], extent_wh: NDArray[np.float64]) -> Regions:
    return Regions(centre_xy, extent_wh, np.zeros(len(centre_xy)))


def square_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """face_extract's squares: longer box side × (1 + 2 × ``bbox_pad``) around the anchor.

    The anchor (box, eyes or nose) is moved down by ``anchor_offset_y`` × box height. A positive yaw means that the
    subject turns towards the image's right; ``yaw_shift`` then moves the crop right.
    """
    boxes = table.boxes_xyxy
    sides = box_sides(boxes)
    longer = np.maximum(sides[:, 0], sides[:, 1])  # many times faster than a maximum along an axis of two
    anchor = anchor_points(table, boxes, settings)
    anchor[:, 1] += settings.anchor_offset_y * sides[:, 1]
    side = np.maximum(np.floor(longer.astype(np.float64) * (1 + 2 * settings.bbox_pad) + 0.5), 1)
    centre = anchor.astype(np.float64)
    if settings.yaw_shift:
        turn = np.nan_to_num(np.clip(table["yaw"] / settings.yaw_shift_yawmax, -1, 1))
        centre[:, 0] += settings.yaw_shift_frac * side * turn
    return upright(centre, np.stack([side, side], axis=1))


def anchor_points(table: FaceTable, boxes_xyxy: FloatArray, settings: FramingSettings) -> FloatArray:
    """What each square is centred on, float32 [n, 2]; the box's centre where the landmarks are missing."""
    centre = np.asarray((boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, np.float32)
    if settings.anchor == "bbox":
        return centre
    landmarks = table["landmarks"]
    points = landmarks[:, 2] if settings.anchor == "nose" else (landmarks[:, 0] + landmarks[:, 1]) / 2
    usable = np.isfinite(points[:, 0] + points[:, 1])
    if settings.anchor == "auto":
        usable &= np.abs(table["yaw"]) < FRONTAL_YAW_DEGREES  # not so where the yaw was not measured
    return np.where(usable[:, None], points, centre).astype(np.float32)


def portrait_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """video_to_faces' portraits: each border goes ``det_scale`` times as far from the box's middle.

    ``det_square`` then enlarges the shorter side about the middle of what came out.
    """
    left, right, up, down = parse_factors(settings.det_scale)
    boxes = table.boxes_xyxy.astype(np.float64)
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 0) / 2
    low, high = middle - half * [left, up], middle + half * [right, down]
    extent = high - low
    if settings.det_square:
        extent[:] = extent.max(axis=1, keepdims=True)
    return upright((low + high) / 2, extent).rounded()


def frame_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """The whole frame, once for each face."""
    size = np.tile(np.array([table.video.width, table.video.height], np.float64), (len(table), 1))
    return upright(size / 2, size)
