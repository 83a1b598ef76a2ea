"""Where crops lie: what the stages crop, select and export share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import FloatArray, IntArray


@dataclass(frozen=True)
class CropPlan:
    """Where each face's crop lies: one row per face of the table.

    A crop is a rectangle of ``extent_wh`` source pixels, float64 [n, 2], whose upright place has its top left corner at
    ``origin_xy``, float64 [n, 2] (negative where padded; pixel i reaches from i to i + 1), turned clockwise about its
    centre by ``angle``, float64 [n] in radians, and scaled to ``size_wh`` pixels, int64 [n, 2]. Rectangles that are not
    placed by landmarks stand upright on whole pixels. ``pad_share`` float32 [n] is how far the crop reaches over the
    frame's worst edge ÷ its shorter side; ``face_share`` is the face's longer side ÷ the crop's longer side;
    ``upscale`` is output ÷ source size.
    """

    origin_xy: NDArray[np.float64]
    extent_wh: NDArray[np.float64]
    angle: NDArray[np.float64]
    size_wh: IntArray
    pad_share: FloatArray
    face_share: FloatArray
    upscale: FloatArray
    reasons: NDArray[np.int8]
    """Why a crop cannot be framed as asked (edge policy, another face inside): positions in ``REASONS``, 0 for none."""

    @property
    def side(self) -> NDArray[np.float64]:
        """The shorter side [n] in source pixels."""
        return np.minimum(self.extent_wh[:, 0], self.extent_wh[:, 1])

    def matrix(self, row: int) -> NDArray[np.float64]:
        """The 2 × 3 matrix from source pixels to the crop's, both counted at pixels' centres as OpenCV does."""
        cos, sin = np.cos(self.angle[row]), np.sin(self.angle[row])
        linear = (self.size_wh[row] / self.extent_wh[row])[:, None] * np.array([[cos, sin], [-sin, cos]])
        centre = self.origin_xy[row] + self.extent_wh[row] / 2 - 0.5
        return np.hstack([linear, ((self.size_wh[row] - 1) / 2 - linear @ centre)[:, None]])
