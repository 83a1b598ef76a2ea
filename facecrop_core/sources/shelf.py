"""The folder in which fetched videos stand, each with a small JSON file that says where it came from."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from facecrop_core.errors import DiskFullError, OutputError, TooLargeError
from facecrop_core.sources.fetch_job import FetchJob

FREE_BYTES = 200 * 10**6
"""What has to stay free on the disk."""


@dataclass(frozen=True)
class Entry:
    """One fetched video. ``url_hash`` finds it again without keeping a link that may hold a key."""

    file: str
    size_bytes: int
    url_hash: str
    page: str
    """The public page or file that it came from, without a query that may hold a key."""
    title: str
    site: str
    site_id: str
    height: int | None
    sound: bool
    fetched_utc: str

    def keeps(self, job: FetchJob) -> bool:
        """Whether it is what the job wants: its height within the limits, and with sound where that is wanted."""
        low, high, height = job.min_height, job.max_height, self.height
        fits = height is None or ((low is None or height >= low) and (high is None or height <= high))
        return fits and (self.sound or not job.keep_sound)


class Shelf:
    """Finds videos that were fetched before, and notes new ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def by_name(self, stem: str) -> tuple[Path, Entry] | None:
        """The whole video of that name, if it is there."""
        entry = _read(self.folder / f"{stem}.json")
        return self._with_file(entry)

    def by_url(self, url: str) -> tuple[Path, Entry] | None:
        """The video that a link led to before; a playlist's link leads to none."""
        wanted = hash_url(url)
        for path in self.folder.glob("*.json"):
            entry = _read(path)
            if entry is not None and entry.url_hash == wanted:
                return self._with_file(entry)
        return None

    def note(self, stem: str, entry: Entry) -> None:
        """Remember a video whose file is complete."""
        target = self.folder / f"{stem}.json"
        part = target.with_name(target.name + ".part")
        with disk_errors(target):
            part.write_text(json.dumps(asdict(entry), indent=1), encoding="utf-8")
            part.replace(target)

    def make_room(self, expected_bytes: int | None) -> None:
        """Raises DiskFullError where a video of this size would fill the disk."""
        free = shutil.disk_usage(self.folder).free
        if free < (expected_bytes or 0) + FREE_BYTES:
            raise DiskFullError(
                f"The disk has {free / 1e6:.0f} MB free, too little for this video.",
                "Free some space and run the same command again.",
            )

    def forget_parts(self, stem: str) -> None:
        """Remove what was begun of a video that will not be finished."""
        for path in self.folder.glob(f"{stem}*"):
            if ".part" in path.name or path.suffix == ".ytdl":
                path.unlink(missing_ok=True)

    def _with_file(self, entry: Entry | None) -> tuple[Path, Entry] | None:
        if entry is None:
            return None
        path = self.folder / Path(entry.file).name
        return (path, entry) if path.is_file() and path.stat().st_size == entry.size_bytes else None


def read_shelf(folder: Path) -> Iterator[tuple[Path, Path | None, Entry | None]]:
    """Each JSON file in a shelf's folder, the video that it speaks of, and what it says; None where it is unreadable.

    The folder may be missing; nothing is written.
    """
    for path in sorted(folder.glob("*.json")):
        entry = _read(path)
        yield path, None if entry is None else folder / Path(entry.file).name, entry


def hash_url(url: str) -> str:
    return hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def now_utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _read(path: Path) -> Entry | None:
    """An entry, or None for whatever else lies there."""
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of writing into words."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> OutputError | TooLargeError:
    """What a failed write means to whoever reads it."""
    name = os.fspath(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"The disk is full; {name} could not be written.",
            "Free some space and run the same command again: it goes on where it stopped.",
        )
    if error.errno == errno.EFBIG:
        return TooLargeError(
            "The video is larger than --max-bytes allows.", "Raise --max-bytes, or lower --max-height."
        )
    return OutputError(
        f"{name} cannot be written: {error.strerror or error}.", "Choose a folder that you may write to."
    )
