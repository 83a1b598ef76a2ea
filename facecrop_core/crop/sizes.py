"""How large crops are written."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facecrop_core.crop.regions import Regions
from facecrop_core.records import IntArray
from facecrop_core.settings.framing import FramingSettings

BUCKET_STEP_PX = 64


def output_sizes(extent_wh: NDArray[np.float64], settings: FramingSettings) -> IntArray:
    """Width and height [n, 2] of the files, of crops of these sides in source pixels."""
    if settings.sizing == "native":
        size = extent_wh
    elif settings.sizing == "bucket":
        buckets = training_buckets(settings.size)
        size = buckets[nearest_bucket(extent_wh, buckets)].astype(np.float64)
    else:
        size = settings.size * (extent_wh / np.maximum(extent_wh[:, :1], extent_wh[:, 1:]))
    return np.maximum(np.floor(size + 0.5), 1).astype(np.int64)


@cache
def training_buckets(size: int) -> IntArray:
    """Widths and heights [m, 2], multiples of 64, of at most ``size`` × ``size`` pixels, from half to twice the size.

    As kohya's sd-scripts make them (``make_bucket_resolutions``).
    """
    step, area = BUCKET_STEP_PX, max(size, BUCKET_STEP_PX) ** 2
    least, most = max(size // 2 // step, 1) * step, max(2 * size // step, 1) * step
    square = max(size // step, 1) * step
    found = {(square, square)}
    for width in range(least, most + 1, step):
        height = min(area // width // step * step, most)
        if height >= least:
            found |= {(width, height), (height, width)}
    return np.array(sorted(found), np.int64)


def nearest_bucket(extent_wh: NDArray[np.float64], buckets: IntArray) -> IntArray:
    """Which bucket's shape is nearest, [n]; of equally near ones the largest."""
    shapes = buckets[:, 0] / buckets[:, 1]
    off = np.abs(np.log(extent_wh[:, 0] / extent_wh[:, 1])[:, None] - np.log(shapes))
    return np.asarray(np.argmin(off - 1e-9 * np.prod(buckets, axis=1) / buckets.max() ** 2, axis=1))


def cut_to_bucket(regions: Regions, size: int) -> Regions:
    """Regions of exactly their bucket's shape: what is too much on one axis is cut off evenly."""
    buckets = training_buckets(size)
    bucket = buckets[nearest_bucket(regions.extent_wh, buckets)]
    scale = np.min(regions.extent_wh / bucket, axis=1, keepdims=True)
    cut = replace(regions, extent_wh=bucket * scale)
    return cut if regions.aligned else cut.rounded()
