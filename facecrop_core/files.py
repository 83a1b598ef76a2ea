"""Writing files that are either whole or absent, with the system's errors in our words."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from facecrop_core.errors import DiskFullError, FacecropError, OutputError

if TYPE_CHECKING:
    import filelock

PART_SUFFIX = ".part"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours, naming what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                f"The disk is full: {path} could not be written.",
                "What was stored before is kept. Free some space and run the same command again.",
            ) from error
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}.", "Choose a folder that you may write to."
        ) from error


def commit(path: Path, write: Callable[[Path], None], check: Callable[[Path], None] | None = None) -> None:
    """Write a file so that a crash at any moment leaves the old file, or none, or the new one whole.

    ``check`` reads the new file back before it takes its name; a writer that reports success on a full disk is caught.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        if check is not None:
            check(part)
        flush_to_disk(part)
        os.replace(part, path)
        flush_to_disk(path.parent)


def flush_to_disk(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # some file systems cannot sync folders
            raise
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file under a ``.part`` name and rename it, so that nobody ever sees half of it.

    Args:
        durable: wait until the content is on the disk before renaming.

    Raises:
        OSError: as the system gives it; no part file is left then.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        with part.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def take_lock(path: Path, busy: Callable[[], FacecropError]) -> filelock.BaseFileLock | None:
    """Hold a file until ``release()`` or the end of this process; None where the file system knows no locks.

    Raises:
        OutputError: the file cannot be made. What ``busy`` gives: another process holds it.
    """
    import filelock

    lock = filelock.FileLock(path, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:  # an OSError, too, so it comes first
        raise busy() from None
    except NotImplementedError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return None
        with writing(path):
            raise
    return lock
