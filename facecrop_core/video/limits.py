"""What a decoding child may take, so that a hostile file cannot take the machine. Runs in the child process."""

from __future__ import annotations

import contextlib
import math

from facecrop_core.records import Video

GIB = 1 << 30
PROBE_BYTES = 4 * GIB
BASE_BYTES = 3 * GIB
"""Address space of Python, its libraries and their threads' stacks and arenas, most of it never touched."""
FRAMES_HELD, BYTES_PER_PIXEL = 24, 8
"""A decoder holds up to 16 reference frames and one for each thread; 16 bits in each of four planes is the most."""
DRIVER_BYTES = 4 * GIB
"""What a graphics driver takes beside that, as data. It reserves far more address space, as much as there is memory on
both sides, so that with hardware decoding only data is limited."""
FILE_BYTES = 16 << 20
"""The child writes no files, but what it says on standard error may go to one."""
CPU_SECONDS = 300.0
"""Processor time without any news of progress, over all threads."""


def decoding_bytes(video: Video, threads: int, ring_bytes: int) -> int:
    """The address space that decoding a video may take."""
    pixels = video.width * video.height
    return BASE_BYTES + ring_bytes + (FRAMES_HELD + threads) * BYTES_PER_PIXEL * pixels


def limit_process(memory_bytes: int, graphics_driver: bool = False) -> None:
    """Limit this process's memory, processor time and file size for good, where the system knows such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if graphics_driver:
        _lower(resource.RLIMIT_DATA, memory_bytes + DRIVER_BYTES)
    else:
        _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES)
    _lower(resource.RLIMIT_CORE, 0)  # a core file would hold frames, and takes long to write
    renew_processor_time()


def renew_processor_time() -> None:
    """Grant as much processor time again: a decoder that spins never comes here, and is ended by the system."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + CPU_SECONDS), renewable=True)


def _lower(kind: int, value: int, renewable: bool = False) -> None:
    """Set a limit, but never above one that is in force already. A renewable one may be raised again."""
    import resource

    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems refuse some limits
        resource.setrlimit(kind, (value, hard if renewable else value))
