"""Where each face's crop lies: face_extract's geometry, for all faces at once.

Centre (``anchor``: box, eyes or nose, moved down by ``anchor_offset_y`` × box height) → side (longer box side ×
(1 + 2 × ``bbox_pad``)) → optional shift towards where a turned head looks → the frame's edge → other faces inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.neighbours import holds_other_face
from facecrop_core.geometry import box_sides
from facecrop_core.records import REASONS, CropPlan, FaceTable, FloatArray, IntArray
from facecrop_core.settings.sections import FramingSettings

FRONTAL_YAW_DEGREES = 25.0
"""Below this, the anchor ``auto`` centres on the eyes."""
EDGE, MAX_PAD, OTHER_FACE = (REASONS.index(name) for name in ("edge", "max_pad", "other_face"))


@dataclass(frozen=True)
class _Squares:
    origin_xy: IntArray
    side: IntArray
    pad_share: FloatArray
    reasons: NDArray[np.int8]


def frame_crops(table: FaceTable, settings: FramingSettings) -> CropPlan:
    """Plan the crop of every face of the table.

    Sets the reasons ``edge`` (policy skip: the crop leaves the frame), ``max_pad`` (policy pad: too much of it lies
    outside) and ``other_face``. With the policy shift, a crop larger than the frame is limited to the largest square
    that fits, so that no crop leaves the frame.

    A positive yaw means that the subject turns towards the image's right; ``yaw_shift`` then moves the crop right.
    """
    boxes = table.boxes_xyxy
    sides = box_sides(boxes)
    longer = np.maximum(sides[:, 0], sides[:, 1])  # many times faster than a maximum along an axis of two
    centre = anchor_points(table, boxes, settings)
    centre[:, 1] += settings.anchor_offset_y * sides[:, 1]
    squares = _place(table, centre, longer, settings.bbox_pad, settings)
    if settings.solo_mode != "off":
        squares = _keep_solo(table, boxes, centre, longer, squares, settings)
    side = squares.side.astype(np.float32)
    return CropPlan(
        origin_xy=squares.origin_xy,
        side=squares.side,
        pad_share=squares.pad_share,
        face_share=np.asarray(longer / side, np.float32),
        upscale=np.asarray(settings.size / side, np.float32),
        reasons=squares.reasons,
    )


def anchor_points(table: FaceTable, boxes_xyxy: FloatArray, settings: FramingSettings) -> FloatArray:
    """What each crop is centred on, float32 [n, 2]; the box's centre where the landmarks are missing."""
    centre = np.asarray((boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, np.float32)
    if settings.anchor == "bbox":
        return centre
    landmarks = table["landmarks"]
    points = landmarks[:, 2] if settings.anchor == "nose" else (landmarks[:, 0] + landmarks[:, 1]) / 2
    usable = np.isfinite(points[:, 0] + points[:, 1])
    if settings.anchor == "auto":
        usable &= np.abs(table["yaw"]) < FRONTAL_YAW_DEGREES  # not so where the yaw was not measured
    return np.where(usable[:, None], points, centre).astype(np.float32)


def _place(
    table: FaceTable,
    centre_xy: FloatArray,
    longer: FloatArray,
    pad: float,
    settings: FramingSettings,
    rows: IntArray | slice = slice(None),
) -> _Squares:
    """Squares of some rows of the table around their centres, after the edge policy."""
    frame_wh = np.array([table.video.width, table.video.height], np.int64)
    side = np.maximum(np.floor(longer[rows].astype(np.float64) * (1 + 2 * pad) + 0.5), 1).astype(np.int64)
    centre = centre_xy[rows].astype(np.float64)
    if settings.yaw_shift:
        turn = np.nan_to_num(np.clip(table["yaw"][rows] / settings.yaw_shift_yawmax, -1, 1))
        centre[:, 0] += settings.yaw_shift_frac * side * turn
    if settings.edge_policy == "shift":
        side = np.minimum(side, frame_wh.min())
    origin = np.floor(centre - side[:, None] / 2 + 0.5).astype(np.int64)
    if settings.edge_policy == "shift":
        origin = np.clip(origin, 0, frame_wh - side[:, None])
    beyond = np.maximum(-origin, origin + side[:, None] - frame_wh)
    outside = np.maximum(np.maximum(beyond[:, 0], beyond[:, 1]), 0)
    pad_share = (outside / side).astype(np.float32)
    reasons = np.zeros(len(side), np.int8)
    if settings.edge_policy == "skip":
        reasons[outside > 0] = EDGE
    elif settings.edge_policy == "pad":
        reasons[pad_share > settings.max_pad_frac] = MAX_PAD
    return _Squares(origin, side, pad_share, reasons)


def _keep_solo(
    table: FaceTable,
    boxes_xyxy: FloatArray,
    centre_xy: FloatArray,
    longer: FloatArray,
    squares: _Squares,
    settings: FramingSettings,
) -> _Squares:
    """Shrink the crops that hold another face, where asked for, and mark those that still do."""
    sample, share = table["sample"], settings.solo_min_other_frac
    crowded = holds_other_face(sample, boxes_xyxy, squares.origin_xy, squares.side, share)
    origin, side = squares.origin_xy.copy(), squares.side.copy()
    pad_share, reasons = squares.pad_share.copy(), squares.reasons.copy()
    rows = np.flatnonzero(crowded)
    if settings.solo_mode == "shrink" and len(rows):
        tighter = _place(table, centre_xy, longer, min(settings.solo_shrink_pad, settings.bbox_pad), settings, rows)
        origin[rows], side[rows] = tighter.origin_xy, tighter.side
        pad_share[rows], reasons[rows] = tighter.pad_share, tighter.reasons
        crowded = holds_other_face(sample, boxes_xyxy, origin, side, share, asked=crowded)
    reasons[crowded & (reasons == 0)] = OTHER_FACE
    return _Squares(origin, side, pad_share, reasons)
