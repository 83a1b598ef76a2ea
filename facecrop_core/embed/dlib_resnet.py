"""dlib's ResNet embedder, part of the built-in engine.

D. King, "High Quality Face Recognition with Deep Metric Learning", blog.dlib.net, 2017: 128 numbers whose Euclidean
distance says how alike two faces are. Chips are cut as ``dlib.get_face_chip`` cuts them.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.geometry import invert_matrix, similarity_fit
from facecrop_core.models import dlib_face
from facecrop_core.models.dlib_session import open_dlib_session, vectors_of
from facecrop_core.models.runtime import Runtime
from facecrop_core.models.store import file_sha256
from facecrop_core.records import FloatArray, Image

CHIP_SIZE, PADDING = 150, 0.25


class DlibResnetEmbedder:
    """The built-in embedder. Implements ``records.Embedder``; similarity is 1 − Euclidean distance."""

    name = "dlib_resnet_v1"
    dimensions = 128
    chip_size = CHIP_SIZE

    def __init__(self, runtime: Runtime | None = None) -> None:
        """Open the embedder under ONNX Runtime, which is some 15 times as quick as dlib, else in dlib.

        Args:
            runtime: see ``ModelSession``.

        Raises:
            ModelError: the model's file is not installed.
        """
        path = dlib_face.model_file(dlib_face.EMBEDDER_FILE)
        self.model_sha256 = file_sha256(path)
        self._session = open_dlib_session(path, runtime)
        self._network: Any = _dlib_network(path) if self._session is None else None
        self._lock = threading.Lock()  # dlib's network keeps its activations in itself
        self._template = _on_chip(_three_points(dlib_face.MEAN_CORNERS, dlib_face.MEAN_NOSE_BASE))

    @property
    def providers(self) -> tuple[str, ...]:
        """ONNX Runtime's providers in use; none where dlib itself runs the network."""
        return self._session.providers if self._session else ()

    def chip_matrix(self, landmarks_xy: FloatArray) -> FloatArray:
        """The 2 × 3 matrix that maps source pixels to the aligned chip, from five points [5, 2].

        dlib fits the mean face's four eye corners and nose base to those of the picture, and inverts the result. Each
        eye's centre stands for two corners, so it counts twice.
        """
        eyes = landmarks_xy[:2]
        points = np.stack([eyes[0], eyes[0], eyes[1], eyes[1], dlib_face.nose_base(eyes, landmarks_xy[2])])
        return invert_matrix(similarity_fit(self._template, points))

    def embed(self, chips: Image) -> FloatArray:
        """Vectors float32 [n, 128] of chips uint8 BGR [n, 150, 150, 3]."""
        if not len(chips):
            return np.zeros((0, self.dimensions), np.float32)
        chips_rgb = chips[..., ::-1]
        session = self._session
        if session is not None:
            return np.stack(session.map(lambda share: list(vectors_of(session, np.stack(share))), list(chips_rgb)))
        return np.stack([self._embed(np.ascontiguousarray(chip)) for chip in chips_rgb])

    def _embed(self, chip_rgb: Image) -> FloatArray:
        # One at a time: dlib gains nothing from a batch, and holds the interpreter until it is through.
        with self._lock:
            return np.array(self._network.compute_face_descriptor(chip_rgb), np.float32)


def _dlib_network(path: Path) -> Any:
    import dlib

    return dlib.face_recognition_model_v1(str(path))


def _three_points(corners: FloatArray, base: FloatArray) -> FloatArray:
    right, left = corners[:2].mean(axis=0), corners[2:].mean(axis=0)
    return np.stack([right, right, left, left, base])


def _on_chip(unit_xy: FloatArray) -> FloatArray:
    return np.asarray((unit_xy + PADDING) / (1 + 2 * PADDING) * CHIP_SIZE, np.float32)
