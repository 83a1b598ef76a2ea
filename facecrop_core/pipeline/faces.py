"""From a batch of frames to the rows of a scan: detect, filter, align, embed, measure, thumbnail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facecrop_core.measure import measure_face
from facecrop_core.pipeline.passes import Passes
from facecrop_core.pixels import covered_region, encode_image, region_bgr, resize_to, warp
from facecrop_core.records import Embedder, Engine, Faces, FloatArray, Frame, Image
from facecrop_core.settings.sections import DetectionSettings
from facecrop_core.table import SIGNATURE_SIZE, FaceRow, SampleRow

THUMB_SIZE = 160
THUMB_QUALITY = 85
THUMB_PAD = 0.25
"""Room around the face on each side of a thumbnail, as a share of the box's longer side."""


@dataclass(frozen=True)
class _FacePixels:
    """What is cut from the frame for one face."""

    chip: Image
    thumb_jpeg: bytes
    measures: dict[str, float]


class FaceMaker:
    """Runs the engine and the measures on batches of frames of one video, whose canvases show ``area``."""

    def __init__(
        self, engine: Engine, settings: DetectionSettings, area: tuple[int, int, int, int] | None = None
    ) -> None:
        self.engine, self.settings, self.area = engine, settings, area
        auto = settings.det_thresh == "auto"
        self.threshold = engine.calibration.det_thresh if auto else float(settings.det_thresh)
        self._passes = Passes(engine.detector, settings, self.threshold, area)
        self._unknown = np.full(engine.embedder.dimensions, np.nan, np.float32)

    def rows(self, frames: list[Frame]) -> list[SampleRow]:
        """One row per frame. The frames are given back as soon as their pixels are no longer needed."""
        return self.embed(self.look(frames))

    def look(self, frames: list[Frame]) -> list[SampleRow]:
        """The rows before their faces are embedded: each still has its chip."""
        try:
            found = self._passes.find(frames)
            faces = [self._in_source(frame, f) for frame, f in zip(frames, found, strict=True)]
            pixels = [[self._cut(frame, f, i) for i in range(len(f))] for frame, f in zip(frames, faces, strict=True)]
            signatures = [make_signature(frame.canvas) for frame in frames]
        finally:
            for frame in frames:
                frame.release()
        return [
            SampleRow(
                frame.sample,
                frame.frame,
                frame.time_seconds,
                signature,
                [replace(_row(f, i, p, self._unknown), chip=p.chip) for i, p in enumerate(of_frame)],
            )
            for frame, f, of_frame, signature in zip(frames, faces, pixels, signatures, strict=True)
        ]

    def embed(self, rows: list[SampleRow]) -> list[SampleRow]:
        """The same rows; faces whose chip is there are embedded."""
        chips = [face.chip for row in rows for face in row.faces if face.chip is not None]
        if not chips:
            return rows
        vectors = iter(self.engine.embedder.embed(np.stack(chips)))

        def embedded(face: FaceRow) -> FaceRow:
            return face if face.chip is None else replace(face, embedding=next(vectors), chip=None)

        return [replace(row, faces=[embedded(face) for face in row.faces]) for row in rows]

    def find(self, frames: list[Frame]) -> list[tuple[Faces, FloatArray]]:
        """Faces in source pixels and their embeddings [n, d], frame by frame, and nothing else about them."""
        found = self._passes.find(frames)
        faces = [self._in_source(frame, f) for frame, f in zip(frames, found, strict=True)]
        embedder = self.engine.embedder
        chips = [cut_chip(frame, p, embedder) for frame, f in zip(frames, faces, strict=True) for p in f.landmarks_xy]
        vectors = embedder.embed(np.stack(chips)) if chips else np.zeros((0, embedder.dimensions), np.float32)
        ends = np.cumsum([len(f) for f in faces])
        return list(zip(faces, np.split(vectors, ends[:-1]), strict=True))

    def row(self, frame: Frame, faces: Faces, index: int, embedding: FloatArray) -> FaceRow:
        """All that a scan stores of one of the faces that ``find`` gave."""
        return _row(faces, index, self._cut(frame, faces, index), embedding)

    def _in_source(self, frame: Frame, found: Faces) -> Faces:
        """Faces in source pixels, without those that are too small or too near the border of what was looked at."""
        height, width = frame.canvas.shape[:2]
        x0, y0, x1, y1 = self.area or (0, 0, frame.width, frame.height)
        low, high = np.array([x0, y0], np.float32), np.array([x1, y1], np.float32)
        faces = found.scaled((x1 - x0) / width, (y1 - y0) / height)
        faces = Faces(faces.boxes_xyxy + np.tile(low, 2), faces.landmarks_xy + low, faces.scores)
        sides = faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]
        keep = sides.min(axis=1, initial=np.inf) >= max(self.settings.det_min_size, 1)
        if self.settings.det_min_border is not None:
            distance = np.hstack([faces.boxes_xyxy[:, :2] - low, high - faces.boxes_xyxy[:, 2:]])
            keep &= distance.min(axis=1, initial=np.inf) >= self.settings.det_min_border
        return faces[keep]

    def _cut(self, frame: Frame, faces: Faces, index: int) -> _FacePixels:
        box, landmarks = _box(faces, index), faces.landmarks_xy[index]
        embedder = self.engine.embedder
        matrix = embedder.chip_matrix(landmarks)
        x, y, side = thumb_squares(faces.boxes_xyxy[[index]], frame.width, frame.height)[0].tolist()
        x0, y0, x1, y1 = covered_region(matrix, embedder.chip_size)
        image, left, top = region_bgr(frame, min(x, x0), min(y, y0), max(x + side, x1), max(y + side, y1))
        thumb = image[y - top : y - top + side, x - left : x - left + side]
        estimated = self.engine.detector.landmarks_estimated
        return _FacePixels(
            warp(image, (left, top), matrix, embedder.chip_size),
            encode_image(resize_to(thumb, THUMB_SIZE, THUMB_SIZE), "jpeg", THUMB_QUALITY),
            measure_face(image, (left, top), box, landmarks, estimated, (frame.width, frame.height)),
        )


