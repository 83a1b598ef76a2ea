from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from facecrop_core.measure import MEAN_FACE_MM, exposure, measure_face, placement, pose, rotation_matrix, sharpness


def seen(yaw: float, pitch: float, roll: float, scale: float = 2.0) -> np.ndarray:
    """The mean face's five points after a known rotation, as an orthographic camera sees them."""
    return ((MEAN_FACE_MM @ rotation_matrix(yaw, pitch, roll).T)[:, :2] * scale + [300, 200]).astype(np.float32)


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 25), (-40, 10, -15), (60, -20, 5)])
def test_pose_finds_known_rotations(angles: tuple[float, float, float]) -> None:
    found = pose(seen(*angles), landmarks_estimated=False)
    assert (found["yaw"], found["pitch"], found["roll"]) == pytest.approx(angles, abs=0.01)


def test_pose_signs_are_as_documented() -> None:
    eyes_to_nose = lambda points: points[2] - points[:2].mean(axis=0)  # noqa: E731
    assert eyes_to_nose(seen(30, 0, 0))[0] > eyes_to_nose(seen(0, 0, 0))[0]  # yaw > 0: nose to the image's right
    assert eyes_to_nose(seen(0, 20, 0))[1] < eyes_to_nose(seen(0, 0, 0))[1]  # pitch > 0: nose up
    leaning = seen(0, 0, 20)
    assert leaning[1, 1] > leaning[0, 1]  # roll > 0: clockwise, the right eye of the image sinks


def test_pitch_is_unknown_with_estimated_mouth() -> None:
    assert math.isnan(pose(seen(10, 0, 0), landmarks_estimated=True)["pitch"])


def test_sharpness_falls_with_blur() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (128, 128), dtype=np.uint8)
    sharp, soft = sharpness(noise), sharpness(np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8))
    assert soft["laplacian"] < sharp["laplacian"] / 10 and soft["tenengrad"] < sharp["tenengrad"] / 5
    assert sharpness(np.full((128, 128), 7, np.uint8)) == {"laplacian": 0.0, "tenengrad": 0.0}


def test_exposure_of_known_pixels() -> None:
    half = np.zeros((10, 10), np.uint8)
    half[5:] = 200
    assert exposure(half) == pytest.approx(
        {"brightness": 100, "brightness_p5": 0, "brightness_p95": 200, "contrast": 100}
    )


def test_placement() -> None:
    assert placement((10, 20, 60, 120), 200, 100) == pytest.approx({"frame_share": 0.25, "border_px": -20})


def test_a_face_outside_the_region_has_no_pixels_to_measure() -> None:
    region, points = np.zeros((50, 50, 3), np.uint8), seen(0, 0, 0)
    measures = measure_face(region, (0, 0), (400, 400, 450, 450), points, False, (640, 480))
    assert "laplacian" not in measures and measures["yaw"] == pytest.approx(0, abs=0.01)
