"""Files that are either whole or absent: written under ``.part``, read back, fsynced, renamed, folder fsynced."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facecrop_core.errors import DiskFullError, OutputError, ProjectError

if TYPE_CHECKING:
    import pyarrow as pa

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
            f"{path} cannot be written: {error.strerror or error}.", "Check the folder's rights."
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


def commit_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=True)
    commit(path, lambda p: _write_bytes(p, text.encode("ascii")))


def read_json(path: Path) -> dict[str, Any]:
    """Raises ProjectError when the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path} cannot be read: {error}.", "Restore it from a copy, or scan again.") from None
    if not isinstance(content, dict):
        raise ProjectError(f"{path} does not hold a JSON object.", "Restore it from a copy, or scan again.")
    return content


def commit_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, checking that its footer can be read back and counts the same rows.

    Its pages carry checksums, so that ``read_table`` can find rotten bits.
    """
    import pyarrow.parquet as pq

    def write(part: Path) -> None:
        with part.open("wb") as file:  # pyarrow itself cannot open names that are not UTF-8
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)

    def check(part: Path) -> None:
        with part.open("rb") as file:
            rows = pq.ParquetFile(file).metadata.num_rows
        if rows != table.num_rows:
            raise OSError(errno.EIO, f"{rows} of {table.num_rows} rows were stored")

    commit(path, write, check)


def read_table(path: Path, columns: Sequence[str] | None = None, verify: bool = False) -> pa.Table:
    """A Parquet file's rows; ``verify`` checks its pages' checksums.

    Raises OSError (pyarrow's own errors are its children, or ValueError's) where it is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(path.read_bytes())
    return pq.ParquetFile(source, page_checksum_verification=verify).read(columns=columns and list(columns))


def file_digest(path: Path) -> str:
    """BLAKE2b-128 of a file as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
