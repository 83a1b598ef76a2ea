"""Choosing, while a video is looked at, which faces of each track are worth an embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import iou_matrix
from facecrop_core.records import BoolArray, FloatArray

SECONDS_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PickRules:
    """When a face of a track is chosen: the first one, then one in so many seconds, and whenever one is better.

    Where it is not sure that a face goes on, it begins a track of its own, and so is chosen: that costs an embedding,
    but another person in the same place would go unnoticed.
    """

    least_iou: float = 0.5
    """Between neighbouring samples; 97 % of a face's own are above it at 8 samples a second."""
    most_change: float = 8.0
    """Mean absolute grey difference (0 to 255) of neighbouring samples from which there may be a cut between them."""
    most_seconds: float = 1.0
    least_gain: float = 1.3
    """How many times the best quality so far a face's quality has to be."""


class FacePicker:
    """Follows faces from sample to sample by their boxes alone. It must be shown every sample, in the order of time.

    What it chooses depends only on what it was shown since the last sample without a face.
    """

    def __init__(self, rules: PickRules | None = None) -> None:
        self._rules = rules or PickRules()
        self._signature = b""
        self._boxes = np.zeros((0, 4), np.float32)
        self._chosen_at, self._best = np.zeros(0), np.zeros(0)

    def pick(self, time_seconds: float, signature: bytes, boxes_xyxy: FloatArray, quality: FloatArray) -> BoolArray:
        """Which of a sample's faces [n] are chosen. A quality that is not known is NaN."""
        before = self._partners(signature, boxes_xyxy)
        known = before >= 0
        chosen_at, best = np.full(len(before), -np.inf), np.zeros(len(before))
        chosen_at[known], best[known] = self._chosen_at[before[known]], self._best[before[known]]
        due = time_seconds - chosen_at >= self._rules.most_seconds - SECONDS_TOLERANCE
        chosen = due | (quality > 0) & (quality >= self._rules.least_gain * best)
        self._boxes = boxes_xyxy
        self._chosen_at = np.where(chosen, time_seconds, chosen_at)
        self._best = np.where(chosen, np.fmax(best, quality), best)
        return np.asarray(chosen, np.bool_)

    def _partners(self, signature: bytes, boxes_xyxy: FloatArray) -> NDArray[np.int64]:
        """For each face the one of the sample before that it overlaps most, or −1; each has one partner at most."""
        partners = np.full(len(boxes_xyxy), -1, np.int64)
        pictures = self._signature, signature
        self._signature = signature
        if not len(self._boxes) or not len(boxes_xyxy) or _change(*pictures) >= self._rules.most_change:
            return partners
        overlap = iou_matrix(self._boxes, boxes_xyxy)
        while overlap.max() >= self._rules.least_iou:
            before, face = (int(v) for v in np.unravel_index(int(overlap.argmax()), overlap.shape))
            partners[face] = before
            overlap[before, :] = overlap[:, face] = -1
        return partners


def _change(before: bytes, after: bytes) -> float:
    a, b = np.frombuffer(before + after, np.uint8).reshape(2, -1).astype(np.int16)
    return float(np.abs(a - b).mean())
