"""Where one shot ends and the next begins, told from the small grey picture kept of each sample."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import IntArray

CUT_DIFFERENCE = 25.0
"""Mean absolute grey difference (0 to 255) from which neighbouring samples may lie on both sides of a cut."""
CUT_RATIO = 3.0
"""How many times the usual difference of its neighbourhood a cut's difference must be."""
NEIGHBOURHOOD = 8
"""Samples before and after that say what is usual."""


def number_shots(signatures: NDArray[np.uint8]) -> IntArray:
    """The shot that each sample belongs to, counted from 0.

    ``signatures`` is uint8 [samples, pixels]. A cut is a difference of at least CUT_DIFFERENCE that is CUT_RATIO times
    the median of its neighbourhood (after InsightFace PrivateFrame's model-free cut test).
    """
    if len(signatures) < 2:
        return np.zeros(len(signatures), np.int64)
    differences = np.array([np.abs(a.astype(np.int16) - b).mean() for a, b in itertools.pairwise(signatures)])
    cuts = np.zeros(len(signatures), bool)
    for i in np.flatnonzero(differences >= CUT_DIFFERENCE):
        around = np.concatenate(
            [differences[max(i - NEIGHBOURHOOD, 0) : i], differences[i + 1 : i + 1 + NEIGHBOURHOOD]]
        )
        cuts[i + 1] = not len(around) or differences[i] >= CUT_RATIO * np.median(around)
    return np.cumsum(cuts).astype(np.int64)
