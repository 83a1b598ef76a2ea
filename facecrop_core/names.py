"""Names of files as text. On Linux a name may hold any bytes: line feeds, right-to-left marks, no UTF-8 at all."""

from __future__ import annotations

from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
"""Endings of the images that can be a video's frames."""


def utf8(name: str | Path) -> str:
    r"""A name as text that every table and database takes: bytes that are no UTF-8 read \xff, all else stays."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def readable(text: str | Path) -> str:
    """Text for a terminal or a log: whatever is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in utf8(text))
