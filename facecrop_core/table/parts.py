"""The project's files: JSON and Parquet, each either whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facecrop_core.errors import ProjectError
from facecrop_core.files import commit

if TYPE_CHECKING:
    import pyarrow as pa


def commit_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=True)
    commit(path, lambda part: _write_text(part, text))


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


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
