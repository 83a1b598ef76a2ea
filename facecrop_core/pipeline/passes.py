"""The detector's passes over a frame: upright, and where settings ask for it also turned, and enlarged in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import cv2
import numpy as np

from facecrop_core.geometry import join_faces
from facecrop_core.pixels import region_bgr, resize_to
from facecrop_core.records import Detector, Faces, FloatArray, Frame, Image
from facecrop_core.settings.sections import DetectionSettings

ZOOM_FROM_PX = 1280
"""Longest side of a frame from which on a face may be lost when it is made small for the detector."""
PART_SHARE = 0.6
"""Side of each of the four parts, as a share of the frame's; what lies on a border is whole in one of them."""
OVERLAP = 0.4
"""IoU above which two passes have found one face."""
Area = tuple[int, int, int, int]
Turn = Callable[[FloatArray, int, int], FloatArray]

# From points [..., 2] of the turned picture to those of the upright one, which is (width, height) large.
_TURNS: dict[int, Turn] = {
    cv2.ROTATE_90_CLOCKWISE: lambda xy, width, height: np.stack([xy[..., 1], height - 1 - xy[..., 0]], axis=-1),
    cv2.ROTATE_90_COUNTERCLOCKWISE: lambda xy, width, height: np.stack([width - 1 - xy[..., 1], xy[..., 0]], axis=-1),
    cv2.ROTATE_180: lambda xy, width, height: np.array([width - 1, height - 1], np.float32) - xy,
}
_WAYS = {"off": (), "sides": tuple(_TURNS)[:2], "all": tuple(_TURNS)}


class Passes:
    """Finds faces of frames whose canvases show ``area``, or all of the frame."""

    def __init__(self, detector: Detector, settings: DetectionSettings, threshold: float, area: Area | None) -> None:
        self._detector, self._threshold, self._area = detector, threshold, area
        self._turns, self._zooms = _WAYS[settings.det_rotate], settings.zoom_rescue

    def find(self, frames: Sequence[Frame]) -> list[Faces]:
        """Faces of each frame in pixels of its canvas, best score first."""
        canvases = [frame.canvas for frame in frames]
        found = self._detector.detect(canvases, self._threshold)
        for turn in self._turns:
            again = self._turned(canvases, turn)
            found = [join_faces(both, OVERLAP) for both in zip(found, again, strict=True)]
        if self._zooms:
            found = [
                faces if len(faces) or max(self._size(frame)) <= ZOOM_FROM_PX else self._zoomed(frame)
                for frame, faces in zip(frames, found, strict=True)
            ]
        return found

    def _turned(self, canvases: Sequence[Image], turn: int) -> list[Faces]:
        height, width = canvases[0].shape[:2]
        turned = [np.asarray(cv2.rotate(canvas, turn), np.uint8) for canvas in canvases]
        sides = turned[0].shape[1], turned[0].shape[0]
        size = self._detector.canvas_size(*sides)
        found = self._detector.detect([resize_to(picture, *size) for picture in turned], self._threshold)
        scale = sides[0] / size[0], sides[1] / size[1]
        return [_turn_back(faces.scaled(*scale), _TURNS[turn], width, height) for faces in found]

    def _zoomed(self, frame: Frame) -> Faces:
        left, top = self._area[:2] if self._area else (0, 0)
        width, height = self._size(frame)
        part = round(width * PART_SHARE), round(height * PART_SHARE)
        corners = product((left, left + width - part[0]), (top, top + height - part[1]))
        joined = join_faces([self._part(frame, x, y, x + part[0], y + part[1]) for x, y in corners], OVERLAP)
        shift = np.array([left, top], np.float32)
        inside = Faces(joined.boxes_xyxy - np.tile(shift, 2), joined.landmarks_xy - shift, joined.scores)
        return inside.scaled(frame.canvas.shape[1] / width, frame.canvas.shape[0] / height)

    def _part(self, frame: Frame, *part_xyxy: int) -> Faces:
        """Faces of a part of the frame, in pixels of the whole frame."""
        image, left, top = region_bgr(frame, *part_xyxy)
        height, width = image.shape[:2]
        size = self._detector.canvas_size(width, height)
        found = self._detector.detect([resize_to(image, *size)], self._threshold)[0].scaled(
            width / size[0], height / size[1]
        )
        shift = np.array([left, top], np.float32)
        return Faces(found.boxes_xyxy + np.tile(shift, 2), found.landmarks_xy + shift, found.scores)

    def _size(self, frame: Frame) -> tuple[int, int]:
        """Width and height of what is looked at."""
        x0, y0, x1, y1 = self._area or (0, 0, frame.width, frame.height)
        return x1 - x0, y1 - y0


def _turn_back(faces: Faces, turn: Turn, width: int, height: int) -> Faces:
    corners = turn(faces.boxes_xyxy.reshape(-1, 2, 2), width, height)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Faces(boxes.astype(np.float32), turn(faces.landmarks_xy, width, height).astype(np.float32), faces.scores)
