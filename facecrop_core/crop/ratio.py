"""PersonCapture's crops: the best of several shapes, with the upper body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.regions import Regions, upright
from facecrop_core.records import FaceTable
from facecrop_core.settings.framing import FramingSettings
from facecrop_core.settings.texts import parse_ratios

BODY_FACES_WIDE, BODY_FACES_HIGH = 3.0, 7.0
BODY_FACES_ABOVE = 0.5
"""Until bodies are detected, a person's box is so many faces wide and high, half a face of it above the face."""

Array = NDArray[np.float64]


def ratio_regions(table: FaceTable, settings: FramingSettings) -> Regions:
    """The best shape for each face.

    For each ratio the person's box is expanded to the shape, held within the guards (see ``_height``) and placed with
    its middle ``face_anchor_down_frac`` face heights below the face's. What comes out is moved into the frame, as large
    as fits, whatever the edge policy. The least score wins, of equals the first: area ÷ the person's area +
    ``crop_penalty_weight`` × penalty.
    """
    faces = table.boxes_xyxy.astype(np.float64)
    frame_wh = np.array([table.video.width, table.video.height], np.float64)
    body = _person_boxes(faces, frame_wh)
    area = np.maximum(np.prod(body[:, 2:] - body[:, :2], axis=1), 1)
    best, best_score = upright(np.zeros((len(faces), 2)), np.ones((len(faces), 2))), np.full(len(faces), np.inf)
    for width, height in parse_ratios(settings.ratio):
        shape = width / height
        inside = _moved_inside(_candidates(faces, body, shape, frame_wh, settings), frame_wh, shape)
        score = np.prod(inside.extent_wh, axis=1) / area
        score += settings.crop_penalty_weight * placement_penalty(inside, faces, settings)
        better = score < best_score
        best.centre_xy[better], best.extent_wh[better] = inside.centre_xy[better], inside.extent_wh[better]
        best_score[better] = score[better]
    return best.rounded()


def placement_penalty(crops: Regions, faces_xyxy: Array, settings: FramingSettings) -> Array:
    """[n]: missing side margin in face widths + headroom beyond the largest + missing room below in face heights."""
    low, high = crops.centre_xy - crops.extent_wh / 2, crops.centre_xy + crops.extent_wh / 2
    wide, tall = np.maximum(faces_xyxy[:, 2:] - faces_xyxy[:, :2], 1).T
    beside = np.maximum(np.minimum(faces_xyxy[:, 0] - low[:, 0], high[:, 0] - faces_xyxy[:, 2]), 0)
    above, below = (np.maximum(faces_xyxy[:, 1] - low[:, 1], 0), np.maximum(high[:, 1] - faces_xyxy[:, 3], 0))
    side = np.maximum(settings.crop_face_side_margin_frac - beside / wide, 0)
    headroom = np.maximum(above / crops.extent_wh[:, 1] - settings.crop_top_headroom_max_frac, 0)
    return np.asarray(side + headroom + np.maximum(settings.crop_bottom_min_face_heights - below / tall, 0))


def _person_boxes(faces: Array, frame_wh: Array) -> Array:
    """A person's box for each face, clamped to the frame."""
    wide, tall = np.maximum(faces[:, 2:] - faces[:, :2], 1).T
    middle, top = (faces[:, 0] + faces[:, 2]) / 2, faces[:, 1] - BODY_FACES_ABOVE * tall
    half = BODY_FACES_WIDE * wide / 2
    boxes = np.stack([middle - half, top, middle + half, top + BODY_FACES_HIGH * tall], axis=1)
    return np.asarray(np.clip(boxes, 0, np.tile(frame_wh, 2)))


def _candidates(faces: Array, body: Array, shape: float, frame_wh: Array, settings: FramingSettings) -> Regions:
    """One shape's crops before the frame's edges, the face with its margin inside in any case."""
    wide, tall = np.maximum(faces[:, 2:] - faces[:, :2], 1).T
    height = _height(wide, tall, body, shape, frame_wh[1], settings)
    x, y = (faces[:, 0] + faces[:, 2]) / 2, (faces[:, 1] + faces[:, 3]) / 2
    room = np.maximum(height - tall, 0) / 2  # beyond it the bias would cut the head
    margin = np.minimum(settings.crop_face_side_margin_frac * wide, room)
    down = np.clip(settings.face_anchor_down_frac * tall, margin - room, room - margin)
    return upright(np.stack([x, y + down], axis=1), np.stack([height * shape, height], axis=1))


def _height(
    wide: Array, tall: Array, body: Array, shape: float, frame_height: float, settings: FramingSettings
) -> Array:
    """Heights of crops of one shape that hold the person, within the guards; the least comes before the largest."""
    sides = np.maximum(body[:, 2:] - body[:, :2], 1)
    least = tall / settings.face_max_frac_in_crop
    least = np.maximum(least, wide * (1 + 2 * settings.crop_face_side_margin_frac) / shape)
    least = np.maximum(least, settings.crop_min_height_frac * frame_height)
    height = np.maximum(sides[:, 1], sides[:, 0] / shape)
    if settings.face_min_frac_in_crop is not None:
        height = np.minimum(height, tall / settings.face_min_frac_in_crop)
    return np.asarray(np.maximum(height, least))


def _moved_inside(crops: Regions, frame_wh: Array, shape: float) -> Regions:
    height = np.minimum(crops.extent_wh[:, 1], min(frame_wh[1], frame_wh[0] / shape))
    extent = np.stack([height * shape, height], axis=1)
    return upright(np.clip(crops.centre_xy, extent / 2, frame_wh - extent / 2), extent)
