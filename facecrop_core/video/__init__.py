"""Videos: probing, sampling plans, and reading frames through a decoding child process."""

from facecrop_core.video.probe import fingerprint, probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.sampling import Plan, RatePlan, TimesPlan

__all__ = ["Plan", "RatePlan", "TimesPlan", "VideoReader", "fingerprint", "probe"]
