"""Opening ONNX models with ONNX Runtime, on the providers that work here, with a batch axis that can be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.models.providers import CPU, SHORT_NAMES, choose_providers
from facecrop_core.records import FloatArray

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")

# ONNX Runtime has no exception of its own for a full GPU (onnxruntime issue 16307), only these words.
_OUT_OF_MEMORY = ("BFCArena", "Failed to allocate memory", "out of memory", "cudaErrorMemoryAllocation", "ALLOC_FAILED")
MOST_WORKERS = 8
_PROVIDER_OPTIONS = {SHORT_NAMES["cuda"]: {"cudnn_conv_algo_search": "HEURISTIC"}}  # no search for every new shape


def usable_cores() -> int:
    """How many processor cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class ModelSession:
    """One open ONNX model with one input.

    ``providers`` are those really in use. Several threads may run it at once.
    """

    def __init__(
        self, path: Path, *, ep: str = "auto", low_cpu: bool = False, threads: int | None = None, batched: bool = False
    ) -> None:
        """Open a model.

        Args:
            path: the ONNX file.
            ep: provider wish, see ``providers.parse_wish``.
            low_cpu: use the CPU only and one thread.
            threads: how many cores to keep busy; by default all usable ones.
            batched: free the first axis of the input (and height and width) where the file fixes them.

        Raises:
            ModelError: ONNX Runtime does not take the file.
            SettingsError: a provider is unknown.
        """
        cores = 1 if low_cpu else threads or usable_cores()
        self._workers = min(cores, MOST_WORKERS)
        self._threads_each = cores // self._workers
        self._pool: ThreadPoolExecutor | None = None
        self._name = path.name
        self._source: bytes | str = free_batch_axis(path) if batched else str(path)
        self._session = self._open(choose_providers(ep, low_cpu))
        inputs = self._session.get_inputs()
        self.input_name: str = inputs[0].name
        self.input_shape: tuple[int | str, ...] = tuple(inputs[0].shape)
        self.output_ranks = [len(o.shape) for o in self._session.get_outputs()]

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(self._session.get_providers())

    def run(self, batch: FloatArray) -> list[FloatArray]:
        """All outputs for one input array."""
        return list(self._session.run(None, {self.input_name: batch}))

    def map(self, function: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        """``function(items)``, one result per item; the function calls ``run``.

        On the CPU the items are shared out over the cores, each running the model with one thread: measured, 10 to 30 %
        quicker than all cores working on one picture at a time. So give it as many items as there are cores, or more.
        On a GPU they go together, in halves where its memory does not suffice; a single item that does not fit moves
        the model to the CPU for good, with a warning in the log.
        """
        parts = min(self._workers, len(items))
        if not parts:
            return []
        if parts < 2 or self.providers != (CPU,):
            return self._in_halves(function, items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="model")
        bounds = [len(items) * i // parts for i in range(parts + 1)]
        shares = [items[a:b] for a, b in pairwise(bounds)]
        return [result for results in self._pool.map(function, shares) for result in results]

    def _in_halves(self, function: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        try:
            return list(function(items))
        except Exception as error:
            if not any(words in str(error) for words in _OUT_OF_MEMORY) or self.providers == (CPU,):
                raise
            if len(items) == 1:
                log.warning("%s does not fit into the GPU's memory and goes on, slower, on the CPU.", self._name)
                self._session = self._open((CPU,))
                return list(function(items))
        half = len(items) // 2
        log.info("A batch of %d does not fit into the GPU's memory; trying %d.", len(items), half)
        return [*self._in_halves(function, items[:half]), *self._in_halves(function, items[half:])]

    def _open(self, providers: tuple[str, ...]) -> Any:
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self._threads_each
        # A spinning thread pool takes the cores away from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wished = [(p, _PROVIDER_OPTIONS.get(p, {})) for p in providers]
        try:
            return onnxruntime.InferenceSession(self._source, options, providers=wished, enable_fallback=0)
        except Exception as error:
            if providers == (CPU,):
                raise ModelError(f"ONNX Runtime cannot load {self._name}: {str(error).splitlines()[0]}") from error
            log.warning("%s does not start on %s (%s); using the CPU.", self._name, providers[0], error)
        return self._open((CPU,))


def free_batch_axis(path: Path) -> bytes:
    """The model with free batch, height and width axes, as bytes.

    SCRFD files fix the batch at 1 and state output shapes that hold for one size only, though their graphs compute
    any batch: the flat heads then run height × width × batch × anchor. Fixed height and width are kept.

    Raises:
        ModelError: the file is not a whole ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path} is not a whole ONNX model: {error}") from None
    axes = model.graph.input[0].type.tensor_type.shape.dim
    for axis, name in zip(axes, ("batch", "", "height", "width"), strict=False):
        if name == "batch" or (name and not axis.dim_value):
            axis.Clear()
            axis.dim_param = name
    for output in model.graph.output:
        for axis in output.type.tensor_type.shape.dim:
            axis.Clear()  # the rank stays, the stale sizes go
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def batch_gives_same(run: Callable[[FloatArray], Sequence[FloatArray]], shape: tuple[int, int, int]) -> bool:
    """Whether a freed batch axis really works: each output for two inputs equals those for one at a time.

    Args:
        run: gives per-input results, stacked along the first axis.
        shape: channels, height and width of one input.
    """
    two = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    try:
        together, apart = run(two), [run(two[:1]), run(two[1:])]
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises its own kinds; whichever it is, one at a time works
        log.info("This model takes one picture at a time: %s", str(error).splitlines()[0])
        return False
    one_by_one = [np.concatenate(pair) for pair in zip(*apart, strict=True)]
    return all(
        t.shape == o.shape and np.allclose(t, o, atol=1e-3, rtol=1e-3)
        for t, o in zip(together, one_by_one, strict=True)
    )
