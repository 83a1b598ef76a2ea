"""dlib's HOG face detector and five-point predictor, part of the built-in engine.

N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, in dlib's five-view detector;
V. Kazemi, J. Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import cv2
import numpy as np

from facecrop_core.geometry import ARCFACE_112, apply_matrix, similarity_fit
from facecrop_core.models import dlib_face
from facecrop_core.models.sessions import usable_cores
from facecrop_core.models.store import file_sha256
from facecrop_core.records import Faces, FloatArray, Image

AUTO_SIZE, MOST_ENLARGED = 1280, 3.0
"""Measured: a 720p frame is searched as it is (94 % of the faces of 50 px and more are found; enlarging it by a half
finds 98 % in 2.3 times the time). The same film at 480 px gives 62 % as it is and 96 % enlarged to 1280."""

BOX_GROWTH = np.array([0.036, -0.22, -0.05, 0.055], np.float32)
"""What to add to (x1, y1, x2, y2) in shares of the side: dlib's square leaves out the forehead, which SCRFD's boxes
hold (medians over 170 faces of two films; the mean IoU of both rises from 0.69 to 0.80)."""


class DlibHogDetector:
    """The built-in detector. Implements ``records.Detector``; scores are margins of its classifier, about −0.3 to 3."""

    name = "dlib_hog"
    landmarks_estimated = True

    def __init__(self, det_size: int | Literal["auto"] = "auto", *, threads: int | None = None) -> None:
        """Open the detector.

        Args:
            det_size: longest side in pixels of the picture that is searched; ``auto``: 1280, but a frame is enlarged
                at most threefold. Faces below about 60 pixels in that picture are not found.
            threads: how many pictures are searched at a time; by default as many as there are usable cores.

        Raises:
            ModelError: the landmark file is not installed.
        """
        import dlib

        path = dlib_face.model_file(dlib_face.LANDMARKS_FILE)
        self.model_sha256 = file_sha256(path)
        self._predictor = dlib.shape_predictor(str(path))
        self._size = det_size
        self._threads = threads or usable_cores()
        self._own = threading.local()  # dlib's detector keeps its pyramid in itself, so each thread has its own
        self._pool: ThreadPoolExecutor | None = None

    def canvas_size(self, width: int, height: int) -> tuple[int, int]:
        """The frame's shape with the detection size as its longest side."""
        longest = max(width, height)
        limit = min(AUTO_SIZE, longest * MOST_ENLARGED) if self._size == "auto" else self._size
        return max(round(width * limit / longest), 1), max(round(height * limit / longest), 1)

    def detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        """Faces in each canvas, in pixels of that canvas. Several are searched at once: dlib frees the interpreter."""
        if len(canvases) == 1 or self._threads == 1:
            return [self._detect(canvas, threshold) for canvas in canvases]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="dlib")
        return list(self._pool.map(self._detect, canvases, [threshold] * len(canvases)))

    def _detect(self, canvas: Image, threshold: float) -> Faces:
        grey = cv2.cvtColor(canvas, cv2.COLOR_BGR2GRAY)  # twice as quick as in colour, and as good
        rectangles, scores, _ = self._searcher().run(grey, 0, threshold)
        if not rectangles:
            return Faces.none()
        order = np.argsort(-np.array(scores), kind="stable")
        boxes = np.array([_box(rectangles[i]) for i in order], np.float32)
        corners = [self._predictor(grey, rectangles[i]) for i in order]
        landmarks = np.stack([_five_points(shape) for shape in corners])
        return Faces(boxes, landmarks, np.array(scores, np.float32)[order])

    def _searcher(self) -> Any:
        if not hasattr(self._own, "searcher"):
            import dlib

            self._own.searcher = dlib.get_frontal_face_detector()
        return self._own.searcher


def _box(rectangle: Any) -> FloatArray:
    box = np.array([rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1], np.float32)
    return np.asarray(box + BOX_GROWTH * (box[2] - box[0]), np.float32)


def _five_points(shape: Any) -> FloatArray:
    """Eyes, nose and mouth corners [5, 2], the subject's right first, from dlib's eye corners and nose.

    The mouth is where ArcFace's mean face has it once its eyes and nose lie on these.
    """
    points = np.array([[p.x, p.y] for p in shape.parts()], np.float32)
    eyes = np.stack([points[2:4].mean(axis=0), points[0:2].mean(axis=0)])
    upper = np.vstack([eyes, dlib_face.nose_tip(eyes, points[4])])
    mouth = apply_matrix(similarity_fit(ARCFACE_112[:3], upper), ARCFACE_112[3:])
    return np.vstack([upper, mouth])
