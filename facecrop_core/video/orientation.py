"""Display matrices: which turns and mirror make a decoded frame upright."""

from __future__ import annotations

import math
import struct

from facecrop_core.records import Image


def orientation_of(display_matrix: bytes) -> tuple[int, bool]:
    """(counter-clockwise quarter turns 0 to 3, mirrored left-right before them) of a raw display matrix.

    The matrix is nine native int32 and maps (x, y) to (a·x + c·y, b·x + d·y), y downwards (FFmpeg's display.h).
    An angle alone cannot tell a mirror from a turn, so the determinant's sign is read as well.
    """
    a, b, _, c, d = struct.unpack("=9i", display_matrix[:36])[:5]
    if a * d == b * c:
        return 0, False  # not a picture that can be shown; leave the frame alone
    # A left-right mirror leaves the y axis alone, so where that axis (c, d) goes is the turn.
    return round(math.atan2(c, d) / (math.pi / 2)) % 4, a * d < b * c


def turn_upright(plane: Image, quarter_turns: int, flipped: bool) -> Image:
    """A view of a plane [height, width, …] as it should be seen."""
    if flipped:
        plane = plane[:, ::-1]
    if quarter_turns == 1:
        return plane.swapaxes(0, 1)[::-1]
    if quarter_turns == 2:
        return plane[::-1, ::-1]
    if quarter_turns == 3:
        return plane.swapaxes(0, 1)[:, ::-1]
    return plane
