"""Videos: probing, sampling plans, and reading frames through a decoding child process."""

from facecrop_core.video.bars import find_picture
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
    spread,
    step_plan,
)
from facecrop_core.video.shots import Shot, find_shots
from facecrop_core.video.spans import SpansPlan
from facecrop_core.video.timeline import read_timeline

__all__ = [
    "Area",
    "KeyframesPlan",
    "Plan",
    "RatePlan",
    "Shot",
    "SpansPlan",
    "Timeline",
    "TimesPlan",
    "VideoReader",
    "find_picture",
    "find_shots",
    "fingerprint",
    "keyframes_plan",
    "probe",
    "read_timeline",
    "sections_plan",
    "spread",
    "step_plan",
    "video_from_json",
    "video_to_json",
]
