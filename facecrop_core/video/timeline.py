"""When the frames of a video are shown."""

from __future__ import annotations

from array import array

from facecrop_core.records import Video
from facecrop_core.video.child import TimelineJob
from facecrop_core.video.container import display_name
from facecrop_core.video.process import Question
from facecrop_core.video.sampling import Timeline


def read_timeline(video: Video) -> Timeline:
    """The times of all frames, found in a child process from the packets, or by decoding where these do not tell.

    Raises:
        SourceError: the file cannot be opened. DecodeError: the child crashed, hung or failed.
    """
    times, keyframes, from_packets = Question(TimelineJob(video), display_name(video.path)).answer()
    return Timeline(array("d", times), array("d", keyframes), bool(from_packets))
