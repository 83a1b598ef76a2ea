"""Faces that were spoken of, found again in another scan: the same video, the same frame, nearly the same box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import box_sides
from facecrop_core.records import FloatArray, IntArray

SAME_BOX_IOU = 0.5
SAME_TIME_SECONDS = 1e-6
NOT_SAMPLED, NO_FACE = -1, -2

Why = Literal["not sampled there", "no face there", "no scan of this video"]


@dataclass(frozen=True)
class FaceKey:
    """A face of a scan, by what is the same in the next one. Boxes are pixels of the upright source frame."""

    face_id: str
    video_id: str
    time_seconds: float
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True)
class KeyColumns:
    """Keys of one video's faces as arrays: ``time_seconds`` float64 [n], ``boxes_xyxy`` float32 [n, 4]."""

    time_seconds: NDArray[np.float64]
    boxes_xyxy: FloatArray

    @classmethod
    def of(cls, times: Sequence[float], boxes: Sequence[Sequence[float]]) -> KeyColumns:
        return cls(np.asarray(times, np.float64), np.asarray(boxes, np.float32).reshape(len(times), 4))


def find_again(keys: KeyColumns, faces: KeyColumns, sample_times: NDArray[Any], half_frame_seconds: float) -> IntArray:
    """The row in ``faces`` of each key [n]; NOT_SAMPLED or NO_FACE where there is none.

    A key belongs to the sample nearest in time, less than half a frame away, and there to the face that overlaps it by
    an IoU of at least 0.5. The best pair goes first; no face takes two keys.

    Args:
        faces: in order of time, all at times in ``sample_times``.
        sample_times: of all samples, with faces or without, rising.
    """
    found = np.full(len(keys.time_seconds), NOT_SAMPLED, np.int64)
    if not len(sample_times) or not len(found):
        return found
    times = np.asarray(sample_times, np.float64)
    after = np.searchsorted(times, keys.time_seconds).clip(1, max(len(times) - 1, 1))
    before_is_nearer = keys.time_seconds - times[after - 1] <= times[after.clip(max=len(times) - 1)] - keys.time_seconds
    nearest = times[np.where(before_is_nearer, after - 1, after).clip(max=len(times) - 1)]
    sampled = np.abs(nearest - keys.time_seconds) < half_frame_seconds
    found[sampled] = NO_FACE
    first = np.searchsorted(faces.time_seconds, nearest - SAME_TIME_SECONDS)
    counts = np.searchsorted(faces.time_seconds, nearest + SAME_TIME_SECONDS) - first
    counts[~sampled] = 0
    key = np.repeat(np.arange(len(found)), counts)
    row = np.arange(len(key)) - np.repeat(np.cumsum(counts) - counts, counts) + first[key]
    overlap = paired_iou(keys.boxes_xyxy[key], faces.boxes_xyxy[row])
    order = np.argsort(-overlap, kind="stable")
    order = order[overlap[order] >= SAME_BOX_IOU]
    _pair_up(found, key[order], row[order])
    return found


def _pair_up(found: IntArray, key: IntArray, row: IntArray) -> None:
    """Give each key a row of its own: the pairs are in order, best first.

    In each round those pairs are taken that are the first of both their key and their row, which comes to the same as
    going through them one by one.
    """
    while len(key):
        first_of_key, first_of_row = np.zeros(len(key), np.bool_), np.zeros(len(key), np.bool_)
        first_of_key[np.unique(key, return_index=True)[1]] = True
        first_of_row[np.unique(row, return_index=True)[1]] = True
        taken = first_of_key & first_of_row
        found[key[taken]] = row[taken]
        left = ~np.isin(key, key[taken]) & ~np.isin(row, row[taken])
        key, row = key[left], row[left]


def paired_iou(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Intersection over union of boxes [n, 4] with their partners [n, 4]: [n]."""
    top_left = np.maximum(a_xyxy[:, :2], b_xyxy[:, :2])
    bottom_right = np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    both = np.prod(np.maximum(bottom_right - top_left, 0), axis=1)
    area_a, area_b = np.prod(box_sides(a_xyxy), axis=1), np.prod(box_sides(b_xyxy), axis=1)
    return np.asarray(both / np.maximum(area_a + area_b - both, 1e-9), np.float32)
