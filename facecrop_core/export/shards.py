"""Tar shards as WebDataset reads them: all files of one sample behind one another, under one key."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from facecrop_core.errors import OutputError
from facecrop_core.files import PART_SUFFIX, flush_to_disk, writing

SHARD_SUFFIX = ".tar"
END_BLOCKS = bytes(1024)


class Shard:
    """A shard that grows under a ``.part`` name and takes its own when it is finished.

    Members carry no time, owner or group: the same samples make the same bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.samples = path, 0
        self._part = path.with_name(path.name + PART_SUFFIX)
        with writing(path):
            self._file = self._part.open("wb", buffering=0)
        self._before = 0

    def add(self, files: Mapping[str, bytes]) -> None:
        """Append one sample's files, by their names.

        Raises:
            DiskFullError, OutputError: the shard is as long as before.
        """
        self._before = self._file.tell()
        try:
            with writing(self.path):
                for name, data in files.items():
                    self._write(_header(name, len(data)) + data + bytes(-len(data) % tarfile.BLOCKSIZE))
        except OutputError:
            self._cut()
            raise
        self.samples += 1

    def take_back(self) -> None:
        """Leave out the sample that was added last; only once for each."""
        self._cut()
        self.samples -= 1

    def finish(self) -> None:
        """Raises DiskFullError or OutputError; it can be tried again."""
        if self._file.closed:
            return
        end = self._file.tell()
        with writing(self.path):
            try:
                self._write(END_BLOCKS)
                flush_to_disk(self._part)
                os.replace(self._part, self.path)
            except OSError:
                self._file.seek(end)
                raise
        self._file.close()

    def drop(self) -> None:
        """Give the file up."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _cut(self) -> None:
        self._file.seek(self._before)
        with suppress(OSError):  # what is left behind this place is written over
            self._file.truncate()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


def members(path: Path) -> dict[str, tuple[int, int]]:
    """Place and length in bytes of each file in a shard, by its name; nothing where there is no shard.

    Raises:
        OutputError: it is damaged.
    """
    if not path.is_file():
        return {}
    state = path.stat()
    return _members(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _members(path: Path, size: int, mtime_ns: int) -> dict[str, tuple[int, int]]:
    try:
        with tarfile.open(path, "r:") as tar:
            return {member.name: (member.offset_data, member.size) for member in tar}
    except tarfile.TarError as error:
        raise OutputError(f"The shard {path} is damaged: {error}.", "Delete it and export again.") from error


def read_member(path: Path, name: str) -> bytes | None:
    """One file of a shard; None where it is not there."""
    place = members(path).get(name)
    if place is None:
        return None
    with path.open("rb") as file:
        file.seek(place[0])
        return file.read(place[1])


def remove_samples(path: Path, keys: Collection[str]) -> None:
    """Write a shard again without these samples; a shard that holds no others is deleted.

    Raises:
        DiskFullError, OutputError: the shard is as it was.
    """
    left = [name for name in members(path) if name.split(".")[0] not in keys]
    if not left:
        path.unlink(missing_ok=True)
    elif len(left) < len(members(path)):
        shard = Shard(path)
        try:
            for name in left:
                shard.add({name: read_member(path, name) or b""})
            shard.finish()
        except OutputError:
            shard.drop()
            raise
