"""SCRFD face detectors of InsightFace packs, decoded by ourselves.

J. Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022. The results equal those
of ``insightface.model_zoo.scrfd`` (MIT) on the same picture; the work is arranged so that only anchors above the
threshold are decoded, on a batch of canvases in the frame's own shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.geometry import concatenate_faces, join_faces
from facecrop_core.models.runtime import Runtime
from facecrop_core.models.sessions import ModelSession, batch_gives_same
from facecrop_core.models.store import file_sha256
from facecrop_core.records import Faces, FloatArray, Image

STRIDES, ANCHORS, NMS_IOU = (8, 16, 32), 2, 0.4
AUTO_SIZE, CLOSE_UP_SIZE = 640, 128
NORMALISED = ((np.arange(256, dtype=np.float32) - 127.5) / 128).astype(np.float32)
"""Every pixel value as the model wants it: looking up is three times as quick as computing."""


class ScrfdDetector:
    """A detector of an InsightFace pack. Implements ``records.Detector``."""

    landmarks_estimated = False

    def __init__(
        self,
        path: Path,
        det_size: int | Literal["auto"] = "auto",
        runtime: Runtime | None = None,
    ) -> None:
        """Open a detector.

        Args:
            path: ONNX file with nine heads (scores, boxes and landmarks at strides 8, 16 and 32).
            det_size: longest side in pixels of the picture that the model sees, rounded up to a multiple of 32;
                ``auto``: 640, joined with a pass at 128, in which faces that fill the frame have a size it knows.
            runtime: see ``ModelSession``.

        Raises:
            ModelError: not such a model.
        """
        self.name = path.stem
        self.model_sha256 = file_sha256(path)
        self._size = _round_up(AUTO_SIZE if det_size == "auto" else det_size)
        self.session = ModelSession(path, runtime, batched=True, longest_side=self._size)
        heads = len(self.session.output_ranks)
        if heads != 9:
            without = "gives no landmarks" if heads == 6 else f"has {heads} outputs"
            raise ModelError(
                f"{path.name} {without}.", "A detector needs nine: scores, boxes and five landmarks at three strides."
            )
        self._flat = self.session.output_ranks[0] == 2
        height, width = self.session.input_shape[2:]
        self._fixed = (width, height) if isinstance(width, int) and isinstance(height, int) else None
        self._close_ups = det_size == "auto" and self._fixed is None
        small = (3, self._fixed[1], self._fixed[0]) if self._fixed else (3, 64, 96)
        self._batches = batch_gives_same(self._heads, small)
        self._centres: dict[tuple[int, int, int], FloatArray] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        return self.session.providers

    def canvas_size(self, width: int, height: int) -> tuple[int, int]:
        """The frame's shape with the detection size as its longest side, rounded as InsightFace rounds."""
        limit_width, limit_height = self._fixed or (self._size, self._size)
        ratio = height / width
        if ratio > limit_height / limit_width:
            return max(int(limit_height / ratio), 1), limit_height
        return limit_width, max(int(limit_width * ratio), 1)

    def detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        """Faces in each canvas (all of one size), in pixels of that canvas."""
        return self.session.map(lambda share: self._detect_share(share, threshold), canvases)

    def _detect_share(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        if self._batches:
            return self._detect(canvases, threshold)
        return [self._detect([canvas], threshold)[0] for canvas in canvases]

    def _detect(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        found = [self._candidates(canvases, threshold)]
        if self._close_ups:
            height, width = canvases[0].shape[:2]
            scale = CLOSE_UP_SIZE / max(height, width)
            size = (max(int(width * scale), 1), max(int(height * scale), 1))
            small = [np.asarray(cv2.resize(c, size), np.uint8) for c in canvases]  # bilinear, as InsightFace
            passed = self._candidates(small, threshold)
            found.append([faces.scaled(width / size[0], height / size[1]) for faces in passed])
        return [join_faces(of_one, NMS_IOU) for of_one in zip(*found, strict=True)]

    def _candidates(self, canvases: Sequence[Image], threshold: float) -> list[Faces]:
        """Every anchor above the threshold, in each picture."""
        blob = self._blob(canvases)
        heads = self._heads(blob)
        found = []
        for level, stride in enumerate(STRIDES):
            scores, boxes, points = (heads[level + 3 * kind] for kind in range(3))
            picture, anchor = np.nonzero(scores[..., 0] >= threshold)
            centres = self._anchor_centres(blob.shape[2] // stride, blob.shape[3] // stride, stride)[anchor]
            distances, offsets = boxes[picture, anchor] * stride, points[picture, anchor] * stride
            corners = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
            landmarks = centres[:, None] + offsets.reshape(-1, 5, 2)
            found.append((picture, Faces(corners, landmarks, scores[picture, anchor, 0])))
        return [
            concatenate_faces([faces[picture == index] for picture, faces in found]) for index in range(len(canvases))
        ]

    def _heads(self, blob: FloatArray) -> list[FloatArray]:
        """The nine heads for pictures [n, 3, height, width], each as [n, anchors, values]."""
        heads = self.session.run(blob)
        if not self._flat:
            return heads
        n, _, height, width = blob.shape
        ordered = []
        for index, head in enumerate(heads):
            stride = STRIDES[index % len(STRIDES)]
            by_cell = head.reshape(height // stride * (width // stride), n, ANCHORS, head.shape[-1])
            ordered.append(by_cell.transpose(1, 0, 2, 3).reshape(n, -1, head.shape[-1]))
        return ordered

    def _blob(self, canvases: Sequence[Image]) -> FloatArray:
        """Normalised RGB [n, 3, height, width]: black is added at the right and below up to a multiple of 32."""
        height, width = canvases[0].shape[:2]
        full_width, full_height = self._fixed or (_round_up(width), _round_up(height))
        blob = self.session.empty((len(canvases), 3, full_height, full_width))
        blob[:] = NORMALISED[0]
        for planes, canvas in zip(blob, canvases, strict=True):
            for channel in range(3):
                planes[2 - channel, :height, :width] = cv2.LUT(cv2.extractChannel(canvas, channel), NORMALISED)
        return blob

    def _anchor_centres(self, rows: int, columns: int, stride: int) -> FloatArray:
        key = (rows, columns, stride)
        if key not in self._centres:
            xy = np.indices((rows, columns))[::-1].reshape(2, -1).T * stride
            self._centres[key] = np.repeat(xy, ANCHORS, axis=0).astype(np.float32)
        return self._centres[key]


def _round_up(side: int) -> int:
    return -(-side // 32) * 32
