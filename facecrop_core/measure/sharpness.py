"""How sharp a face is, measured at one size so that resolution alone does not decide."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def sharpness(face_grey: NDArray[np.uint8]) -> dict[str, float]:
    """Laplacian and Tenengrad sharpness of a face's grey pixels at the fixed measuring size.

    ``laplacian``: variance of the Laplacian (J. L. Pech-Pacheco et al., ICPR 2000). ``tenengrad``: mean squared Sobel
    gradient (E. Krotkov, "Focusing", IJCV 1987).
    """
    laplacian = cv2.Laplacian(face_grey, cv2.CV_32F)
    gradient_x = cv2.Sobel(face_grey, cv2.CV_32F, 1, 0, ksize=3)
    gradient_y = cv2.Sobel(face_grey, cv2.CV_32F, 0, 1, ksize=3)
    return {
        "laplacian": float(laplacian.var()),
        "tenengrad": float(np.mean(gradient_x * gradient_x + gradient_y * gradient_y)),
    }
