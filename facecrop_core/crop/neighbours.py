"""Which crops hold another face of the same frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import BoolArray, FloatArray, IntArray

INSIDE_SHARE = 0.2
"""Share of another face's box that must lie inside a crop for that face to count as being in it."""


@dataclass(frozen=True)
class _Corners:
    """Rectangles' upper left and lower right corners, each [2, n]: one axis after the other."""

    low: FloatArray
    high: FloatArray


def pairs_within(groups: NDArray[Any]) -> Iterator[tuple[IntArray, IntArray]]:
    """Every pair of rows of one group, once, as batches (left rows, right rows)."""
    order: IntArray | None = None
    if np.any(groups[1:] < groups[:-1]):
        order = np.argsort(groups, kind="stable")
        groups = groups[order]
    left = np.arange(len(groups), dtype=np.int64)
    step = 1
    while True:  # in sorted rows, whoever has no mate `step` rows on has none further on either
        left = left[: np.searchsorted(left, len(groups) - step)]
        left = left[groups[left] == groups[left + step]]
        if not len(left):
            return
        right = left + step
        yield (left, right) if order is None else (order[left], order[right])
        step += 1


def holds_other_face(
    sample: NDArray[Any],
    boxes_xyxy: FloatArray,
    origin_xy: NDArray[np.float64],
    extent_wh: NDArray[np.float64],
    angle: NDArray[np.float64],
    min_other_share: float,
    asked: BoolArray | None = None,
) -> BoolArray:
    """Whether each crop holds another face of its sample: [n], false for rows that are not ``asked`` for.

    Another face counts where its box is at least ``min_other_share`` times as high as this face's, and at least a
    fifth of its box lies inside the crop. Other faces' boxes are taken to be turned as a turned crop is: only their
    middles are looked up in it.
    """
    boxes = _Corners(boxes_xyxy[:, :2].T.copy(), boxes_xyxy[:, 2:].T.copy())
    crop_low = origin_xy.T.astype(np.float32)
    crops = _Corners(crop_low, crop_low + extent_wh.T.astype(np.float32))
    wide, high = np.maximum(boxes.high - boxes.low, 0)
    turned = bool(angle.any())
    found = np.zeros(len(boxes_xyxy), np.bool_)
    for left, right in pairs_within(sample):
        for own, other in ((left, right), (right, left)):
            if asked is not None:
                own, other = own[asked[own]], other[asked[own]]
            shift = _shift_into_crops(own, other, crops, boxes, angle) if turned else np.zeros((2, 1), np.float32)
            x_shared = _shared(0, own, other, crops, boxes, shift)
            meets = x_shared > 0  # most pairs end here
            own, other, x_shared = own[meets], other[meets], x_shared[meets]
            y_shared = _shared(1, own, other, crops, boxes, shift[:, meets] if turned else shift)
            inside = (y_shared > 0) & (x_shared * y_shared >= INSIDE_SHARE * wide[other] * high[other])
            found[own[inside & (high[other] >= min_other_share * high[own])]] = True
    return found


def _shared(
    axis: int, own: IntArray, other: IntArray, crops: _Corners, boxes: _Corners, shift: FloatArray
) -> FloatArray:
    """How much of the others' boxes, moved by ``shift`` [2, m or 1], lies within the own crops on one axis."""
    low, high = boxes.low[axis, other] + shift[axis], boxes.high[axis, other] + shift[axis]
    return np.asarray(np.minimum(high, crops.high[axis, own]) - np.maximum(low, crops.low[axis, own]))


def _shift_into_crops(
    own: IntArray, other: IntArray, crops: _Corners, boxes: _Corners, angle: NDArray[np.float64]
) -> FloatArray:
    """By how much [2, m] boxes move when the frame is turned until the own crops are upright."""
    middle = (crops.low[:, own] + crops.high[:, own]) / 2
    x, y = (boxes.low[:, other] + boxes.high[:, other]) / 2 - middle
    cos, sin = np.cos(angle[own]), np.sin(angle[own])
    return np.asarray([x * (cos - 1) + y * sin, y * (cos - 1) - x * sin], np.float32)
