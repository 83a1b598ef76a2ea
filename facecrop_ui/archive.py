"""A finished export as one ZIP file, made while it is sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 1 << 20


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
