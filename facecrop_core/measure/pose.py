"""Where a head looks, from five landmarks."""

from __future__ import annotations

import math

import numpy as np

from facecrop_core.records import FloatArray

MEAN_FACE_MM = np.array(
    [[-31.0, 0.0, 0.0], [31.0, 0.0, 0.0], [0.0, 36.0, 27.0], [-25.0, 71.0, 4.0], [25.0, 71.0, 4.0]], np.float64
)
"""An average face's five points, origin between the eyes: x to the image's right, y down, z towards the camera."""

_CENTRED = MEAN_FACE_MM - MEAN_FACE_MM.mean(axis=0)
_PSEUDO_INVERSE = np.linalg.pinv(_CENTRED)


def rotation_matrix(yaw_degrees: float, pitch_degrees: float, roll_degrees: float) -> FloatArray:
    """The rotation [3, 3] of a head in the axes of MEAN_FACE_MM: first yaw, then pitch, then roll."""
    y, p, r = (math.radians(v) for v in (yaw_degrees, pitch_degrees, roll_degrees))
    yaw = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    pitch = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    roll = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return np.asarray(roll @ pitch @ yaw, np.float32)


def pose(landmarks_xy: FloatArray, landmarks_estimated: bool) -> dict[str, float]:
    """Yaw, pitch and roll in degrees of five points [5, 2].

    Yaw is positive when the nose points to the image's right, pitch when it points up, roll when the head leans
    clockwise in the image. Scaled orthography: the affine camera that maps the mean face to the points, brought to the
    nearest rotation (D. DeMenthon and L. Davis, "Model-based object pose in 25 lines of code", IJCV 1995, first
    iteration). Where the mouth corners are estimated, pitch cannot be told and is NaN.
    """
    points = np.asarray(landmarks_xy, np.float64)
    camera = (points - points.mean(axis=0)).T @ _PSEUDO_INVERSE.T
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    pitch = math.asin(float(np.clip(rotation[2, 1], -1, 1)))
    yaw = math.atan2(-float(rotation[2, 0]), float(rotation[2, 2]))
    roll = math.atan2(-float(rotation[0, 1]), float(rotation[1, 1]))
    return {
        "yaw": math.degrees(yaw),
        "pitch": math.nan if landmarks_estimated else math.degrees(pitch),
        "roll": math.degrees(roll),
    }
