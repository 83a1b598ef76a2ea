"""A finished export as one ZIP file, made piece by piece, of any size (ZIP64)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from facecrop_core.errors import OutputError
from facecrop_core.files import PART_SUFFIX, commit, writing

CHUNK_BYTES = 1 << 20
COMMENT = b"Facecrop"
"""By which an archive is known to be ours."""


class _Sink(io.RawIOBase):
    """Collects what the ZIP writer writes, for it to be sent."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.chunks.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self.chunks)
        self.chunks, self.waiting = [], 0
        return data


def stream_zip(folder: Path) -> Iterator[bytes]:
    """The files below a folder, stored (pictures do not get smaller), in chunks of at least 1 MiB.

    Links and hidden files are left out.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = COMMENT
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or path.name.startswith("."):
                continue
            info = zipfile.ZipInfo.from_file(path, path.relative_to(folder).as_posix(), strict_timestamps=False)
            with path.open("rb") as source, archive.open(info, "w", force_zip64=info.file_size > 1 << 30) as target:
                while block := source.read(CHUNK_BYTES):
                    target.write(block)
                    if sink.waiting >= CHUNK_BYTES:
                        yield sink.take()
    yield sink.take()


def archive_path(out: Path) -> Path:
    """``OUT.zip`` beside the dataset's folder."""
    out = out.resolve()
    return out.parent / f"{out.name}.zip"


def check_archive(out: Path) -> None:
    """Raises OutputError: a file that is no archive of ours has the name."""
    path = archive_path(out)
    if path.exists() and not is_our_archive(path):
        raise OutputError(f"{path} is there and was not made by Facecrop.", "Move it, or choose another folder.")


def write_archive(out: Path) -> None:
    """Write the dataset's archive, or write it again.

    Raises:
        DiskFullError, OutputError: the archive that was there stays.
    """

    def write(part: Path) -> None:
        try:
            with part.open("wb") as file:
                for chunk in stream_zip(out):
                    file.write(chunk)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise

    commit(archive_path(out), write)


def delete_archive(out: Path) -> bool:
    """Delete our archive of a dataset, and what a killed run left of one; returns whether there was one.

    Raises:
        OutputError: it cannot be deleted.
    """
    path = archive_path(out)
    with writing(path):
        path.with_name(path.name + PART_SUFFIX).unlink(missing_ok=True)
        if not is_our_archive(path):
            return False
        path.unlink()
    return True


def is_our_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == COMMENT
    except (OSError, zipfile.BadZipFile):
        return False
