"""Videos: probing, sampling plans, and reading frames through a decoding child process."""

from facecrop_core.video.headers import video_from_json, video_to_json
from facecrop_core.video.probe import fingerprint, probe
from facecrop_core.video.reader import VideoReader
from facecrop_core.video.ring import Area
from facecrop_core.video.sampling import (
    KeyframesPlan,
    Plan,
    RatePlan,
    Timeline,
    TimesPlan,
    keyframes_plan,
    sections_plan,
    shots_plan,
    spread,
    step_plan,
)
from facecrop_core.video.spans import SpansPlan
from facecrop_core.video.timeline import read_timeline

__all__ = [
    "Area",
    "KeyframesPlan",
    "Plan",
    "RatePlan",
    "SpansPlan",
    "Timeline",
    "TimesPlan",
    "VideoReader",
    "fingerprint",
    "keyframes_plan",
    "probe",
    "read_timeline",
    "sections_plan",
    "shots_plan",
    "spread",
    "step_plan",
    "video_from_json",
    "video_to_json",
]
