"""How a face is lit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exposure(face_grey: NDArray[np.uint8]) -> dict[str, float]:
    """Mean brightness, its 5th and 95th percentile (0 to 255), and contrast (standard deviation)."""
    low, high = np.percentile(face_grey, (5, 95))
    return {
        "brightness": float(face_grey.mean()),
        "brightness_p5": float(low),
        "brightness_p95": float(high),
        "contrast": float(face_grey.std()),
    }
