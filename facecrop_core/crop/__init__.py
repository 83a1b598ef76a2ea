"""Where each face's crop lies, and its pixels."""

from facecrop_core.crop.framing import STYLES, frame_crops
from facecrop_core.crop.render import render_crop, render_mask

__all__ = ["STYLES", "frame_crops", "render_crop", "render_mask"]
