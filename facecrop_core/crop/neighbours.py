"""Which crops hold another face of the same frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import BoolArray, FloatArray, IntArray

INSIDE_SHARE = 0.2
"""Share of another face's box that must lie inside a crop for that face to count as being in it."""


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
    origin_xy: IntArray,
    side: IntArray,
    min_other_share: float,
    asked: BoolArray | None = None,
) -> BoolArray:
    """Whether each crop holds another face of its sample: [n], false for rows that are not ``asked`` for.

    Another face counts where its box is at least ``min_other_share`` times as high as this face's, and at least a
    fifth of its box lies inside the crop.
    """
    box_low, box_high = boxes_xyxy[:, :2].T.copy(), boxes_xyxy[:, 2:].T.copy()
    crop_low = origin_xy.T.astype(np.float32)
    crop_high = crop_low + side.astype(np.float32)
    wide, high = np.maximum(box_high - box_low, 0)
    found = np.zeros(len(boxes_xyxy), np.bool_)
    for left, right in pairs_within(sample):
        for own, other in ((left, right), (right, left)):
            if asked is not None:
                own, other = own[asked[own]], other[asked[own]]
            x_shared = np.minimum(box_high[0, other], crop_high[0, own]) - np.maximum(
                box_low[0, other], crop_low[0, own]
            )
            meets = x_shared > 0  # most pairs end here
            own, other, x_shared = own[meets], other[meets], x_shared[meets]
            y_shared = np.minimum(box_high[1, other], crop_high[1, own]) - np.maximum(
                box_low[1, other], crop_low[1, own]
            )
            inside = (y_shared > 0) & (x_shared * y_shared >= INSIDE_SHARE * wide[other] * high[other])
            found[own[inside & (high[other] >= min_other_share * high[own])]] = True
    return found
