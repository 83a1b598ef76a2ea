"""Crops of a dataset on the disk, whether files of their own or members of a shard (``000000.tar/000000001.png``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from facecrop_core.errors import OutputError
from facecrop_core.export.files import BESIDE_SUFFIXES, beside
from facecrop_core.export.shards import SHARD_SUFFIX, members, read_member, remove_samples
from facecrop_core.files import write_whole, writing


def save_crop(path: Path, data: bytes, others: Mapping[str, bytes]) -> None:
    """Write a crop after the files beside it, so that what has a crop has all.

    Raises:
        DiskFullError, OutputError: nothing of it is left.
    """
    try:
        for suffix, content in others.items():
            with writing(path):
                write_whole(beside(path, suffix), content)
        with writing(path):
            write_whole(path, data)
    except OutputError:
        take_back_crop(path, others)
        raise


def take_back_crop(path: Path, suffixes: Iterable[str]) -> None:
    for file in (*(beside(path, suffix) for suffix in suffixes), path):
        file.unlink(missing_ok=True)


def is_in_shard(path: Path) -> bool:
    return path.parent.suffix == SHARD_SUFFIX and not path.parent.is_dir()


def is_crop_there(path: Path) -> bool:
    return path.name in members(path.parent) if is_in_shard(path) else path.is_file()


def read_crop(path: Path) -> bytes | None:
    """An image file's bytes; None where it is not there."""
    if is_in_shard(path):
        return read_member(path.parent, path.name)
    return path.read_bytes() if path.is_file() else None


def delete_crops(paths: Iterable[Path]) -> None:
    """Delete crops with all that lies beside them; shards are written again without them.

    Raises:
        OSError: as the system gives it. OutputError, DiskFullError: a shard cannot be written again.
    """
    keys: dict[Path, set[str]] = {}
    for path in paths:
        if is_in_shard(path):
            keys.setdefault(path.parent, set()).add(path.name.split(".")[0])
        else:
            take_back_crop(path, BESIDE_SUFFIXES)
    for shard, gone in sorted(keys.items()):
        remove_samples(shard, gone)
