"""Made-up face tables for the tests of framing."""

from pathlib import Path

import numpy as np

from facecrop_core.crop import frame_crops
from facecrop_core.crop_plan import CropPlan
from facecrop_core.records import REASONS, FaceTable, Video
from facecrop_core.settings import Settings

UPRIGHT_FACE = np.array([[-20, -18], [20, -18], [0, 4], [-16, 24], [16, 24]], float)
"""Five points of a symmetric face around its middle."""


def table_of(boxes, landmarks=None, width=1000, height=600, sample=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    n = len(boxes)
    columns = {
        "sample": np.arange(n) if sample is None else np.array(sample),
        "time_seconds": np.zeros(n),
        "landmarks": np.full((n, 5, 2), np.nan, np.float32) if landmarks is None else np.array(landmarks, np.float32),
        "yaw": np.full(n, np.nan, np.float32),
        **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
    }
    video = Video(Path("film.mp4"), "id", 1, width, height, None, None, None, "h264", "yuv420p")
    return FaceTable(video, columns, np.zeros((n, 0), np.float32))


def face_at(centre=(500, 300), scale=1.0, degrees=0.0):
    """A face turned clockwise: its five points and the box around them."""
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.array(centre) + scale * UPRIGHT_FACE @ rotation.T
    return points, [centre[0] - 40 * scale, centre[1] - 50 * scale, centre[0] + 40 * scale, centre[1] + 50 * scale]


def turned_table(scale=1.0, angles=(0, 17, -40, 120), centre=(500, 300), **video):
    faces = [face_at(centre, scale, degrees) for degrees in angles]
    return table_of([box for _, box in faces], [points for points, _ in faces], **video)


def plan(table, **values) -> CropPlan:
    return frame_crops(table, Settings().with_values(values).framing)


def in_crop(crops: CropPlan, row: int, points):
    matrix = crops.matrix(row)
    return np.array(points, float) @ matrix[:, :2].T + matrix[:, 2]


def reasons(crops):
    return [REASONS[code] for code in crops.reasons]
