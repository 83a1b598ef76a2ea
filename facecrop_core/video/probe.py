"""What a video is, without reading it through."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from facecrop_core.errors import DecodeError, SourceError
from facecrop_core.records import Video
from facecrop_core.video.child import ProbeJob
from facecrop_core.video.container import check_readable, display_name
from facecrop_core.video.headers import video_from_json
from facecrop_core.video.images import IMAGES, at_rate, fingerprint_images
from facecrop_core.video.process import Question

BLOCK_BYTES, BLOCKS = 1 << 20, 16
WATCHDOG_SECONDS = 30.0


def probe(path: Path, *, image_fps: float = 1.0, watchdog_seconds: float = WATCHDOG_SECONDS) -> Video:
    """Read a video's headers and its first frame, in a child process with limits.

    Args:
        path: a file, or a folder of images that counts as a video with ``image_fps`` frames per second.

    Raises:
        SourceError: missing, empty, not a video, without a picture stream, or nothing in it can be decoded; or the
            decoder crashed or hung on it, or wanted too much memory.
    """
    if not path.is_dir():
        check_readable(path)
    question = Question(ProbeJob(path), display_name(path), watchdog_seconds)
    video_id = fingerprint(path)  # while the child starts
    try:
        video = dataclasses.replace(video_from_json(question.answer()), path=path, video_id=video_id)
    except DecodeError as error:
        raise SourceError(error.message, error.hint) from error
    return at_rate(video, image_fps) if video.codec == IMAGES else video


def fingerprint(path: Path) -> str:
    """BLAKE2b-128 as hex of a file's size and sixteen evenly spread 1 MiB blocks; of all of it where it is smaller.

    For a folder of images, see ``fingerprint_images``.
    """
    if path.is_dir():
        return fingerprint_images(path)
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        for block in range(BLOCKS):
            if size > BLOCK_BYTES * BLOCKS:
                file.seek((size - BLOCK_BYTES) * block // (BLOCKS - 1))
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()
