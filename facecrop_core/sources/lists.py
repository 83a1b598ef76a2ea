"""Lists of videos: a text file with one path, pattern or link on each line."""

from __future__ import annotations

import codecs
from pathlib import Path

from facecrop_core.errors import SourceError
from facecrop_core.names import readable

MOST_BYTES = 16 << 20
QUOTES = "\"'"


def read_list(path: Path) -> list[tuple[int, str]]:
    """(line number from 1, entry) of each line that is neither empty nor a comment, which begins with ``#``.

    Line ends of Windows, a byte order mark and quotes around an entry are taken in; bytes that are no UTF-8 stay what
    they are, so that any file can be named.

    Raises:
        SourceError: it cannot be read, is far too large for a list, or names nothing.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(
                f"{readable(path)} is too large for a list of videos.", "Name a video, or a shorter list."
            )
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{readable(path)} cannot be read ({error.strerror}).", "Check the file.") from error
    entries = [
        (number, _unquoted(line.strip()))
        for number, line in enumerate(_decode(data).replace("\r\n", "\n").split("\n"), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not entries:
        raise SourceError(f"{readable(path)} names no video.", "Write one path or link on each line.")
    if any("\0" in entry for _, entry in entries):
        raise SourceError(f"{readable(path)} is no list of videos.", "A list is plain text with one path on each line.")
    return entries


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _unquoted(entry: str) -> str:
    if len(entry) >= 2 and entry[0] == entry[-1] and entry[0] in QUOTES:
        return entry[1:-1]
    return entry
