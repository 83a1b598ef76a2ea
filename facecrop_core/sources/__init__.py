"""From what a user names to the videos on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facecrop_core.errors import SourceError

_ENDINGS = "mp4 m4v mov mkv webm avi ts m2ts mts mpg mpeg wmv flv ogv 3gp h264 hevc"
VIDEO_SUFFIXES = frozenset(f".{ending}" for ending in _ENDINGS.split())


def find_videos(paths: Sequence[Path]) -> list[Path]:
    """Videos in the order given; a folder stands for the videos in it and below it, sorted by path.

    Raises:
        SourceError: a path does not exist, or a folder holds no video.
    """
    videos: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(
                p
                for p in path.rglob("*")
                if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file() and not p.name.startswith(".")
            )
            if not found:
                known = " ".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))
                raise SourceError(f"The folder {path} holds no video.", f"Files with these endings are taken: {known}.")
            videos += found
        elif path.exists():
            videos.append(path)
        else:
            raise SourceError(f"There is no file {path}.", "Check the path.")
    return list(dict.fromkeys(videos))
