"""One file per measure. Raw numbers are stored; whether they are good enough is decided when choosing."""

from __future__ import annotations

import cv2
import numpy as np

from facecrop_core.measure.exposure import exposure
from facecrop_core.measure.hashing import average_hashes, perceptual_hashes, read_face
from facecrop_core.measure.placement import placement
from facecrop_core.measure.pose import MEAN_FACE_MM, pose, rotation_matrix
from facecrop_core.measure.sharpness import sharpness
from facecrop_core.records import FloatArray, Image

MEASURING_SIZE = 128
"""Side in pixels to which the inside of a face is scaled before sharpness and light are measured."""
INSET = 0.1
"""Share of the box's side left out on each edge, so that the background does not count."""


def measure_face(
    region_bgr: Image,
    region_xy: tuple[int, int],
    box_xyxy: tuple[float, float, float, float],
    landmarks_xy: FloatArray,
    landmarks_estimated: bool,
    frame_size: tuple[int, int],
) -> dict[str, float]:
    """All measures of one face.

    ``region_bgr`` holds the frame's pixels around the face and ``region_xy`` the source position of its top left one;
    box and landmarks are in source pixels, ``frame_size`` is (width, height). A face that lies outside the frame has
    no pixels to measure: its sharpness and light are left out.
    """
    measures = pose(landmarks_xy, landmarks_estimated) | placement(box_xyxy, *frame_size)
    x1, y1, x2, y2 = box_xyxy
    inset_x, inset_y = (x2 - x1) * INSET, (y2 - y1) * INSET
    left, top = max(round(x1 + inset_x) - region_xy[0], 0), max(round(y1 + inset_y) - region_xy[1], 0)
    right, bottom = round(x2 - inset_x) - region_xy[0], round(y2 - inset_y) - region_xy[1]
    inside = region_bgr[top : max(bottom, 0), left : max(right, 0)]
    if inside.size:
        method = cv2.INTER_AREA if inside.shape[0] > MEASURING_SIZE else cv2.INTER_LINEAR
        grey = cv2.cvtColor(cv2.resize(inside, (MEASURING_SIZE,) * 2, interpolation=method), cv2.COLOR_BGR2GRAY)
        face_grey = np.asarray(grey, np.uint8)
        measures |= sharpness(face_grey) | exposure(face_grey)
    return measures


__all__ = [
    "MEAN_FACE_MM",
    "average_hashes",
    "exposure",
    "measure_face",
    "perceptual_hashes",
    "placement",
    "pose",
    "read_face",
    "rotation_matrix",
    "sharpness",
]
