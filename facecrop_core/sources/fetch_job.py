"""What the fetching child is told, and what it tells of each video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["fetched", "reused", "skipped", "failed"]


@dataclass(frozen=True)
class Allowance:
    """What tests let the child do beyond the public web. Only Python code can give it: no flag, setting or link."""

    addresses: tuple[tuple[str, int], ...] = ()
    """(address, port) pairs that may be reached."""
    extractors: tuple[str, ...] = ()
    """yt-dlp extractors as ``module:Class``."""


@dataclass(frozen=True)
class FetchJob:
    """One link, and the limits under which it is fetched."""

    url: str
    folder: Path
    max_height: int | None
    min_height: int | None
    keep_sound: bool
    playlist_most: int
    """So many videos of a playlist; 0 where playlists are not wanted."""
    max_bytes: int
    cookies: bytes | None
    allowance: Allowance


@dataclass(frozen=True)
class Fetched:
    """What became of one video behind a link."""

    outcome: Outcome
    title: str
    path: Path | None = None
    """The file; None where it was skipped or failed."""
    height: int | None = None
    reason: str = ""
    """Why it was skipped or failed, or what is to be said of it."""
    hint: str = ""
