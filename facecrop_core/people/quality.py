"""How far a face can be trusted to show who it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import FloatArray

ELIGIBLE = 0.5
"""Quality from which a face counts as evidence of who it is."""
FAINT = 0.2
"""Quality from which a face still tells one track from another; below it, embeddings show darkness or blur."""

_RAMPS: dict[str, tuple[float, float, float]] = {
    "laplacian": (0.0, 5.0, 40.0),
    "contrast": (0.0, 12.0, 30.0),
    "yaw": (120.0, 60.0, 30.0),
    "pitch": (90.0, 45.0, 25.0),
}
"""Where a measure makes a face worthless (0), just eligible (0.5) and good (1). The borders of contrast, size, and the
share inside the frame are those of InsightFace PrivateFrame, and a Laplacian of 5 at the measuring size is what a sharp
face of its smallest size, 32 pixels, has; those of pose lie a bit beyond what is called usable (40 to 45 degrees)."""
_SIDE_PX = (12.0, 32.0, 64.0)
_SHARE_INSIDE = (0.3, 0.55, 0.9)
_SCORE_BEYOND_THRESHOLD = (-0.25, 0.0, 0.25)


def face_quality(columns: Mapping[str, NDArray[Any]], det_thresh: float) -> FloatArray:
    """Quality of faces for identity, float32 [n] in 0 … 1, from a face table's columns: the weakest point decides.

    Looked at are the box's shorter side (x1, y1, x2, y2 in pixels), ``det_score`` against the detector's own threshold,
    and, where the columns are there and not NaN: ``laplacian``, ``contrast``, ``yaw`` and ``pitch`` in degrees, and
    ``border_px`` (negative where the box reaches outside the frame). ``ELIGIBLE`` is reached where no measure fails.
    """
    side = np.minimum(columns["x2"] - columns["x1"], columns["y2"] - columns["y1"])
    parts = [_ramp(side, _SIDE_PX), _ramp(columns["det_score"] - det_thresh, _SCORE_BEYOND_THRESHOLD)]
    parts += [_ramp(np.abs(columns[name]), ramp) for name, ramp in _RAMPS.items() if name in columns]
    if "border_px" in columns:
        inside = 1 + np.minimum(columns["border_px"], 0) / np.maximum(side, 1)
        parts.append(_ramp(inside, _SHARE_INSIDE))
    return np.asarray(np.min(parts, axis=0), np.float32)


def _ramp(values: NDArray[Any], points: tuple[float, float, float]) -> NDArray[Any]:
    """0, 0.5 and 1 at three rising or falling points, straight in between; not measured is no fault."""
    order = slice(None) if points[0] < points[2] else slice(None, None, -1)
    heights = (0.0, 0.5, 1.0)
    return np.asarray(np.nan_to_num(np.interp(values, points[order], heights[order]), nan=1.0))
