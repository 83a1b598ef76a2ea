"""Where a face lies in its frame."""

from __future__ import annotations


def placement(box_xyxy: tuple[float, float, float, float], frame_width: int, frame_height: int) -> dict[str, float]:
    """Share of the frame's area that the box takes, and its distance to the nearest border in source pixels.

    The distance is negative where the box reaches outside.
    """
    x1, y1, x2, y2 = box_xyxy
    area = max(x2 - x1, 0.0) * max(y2 - y1, 0.0)
    return {
        "frame_share": area / (frame_width * frame_height),
        "border_px": min(x1, y1, frame_width - x2, frame_height - y2),
    }