def cut_chip(frame: Frame, landmarks_xy: FloatArray, embedder: Embedder) -> Image:
    """The aligned face that goes into the embedder, from five points [5, 2] in source pixels."""
    matrix = embedder.chip_matrix(landmarks_xy)
    image, left, top = region_bgr(frame, *covered_region(matrix, embedder.chip_size))
    return warp(image, (left, top), matrix, embedder.chip_size)


def make_signature(canvas: Image) -> bytes:
    """The small grey picture by which shots are told apart."""
    small = cv2.resize(canvas, SIGNATURE_SIZE, interpolation=cv2.INTER_AREA)
    return bytes(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).tobytes())


def thumb_squares(boxes_xyxy: FloatArray, width: int, height: int) -> NDArray[np.int64]:
    """Left, top and side [n, 3] of padded squares around boxes [n, 4], moved inside a frame of this size."""
    boxes = boxes_xyxy.astype(np.float64)
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    side = np.minimum(np.rint(longer * (1 + 2 * THUMB_PAD)), min(width, height))
    centred = np.rint((boxes[:, :2] + boxes[:, 2:] - side[:, None]) / 2)
    corner = np.minimum(np.maximum(centred, 0), np.array([width, height]) - side[:, None])
    return np.column_stack([corner, side]).astype(np.int64)


def _box(faces: Faces, index: int) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in faces.boxes_xyxy[index])
    return x1, y1, x2, y2


def _row(faces: Faces, index: int, pixels: _FacePixels, embedding: FloatArray) -> FaceRow:
    return FaceRow(
        _box(faces, index),
        faces.landmarks_xy[index],
        float(faces.scores[index]),
        embedding,
        pixels.measures,
        pixels.thumb_jpeg,
    )


def batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Frames in groups that models look at together."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
