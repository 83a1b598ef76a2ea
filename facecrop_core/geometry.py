"""Arithmetic on boxes, landmarks and transforms. No pixels, no state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import Faces, FloatArray, IntArray

ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Where ArcFace's aligned 112-pixel chip has the five points (InsightFace, MIT)."""


def similarity_fit(source_xy: FloatArray, target_xy: FloatArray) -> FloatArray:
    """The 2 × 3 matrix of rotation, uniform scale and shift that brings points [n, 2] nearest to others [n, 2].

    Least squares without reflection: S. Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns", IEEE PAMI 13(4), 1991, in its closed form for two dimensions.
    """
    matrix = similarity_fits(np.asarray(source_xy)[None], target_xy)[0]
    if not np.isfinite(matrix).all():
        raise ValueError("similarity_fit needs at least two different points")
    return np.asarray(matrix, np.float32)


def similarity_fits(source_xy: NDArray[np.floating], target_xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """``similarity_fit`` for many faces at once: [m, n, 2] to [n, 2] gives [m, 2, 3]; NaN where all points are one."""
    source, target = np.asarray(source_xy, np.float64), np.asarray(target_xy, np.float64)
    source_mean, target_mean = source.mean(axis=1), target.mean(axis=0)
    s, t = source - source_mean[:, None], target - target_mean
    spread = (s**2).sum(axis=(1, 2))
    spread[spread < 1e-12] = np.nan
    a = (s * t).sum(axis=(1, 2)) / spread
    b = (s[..., 0] * t[:, 1] - s[..., 1] * t[:, 0]).sum(axis=1) / spread
    linear = np.stack([np.stack([a, -b], axis=1), np.stack([b, a], axis=1)], axis=1)
    shift = target_mean - np.einsum("mij,mj->mi", linear, source_mean)
    return np.concatenate([linear, shift[..., None]], axis=2)


def apply_matrix(matrix: NDArray[np.floating], points_xy: FloatArray) -> FloatArray:
    """Points [..., 2] after a 2 × 3 matrix."""
    return np.asarray(points_xy @ matrix[:, :2].T + matrix[:, 2], np.float32)


def invert_matrix(matrix: NDArray[np.floating]) -> FloatArray:
    """The 2 × 3 matrix that undoes a 2 × 3 matrix."""
    inverse = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.hstack([inverse, -(inverse @ matrix[:, 2])[:, None]]).astype(np.float32)


def box_sides(boxes_xyxy: FloatArray) -> FloatArray:
    """Widths and heights [n, 2], never negative."""
    return np.asarray(np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0), np.float32)


def iou_matrix(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Intersection over union of boxes [n, 4] with boxes [m, 4]: [n, m]."""
    top_left = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    bottom_right = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    both = np.prod(np.maximum(bottom_right - top_left, 0), axis=2)
    area_a, area_b = np.prod(box_sides(a_xyxy), axis=1), np.prod(box_sides(b_xyxy), axis=1)
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None, :] - both, 1e-9), np.float32)


def concatenate_faces(parts: Sequence[Faces]) -> Faces:
    """Faces of several lists over one picture, one list after the other."""
    return Faces(
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.landmarks_xy for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def join_faces(parts: Sequence[Faces], overlap: float) -> Faces:
    """Faces of several passes over one picture, best score first, without those that overlap a better one."""
    faces = concatenate_faces(parts)
    return faces[suppress_overlaps(faces.boxes_xyxy, faces.scores, overlap)]


def suppress_overlaps(boxes_xyxy: FloatArray, scores: FloatArray, overlap: float) -> IntArray:
    """Greedy non-maximum suppression: positions of the boxes to keep, best score first.

    A box is dropped when it overlaps a better one by more than ``overlap`` (IoU, with InsightFace's inclusive pixels).
    """
    order = np.argsort(-scores, kind="stable")
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2] + 1
    areas = sides[:, 0] * sides[:, 1]
    keep = []
    while len(order):
        first, rest = order[0], order[1:]
        keep.append(int(first))
        top_left = np.maximum(boxes_xyxy[first, :2], boxes_xyxy[rest, :2])
        bottom_right = np.minimum(boxes_xyxy[first, 2:], boxes_xyxy[rest, 2:])
        both = np.prod(np.maximum(bottom_right - top_left + 1, 0), axis=1)
        order = rest[both <= overlap * (areas[first] + areas[rest] - both)]
    return np.array(keep, np.int64)
