"""Getting pictures into a GPU and results back.

Page-locked host memory is read by a GPU at its bus's full speed, without a copy in between. ONNX Runtime 1.31 gives
Python no way to allocate it (its device names are cpu, gpu, cuda, dml and the like), so it comes from CUDA's runtime
library; CUDA knows such memory by its address, whoever holds it.
"""

from __future__ import annotations

import ctypes
import math
import threading
import weakref
from collections import defaultdict
from typing import Any

import numpy as np

from facecrop_core.records import FloatArray

MOST_KEPT = 4
"""Blocks of one size that wait to be used again."""
_PORTABLE = 1  # cudaHostAllocPortable: page-locked for every device


class PinnedMemory:
    """Blocks of page-locked memory; a block is used again once its array is gone. For any number of threads."""

    def __init__(self, cuda: Any) -> None:
        """``cuda`` is CUDA's runtime library, or None for ordinary memory."""
        self._cuda = cuda
        self._idle: dict[int, list[int]] = defaultdict(list)
        self._lock = threading.RLock()  # the garbage collector may give a block back while one is taken

    def empty(self, shape: tuple[int, ...]) -> FloatArray:
        """A float32 array of this shape; in ordinary memory where there is no other."""
        count = math.prod(shape)
        address = self._take(count * 4) if count else None
        if address is None:
            return np.empty(shape, np.float32)
        block = (ctypes.c_float * count).from_address(address)
        weakref.finalize(block, self._give_back, count * 4, address).atexit = False
        return np.frombuffer(memoryview(block).cast("B"), np.float32).reshape(shape)

    def _take(self, size: int) -> int | None:
        with self._lock:
            if self._idle[size]:
                return self._idle[size].pop()
        if self._cuda is None:
            return None
        address = ctypes.c_void_p()
        failed = self._cuda.cudaHostAlloc(ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(_PORTABLE))
        return None if failed else address.value

    def _give_back(self, size: int, address: int) -> None:
        with self._lock:
            if len(self._idle[size]) < MOST_KEPT:
                self._idle[size].append(address)
                return
        self._cuda.cudaFreeHost(ctypes.c_void_p(address))


def run_bound(
    session: Any, input_name: str, batch: FloatArray, device_type: str, device_index: int
) -> list[FloatArray]:
    """All outputs of an ONNX Runtime session for one input, through IO binding.

    The input is copied to the device once, and the outputs stay there until all of them are copied back together.
    """
    binding = session.io_binding()
    binding.bind_cpu_input(input_name, np.ascontiguousarray(batch))
    for output in session.get_outputs():
        binding.bind_output(output.name, device_type, device_index)
    session.run_with_iobinding(binding)
    return list(binding.copy_outputs_to_cpu())
