"""Files of a dataset: safe names, and logs that grow by whole lines."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from facecrop_core.files import writing

NAME_BYTES = 200
MASK_SUFFIX, SIDECAR_SUFFIX, CAPTION_SUFFIX = ".mask.png", ".json", ".txt"
BESIDE_SUFFIXES = (MASK_SUFFIX, SIDECAR_SUFFIX, CAPTION_SUFFIX)
"""What follows the name of a crop, without its own ending, in the files beside it."""
UNKNOWN = "unknown"
"""Folder of the crops of nobody in particular, beside those of several people."""
DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
SPLIT_WORDS = re.compile(
    r"(?<![^-._ 0-9])(?:train|training|valid|validation|val|dev|test|testing|eval|evaluation)(?![^-._ 0-9])"
)
"""Words in a folder's name that ``datasets`` takes for a split: whoever is called "dev" would end in another split."""


class LineFile:
    """A text file to which whole lines are appended, each of them at once."""

    def __init__(self, path: Path, header: str = "") -> None:
        self.path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            if self._file.tell() == 0:
                start = header
            else:
                with path.open("rb") as written:
                    written.seek(-1, os.SEEK_END)
                    start = "" if written.read(1) == b"\n" else "\n"  # somebody was killed in the middle of a line
            if start:
                self._write(start)

    def append(self, line: str) -> None:
        """Append a line that ends in a line feed.

        Raises:
            DiskFullError, OutputError: it could not be written; the file is as long as before.
        """
        with writing(self.path):
            self._write(line)

    def _write(self, text: str) -> None:
        data = text.encode("utf-8")
        before = os.fstat(self._file.fileno()).st_size
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(before)
            raise

    def close(self) -> None:
        self._file.close()


def beside(crop: Path, suffix: str) -> Path:
    """The file of that suffix beside a crop."""
    return crop.with_name(crop.stem + suffix)


def folder_names(persons: Iterable[str]) -> dict[str, str]:
    """A folder's name for each person: safe on every system, and no two alike even where case does not count."""
    taken, names = {UNKNOWN}, {}
    for person in sorted(set(persons)):
        base = safe_name(person)
        name, number = base, 2
        while name.casefold() in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name.casefold())
        names[person] = name
    return names


def safe_name(text: str) -> str:
    """A file name made of text: letters and digits of any script, and ``-._ ()'`` inside."""
    allowed = (c if c.isalnum() or unicodedata.category(c)[0] == "M" or c in "-._ ()'" else "_" for c in text)
    name = unicodedata.normalize("NFC", "".join(allowed)).strip(" ._-'()")
    name = name.encode("utf-8")[:NAME_BYTES].decode("utf-8", "ignore").rstrip(" .") or "person"
    name = SPLIT_WORDS.sub(lambda word: word.group().capitalize(), name)
    return f"{name}_" if DEVICE_NAMES.fullmatch(name) else name
