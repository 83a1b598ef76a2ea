"""ArcFace-like embedders of InsightFace packs.

J. Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019. Alignment and
preprocessing follow ``insightface.utils.face_align`` and ``insightface.model_zoo.arcface_onnx`` (MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.geometry import ARCFACE_112, similarity_fit
from facecrop_core.models.graph import read_signature
from facecrop_core.models.runtime import Runtime
from facecrop_core.models.sessions import ModelSession, batch_gives_same
from facecrop_core.models.store import file_sha256
from facecrop_core.records import FloatArray, Image


class ArcFaceEmbedder:
    """An embedder of an InsightFace pack. Implements ``records.Embedder``; vectors have unit length."""

    def __init__(self, path: Path, runtime: Runtime | None = None) -> None:
        """Open an embedder.

        Args:
            path: ONNX file with one square input of a multiple of 112 or 128 pixels, and one output.
            runtime: see ``ModelSession``.

        Raises:
            ModelError: not such a model.
        """
        self.name = path.stem
        self.model_sha256 = file_sha256(path)
        signature = read_signature(path)
        side = signature.inputs[0][1][-1]
        if not isinstance(side, int) or (side % 112 and side % 128):
            raise ModelError(f"{path.name} takes pictures of {side} pixels.", "An embedder needs 112 or 128.")
        self.chip_size = side
        self._template = _template(side)
        fixed_batch = signature.inputs[0][1][0] == 1
        most = runtime.faces_at_once if runtime else None
        self.session = ModelSession(path, runtime, batched=fixed_batch, most_items=most)
        self._lookup = _normalisation(signature.first_nodes)
        probe = self.session.run(np.zeros((1, 3, side, side), np.float32))[0]
        self.dimensions = int(probe.size)
        self._batches = not fixed_batch or batch_gives_same(self.session.run, (3, side, side))

    @property
    def providers(self) -> tuple[str, ...]:
        return self.session.providers

    def chip_matrix(self, landmarks_xy: FloatArray) -> FloatArray:
        """The 2 × 3 matrix that maps source pixels to the aligned chip, from five points [5, 2]."""
        return similarity_fit(landmarks_xy, self._template)

    def embed(self, chips: Image) -> FloatArray:
        """Unit vectors float32 [n, dimensions] of chips uint8 BGR [n, chip_size, chip_size, 3]."""
        rows = self.session.map(self._embed_share, list(chips))
        vectors = np.array(rows, np.float32).reshape(len(chips), self.dimensions)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)

    def _embed_share(self, chips: Sequence[Image]) -> Sequence[FloatArray]:
        return list(self._embed(chips)) if self._batches else [self._embed([chip])[0] for chip in chips]

    def _embed(self, chips: Sequence[Image]) -> FloatArray:
        blob = self.session.empty((len(chips), 3, self.chip_size, self.chip_size))
        for planes, chip in zip(blob, chips, strict=True):
            for channel in range(3):
                cv2.LUT(cv2.extractChannel(chip, channel), self._lookup, dst=planes[2 - channel])
        return self.session.run(blob)[0].reshape(len(chips), -1)


def _template(side: int) -> FloatArray:
    """ArcFace's five points for a chip of this side, as InsightFace's ``estimate_norm`` places them."""
    if side % 112 == 0:
        return np.asarray(ARCFACE_112 * (side / 112), np.float32)
    return np.asarray((ARCFACE_112 + np.array([8, 0])) * (side / 128), np.float32)


def _normalisation(first_nodes: Sequence[str]) -> FloatArray:
    """Every pixel value as the model wants it: as it is where the graph itself begins with subtracting and scaling."""
    subtracts = any(n.startswith(("Sub", "_minus")) for n in first_nodes)
    scales = any(n.startswith(("Mul", "_mul")) for n in first_nodes)
    values = np.arange(256, dtype=np.float32)
    return values if subtracts and scales else ((values - 127.5) / 127.5).astype(np.float32)
