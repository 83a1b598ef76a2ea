"""Which of a site's formats is fetched: the best AVC picture as MP4 within the limits, else the best other one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Format = Mapping[str, Any]
PROTOCOLS = ("https", "http", "m3u8_native", "http_dash_segments")
"""Those that yt-dlp's own code downloads through Python's sockets; the best to go on with after a break comes first."""


class NoFormatError(Exception):
    """No format keeps the limits; the message says what there is."""


def choose_picture(
    formats: Sequence[Format], max_height: int | None, min_height: int | None, with_sound: bool
) -> Format:
    """The format to fetch.

    Raises:
        NoFormatError: there is none, or none within the limits.
    """
    pictures = [f for f in formats if _usable(f) and f.get("vcodec") != "none" and f.get("ext") != "mhtml"]
    if not pictures:
        raise NoFormatError("It offers no video that can be fetched.")
    within = [f for f in pictures if max_height is None or (f.get("height") or 0) <= max_height]
    if not within:
        lowest = min(f["height"] for f in pictures)
        raise NoFormatError(f"Its smallest picture is {lowest} px high, more than --max-height {max_height}.")
    high_enough = [f for f in within if min_height is None or (f.get("height") or min_height) >= min_height]
    if not high_enough:
        best = max(f["height"] for f in within)
        raise NoFormatError(f"Its best picture is {best} px high, less than --min-height {min_height}.")

    def rank(f: Format) -> tuple[Any, ...]:
        codec = str(f.get("vcodec") or "")
        avc = codec.startswith(("avc", "h264")) or (not codec and f.get("ext") == "mp4")
        has_sound = f.get("acodec") not in (None, "none")
        protocol = -PROTOCOLS.index(f["protocol"])
        size = f.get("height") or 0, f.get("fps") or 0
        return avc, f.get("ext") == "mp4", size, has_sound == with_sound, protocol, f.get("tbr") or 0

    return max(high_enough, key=rank)


def choose_sound(formats: Sequence[Format]) -> Format | None:
    """The best sound of its own that fits into an MP4, or None."""
    sounds = [f for f in formats if _usable(f) and f.get("vcodec") == "none" and f.get("ext") in ("m4a", "mp4")]
    return max(sounds, key=lambda f: f.get("tbr") or f.get("abr") or 0, default=None)


def _usable(f: Format) -> bool:
    return bool(f.get("url")) and f.get("protocol") in PROTOCOLS and not f.get("has_drm")
