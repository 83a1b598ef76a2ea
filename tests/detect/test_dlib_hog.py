"""The built-in detector on the six faces of a photo that InsightFace carries."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from facecrop_core.detect import DlibHogDetector
from facecrop_core.geometry import iou_matrix
from facecrop_core.models.catalogue import DLIB_CALIBRATION

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="module")
def detector():
    return DlibHogDetector(threads=2)


@pytest.fixture(scope="module")
def group(detector):
    spec = importlib.util.find_spec("insightface")
    image = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg"))
    return cv2.resize(image, detector.canvas_size(image.shape[1], image.shape[0]))


def test_finds_all_six_with_landmarks_in_place(detector, group):
    faces = detector.detect([group], DLIB_CALIBRATION.det_thresh)[0]
    assert len(faces) == 6 and np.all(np.diff(faces.scores) <= 0) and detector.landmarks_estimated
    right_eye, left_eye, nose, right_mouth, left_mouth = np.moveaxis(faces.landmarks_xy, 1, 0)
    assert np.all(right_eye[:, 0] < left_eye[:, 0]), "the subject's right eye, at the image's left, comes first"
    assert np.all(right_mouth[:, 0] < left_mouth[:, 0])
    assert np.all(nose[:, 1] > (right_eye + left_eye)[:, 1] / 2) and np.all(right_mouth[:, 1] > nose[:, 1])
    inside = (faces.landmarks_xy > faces.boxes_xyxy[:, None, :2]) & (faces.landmarks_xy < faces.boxes_xyxy[:, None, 2:])
    assert inside.all()


def test_a_batch_gives_what_single_pictures_give(detector, group):
    flat = np.full_like(group, 120)
    together = detector.detect([group, flat, group], 0.0)
    alone = detector.detect([group], 0.0)[0]
    assert [len(f) for f in together] == [6, 0, 6]
    np.testing.assert_array_equal(together[2].boxes_xyxy, alone.boxes_xyxy)


def test_canvas_sizes(detector):
    assert detector.canvas_size(1920, 1080) == (1280, 720)
    assert detector.canvas_size(640, 360) == (1280, 720)
    assert detector.canvas_size(200, 100) == (600, 300)
    assert DlibHogDetector(640).canvas_size(1280, 720) == (640, 360)


@pytest.mark.skipif(not (SHARED / "models").is_dir(), reason="../shared/models is absent")
def test_boxes_and_landmarks_are_like_those_of_scrfd(detector, group):
    from facecrop_core.detect import ScrfdDetector

    scrfd = ScrfdDetector(SHARED / "models" / "scrfd_2.5g_mbf" / "det_2.5g.onnx", 1280)
    theirs = scrfd.detect([group], 0.5)[0]
    ours = detector.detect([group], DLIB_CALIBRATION.det_thresh)[0]
    overlaps = iou_matrix(theirs.boxes_xyxy, ours.boxes_xyxy)
    assert overlaps.max(axis=1).min() > 0.5 and np.median(overlaps.max(axis=1)) > 0.75
    near = ours.landmarks_xy[overlaps.argmax(axis=1)]
    eyes = np.linalg.norm(theirs.landmarks_xy[:, 1] - theirs.landmarks_xy[:, 0], axis=1)
    error = np.linalg.norm(near - theirs.landmarks_xy, axis=2) / eyes[:, None]
    assert np.median(error[:, :2]) < 0.1 and np.median(error[:, 2]) < 0.15 and np.median(error[:, 3:]) < 0.35
