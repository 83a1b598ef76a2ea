"""Where each face's crop lies, and its pixels."""

from facecrop_core.crop.framing import frame_crops
from facecrop_core.crop.render import render_crop

__all__ = ["frame_crops", "render_crop"]
