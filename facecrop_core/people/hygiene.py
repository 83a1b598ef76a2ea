"""Which references are good enough, and how far each can be trusted.

After frigate's rules for face libraries, with its numbers.
"""

from __future__ import annotations

import cv2
import numpy as np

from facecrop_core.pixels import resize_to
from facecrop_core.records import BoolArray, Calibration, FloatArray, Image
from facecrop_core.similarity import similarity_matrix

CHIP_PX = 112
BLUR_PENALTIES = ((120.0, 0.06), (160.0, 0.04), (200.0, 0.02), (250.0, 0.01))
"""Below this variance of the Laplacian at the aligned chip of 112 pixels, so much confidence is lost."""
LEAST_FOR_OUTLIERS = 5
TRIM_SHARE = 0.15
LEAST_KEPT_SHARE = 0.7
TWIN_COSINE_SHARE = 0.04
"""Twins are at most this share of the matching distance apart: a cosine of 0.98 where ArcFace models match at 0.50."""
SMALL_FACE_PX = 32.0


def blur_confidence(chip: Image) -> float:
    """Confidence, 1 or a little less, of an aligned face by its sharpness."""
    small = chip if len(chip) == CHIP_PX else resize_to(chip, CHIP_PX, CHIP_PX)
    variance = float(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
    return 1 - next((penalty for least, penalty in BLUR_PENALTIES if variance < least), 0.0)


def outliers(vectors: FloatArray, calibration: Calibration) -> BoolArray:
    """Which of one person's references [k, d] show somebody else, most likely.

    With five or more, those are dropped again and again that are too unlike the mean of the others, of which each
    dimension's largest and smallest 15 % are left out. Too unlike is one step, from match to unsure, below unsure: a
    cosine of 0.30 where a model matches at 0.50 and is unsure from 0.40 on. At least 70 % stay.
    """
    dropped = np.zeros(len(vectors), np.bool_)
    if len(vectors) < LEAST_FOR_OUTLIERS:
        return dropped
    least = 2 * calibration.unsure - calibration.match
    spare = len(vectors) - int(np.ceil(LEAST_KEPT_SHARE * len(vectors)))
    while True:
        alike = similarity_matrix(vectors, _trimmed_mean(vectors[~dropped], calibration)[None], calibration.metric)[
            :, 0
        ]
        unlike = np.flatnonzero(~dropped & (alike < least))
        worst = unlike[np.argsort(alike[unlike], kind="stable")][: spare - int(dropped.sum())]
        if not len(worst):
            return dropped
        dropped[worst] = True


def _trimmed_mean(vectors: FloatArray, calibration: Calibration) -> FloatArray:
    cut = int(TRIM_SHARE * len(vectors))
    mean = np.sort(vectors, axis=0)[cut : len(vectors) - cut].mean(axis=0)
    if calibration.metric == "cosine":
        mean /= max(float(np.linalg.norm(mean)), 1e-12)
    return np.asarray(mean, np.float32)


def twins(vectors: FloatArray, calibration: Calibration) -> list[int]:
    """For each of one person's references [k, d] the first one that it only repeats, else −1."""
    share = TWIN_COSINE_SHARE if calibration.metric == "cosine" else float(np.sqrt(TWIN_COSINE_SHARE))
    least = 1 - share * (1 - calibration.match)  # a Euclidean distance goes with the root of a cosine one
    alike = similarity_matrix(vectors, vectors, calibration.metric)
    first = [-1] * len(vectors)
    for later in range(len(vectors)):
        near = [i for i in range(later) if first[i] < 0 and alike[later, i] >= least]
        first[later] = near[0] if near else -1
    return first
