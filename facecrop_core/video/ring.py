"""Frames in memory that the reader shares with its decoding child."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from dataclasses import dataclass

import numpy as np

from facecrop_core.records import Image, Video

Area = tuple[int, int, int, int]
"""A rectangle (x0, y0, x1, y1) in pixels of the upright frame."""
PAGE = 4096
MAX_RING_BYTES = 256 << 20
FEWEST_SLOTS = 6
"""Enough for a caller who takes a few frames together, however large they are."""


@dataclass(frozen=True)
class SlotViews:
    """One frame's memory: upright planes and the canvas (BGR)."""

    luma: Image
    chroma_u: Image
    chroma_v: Image
    canvas: Image


@dataclass(frozen=True)
class RingLayout:
    """Where each frame lies in the shared block. Sizes are (width, height) of the upright picture and canvas."""

    size: tuple[int, int]
    canvas_size: tuple[int, int]
    slots: int

    @staticmethod
    def of(video: Video, canvas_size: tuple[int, int], slots: int) -> RingLayout:
        """A ring of at most ``slots`` frames that takes 256 MiB, or six frames where these need more."""
        one = RingLayout((video.width, video.height), canvas_size, 1)
        return RingLayout(one.size, canvas_size, max(min(slots, MAX_RING_BYTES // one.slot_bytes), FEWEST_SLOTS))

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        (width, height), (canvas_width, canvas_height) = self.size, self.canvas_size
        chroma = ((height + 1) // 2, (width + 1) // 2)
        return (height, width), chroma, chroma, (canvas_height, canvas_width, 3)

    @property
    def slot_bytes(self) -> int:
        return -(-sum(int(np.prod(shape)) for shape in self.shapes) // PAGE) * PAGE

    def views(self, block: mmap.mmap) -> list[SlotViews]:
        """Arrays over the block, one set for each slot. They keep the block alive."""
        memory = np.frombuffer(block, np.uint8)
        slots = []
        for slot in range(self.slots):
            offset, arrays = slot * self.slot_bytes, []
            for shape in self.shapes:
                size = int(np.prod(shape))
                arrays.append(memory[offset : offset + size].reshape(shape))
                offset += size
            slots.append(SlotViews(*arrays))
        return slots


class SharedBlock:
    """Memory that two processes share. ``name`` says to the child how to open it, ``descriptor`` what it must inherit.

    Linux gives anonymous memory, which the small /dev/shm of containers does not limit and which no crash leaves
    behind. Elsewhere it is a temporary file, gone as soon as the child has opened it.
    """

    def __init__(self, size: int) -> None:
        self._path: str | None = None
        self.descriptor: int | None = _memory_file(size)
        if self.descriptor is None:
            self.descriptor, self._path = tempfile.mkstemp(prefix="facecrop-frames-")
            _reserve(self.descriptor, size)
        self.name: int | str = self._path or self.descriptor
        self._size = size

    def map(self) -> mmap.mmap:
        """This side's memory."""
        assert self.descriptor is not None, "the file is gone"
        return mmap.mmap(self.descriptor, self._size)

    def forget_file(self) -> None:
        """Drop the file. The memory lives on while arrays over it do."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
        if self._path is not None:
            with contextlib.suppress(PermissionError):  # Windows, while the child has it open
                os.unlink(self._path)
                self._path = None


def open_shared(name: int | str, size: int) -> mmap.mmap:
    """The child's side of a SharedBlock."""
    descriptor = name if isinstance(name, int) else os.open(name, os.O_RDWR)
    memory = mmap.mmap(descriptor, size)
    os.close(descriptor)
    return memory


def _memory_file(size: int) -> int | None:
    if not hasattr(os, "memfd_create"):
        return None
    descriptor = None
    try:
        descriptor = os.memfd_create("facecrop-frames")
        _reserve(descriptor, size)
    except OSError:  # refused by a sandbox, or memory is short: a file on disk may still do
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor


def _reserve(descriptor: int, size: int) -> None:
    """Make a file so large, and fail now rather than by a signal when it is written to."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)
