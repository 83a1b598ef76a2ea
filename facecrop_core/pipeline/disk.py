"""A full disk: foreseen before a run where possible, waited for during it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from facecrop_core.errors import DiskFullError
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.records import Video
from facecrop_core.settings import Settings

RETRY_SECONDS = 3.0
FLOOR_BYTES = 200_000_000
BYTES_PER_SAMPLE = 12_000
"""A sample with one face: its row and small picture, a thumbnail, an embedding and the measures."""
BYTES_PER_PIXEL = {"png": 1.8, "jpeg": 0.5, "webp": 0.4, "avif": 0.3}

T = TypeVar("T")


class DiskPatience:
    """Does what writes to the disk; while the disk is full, says so and tries again until there is room.

    Whatever it is given must be safe to do again. With ``disk_full = stop`` the error ends the run instead.
    """

    def __init__(self, settings: Settings, watch: Watch, video_name: str = "") -> None:
        self._waits = settings.runtime.disk_full == "wait"
        self._watch, self._video_name = watch, video_name

    def __call__(self, write: Callable[[], T]) -> T:
        """Raises DiskFullError where the run is not to wait, CancelledError when it is stopped while it waits."""
        said = False
        while True:
            try:
                return write()
            except DiskFullError as error:
                if not self._waits:
                    raise
                if not said:
                    text = f"{error.message} The run waits: free some space, and it goes on by itself."
                    self._watch.send(Note("warning", text))
                    self._watch.send(Progress("paused", self._video_name))
                    said = True
            until = time.monotonic() + RETRY_SECONDS
            while time.monotonic() < until:
                self._watch.check_cancelled()
                time.sleep(min(0.1, RETRY_SECONDS))


def warn_of_little_space(folder: Path, needed_bytes: float, watch: Watch) -> None:
    """Say before a run that the disk may be too small for it. It begins all the same: the estimate may be wrong."""
    needed, free = max(needed_bytes, FLOOR_BYTES), shutil.disk_usage(folder).free
    if free < needed:
        text = f"Only {free / 1e6:.0f} MB are free at {folder}, and about {needed / 1e6:.0f} MB may be needed."
        watch.send(Note("warning", text))


def scan_bytes(video: Video, settings: Settings) -> float:
    """About what the scan of a video stores, with one face in every sample."""
    return (video.duration_seconds or 0) * settings.sampling.fps * BYTES_PER_SAMPLE


def export_bytes(crops: int, settings: Settings) -> float:
    """About what so many crops take."""
    return crops * settings.framing.size**2 * BYTES_PER_PIXEL[settings.export.image_format]
