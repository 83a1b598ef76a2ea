"""Videos: probing, sampling plans, and reading frames through a decoding child process."""

from facecrop_core.video.probe import probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import RatePlan, TimesPlan

__all__ = ["RatePlan", "TimesPlan", "VideoReader", "probe"]
