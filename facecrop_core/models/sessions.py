"""Opening ONNX models with ONNX Runtime, on the providers that work here, with a batch axis that can be used."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facecrop_core.errors import ModelError
from facecrop_core.models.device_io import PinnedMemory, run_bound
from facecrop_core.models.graph import read_signature
from facecrop_core.models.optimised import open_and_keep, open_optimised, optimised_path
from facecrop_core.models.provider_options import MOST_BATCH, ModelInput, provider_options, quiet_output
from facecrop_core.models.providers import CPU, NVIDIA, SHORT_NAMES, cuda_runtime
from facecrop_core.models.runtime import Runtime
from facecrop_core.models.store import file_sha256
from facecrop_core.records import FloatArray

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")

# ONNX Runtime has no exception of its own for a full GPU (onnxruntime issue 16307), only these words.
_OUT_OF_MEMORY = ("BFCArena", "Failed to allocate memory", "out of memory", "cudaErrorMemoryAllocation", "ALLOC_FAILED")
MOST_WORKERS = 8
USUAL_LONGEST_SIDE = 640


def usable_cores() -> int:
    """How many processor cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class ModelSession:
    """One open ONNX model with one input.

    ``providers`` are those really in use. Several threads may run it at once.
    """

    def __init__(
        self,
        path: Path,
        runtime: Runtime | None = None,
        *,
        batched: bool = False,
        longest_side: int = USUAL_LONGEST_SIDE,
        most_items: int | None = None,
    ) -> None:
        """Open a model.

        Args:
            path: the ONNX file.
            runtime: providers, device and threads; by default automatic.
            batched: free the first axis of the input (and height and width) where the file fixes them.
            longest_side: of the pictures that it will get, in pixels, where height and width are free.
            most_items: how many items ``map`` gives to the model at once.

        Raises:
            ModelError: ONNX Runtime does not take the file.
            SettingsError: a provider is unknown.
        """
        self._path, self._batched, self._runtime = path, batched, runtime or Runtime()
        self._workers, self._threads_each = _shares(self._runtime)
        self._pool: ThreadPoolExecutor | None = None
        self._most_items = most_items
        self._moving = threading.Lock()
        name, shape = read_signature(path).inputs[0]
        self._input = ModelInput(name, ("batch", *shape[1:]) if batched else shape, longest_side)
        self._session = self._open(self._runtime.providers())
        if SHORT_NAMES["trt"] in self.providers:
            self._most_items = min(most_items or MOST_BATCH, MOST_BATCH)
        on_nvidia = self.providers[0] in NVIDIA
        self._pinned = PinnedMemory(cuda_runtime() if on_nvidia else None)
        # DirectML's sessions must not be run by two threads at once (ONNX Runtime's page on it).
        self._turn = threading.Lock() if SHORT_NAMES["dml"] in self.providers else nullcontext()
        inputs = self._session.get_inputs()
        self.input_name: str = inputs[0].name
        self.input_shape: tuple[int | str, ...] = tuple(inputs[0].shape)
        self.output_ranks = [len(o.shape) for o in self._session.get_outputs()]

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(self._session.get_providers())

    def empty(self, shape: tuple[int, ...]) -> FloatArray:
        """A float32 array to fill and give to ``run``: page-locked where the model runs on CUDA."""
        return self._pinned.empty(shape)

    def run(self, batch: FloatArray) -> list[FloatArray]:
        """All outputs for one input array."""
        with self._turn:
            session = self._session
            if session.get_providers()[0] in NVIDIA:
                return run_bound(session, self.input_name, batch, "cuda", self._runtime.device.index)
            return list(session.run(None, {self.input_name: batch}))

    def map(self, function: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        """``function(items)``, one result per item; the function calls ``run``.

        On the CPU the items are shared out over the cores, each running the model with one thread: measured, 10 to 30 %
        quicker than all cores working on one picture at a time. So give it as many items as there are cores, or more.
        Where ``Runtime.threads`` are given, the caller has shared out already, and all is done in its own thread.
        On a GPU they go together, in halves where its memory does not suffice, which is remembered; a single item that
        does not fit moves the model to the CPU for good, with a notice.
        """
        parts = min(self._workers, len(items))
        if not parts:
            return []
        if parts < 2 or self.providers != (CPU,):
            return self._as_fits(function, items)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="model")
        bounds = [len(items) * i // parts for i in range(parts + 1)]
        shares = [items[a:b] for a, b in pairwise(bounds)]
        return [result for results in self._pool.map(function, shares) for result in results]

    def _as_fits(self, function: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> list[Result]:
        results: list[Result] = []
        while len(results) < len(items):
            some = items[len(results) :][: self._most_items]
            session = self._session
            try:
                results += function(some)
            except Exception as error:
                full = any(words in str(error) for words in _OUT_OF_MEMORY)
                if not full or session.get_providers() == [CPU]:
                    raise
                self._make_room(session, len(some))
        return results

    def _make_room(self, session: Any, tried: int) -> None:
        """After so many items did not fit: try half of them from now on, or move to the CPU."""
        with self._moving:
            if session is not self._session:  # another thread has moved it
                return
            if tried > 1:
                self._most_items = min(tried // 2, self._most_items or tried)
                log.info("A batch of %d does not fit into the GPU's memory; going on with half.", tried)
                return
            self._notice(f"{self._path.name} does not fit into the GPU's memory and goes on, slower, on the CPU.")
            self._session, self._most_items = self._open((CPU,)), None

    def _notice(self, message: str) -> None:
        self._runtime.on_notice(message)

    def _open(self, providers: tuple[str, ...]) -> Any:
        """A session on these providers, or where they do not start, on the CPU."""
        import onnxruntime

        onnxruntime.set_default_logger_severity(3)
        if providers == (CPU,):
            return self._open_on_cpu()
        options = self._options()
        if SHORT_NAMES["dml"] in providers:
            options.enable_mem_pattern = False  # DirectML demands both; one after the other is the default
            options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        wished = [(p, provider_options(p, self._runtime, self._input, self._threads_each)) for p in providers]
        try:
            with quiet_output(providers):
                session = onnxruntime.InferenceSession(self._source(), options, providers=wished, enable_fallback=0)
            if providers[0] not in session.get_providers():  # it only printed why
                self._notice(f"{self._path.name} does not start on {providers[0]}; using {session.get_providers()[0]}.")
            return session
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - providers raise their own kinds; whichever it is, the CPU works
            reason = str(error).splitlines()[0]
            self._notice(f"{self._path.name} does not start on {providers[0]} ({reason}); using the CPU.")
            return self._open_on_cpu()

    def _open_on_cpu(self) -> Any:
        import onnxruntime

        def open_session(source: bytes | str) -> Any:
            return onnxruntime.InferenceSession(source, options, providers=[CPU], enable_fallback=0)

        options = self._options()
        kept = optimised_path(file_sha256(self._path), "freed" if self._batched else "whole")
        try:
            session = open_optimised(kept, options, open_session)
            return session or open_and_keep(kept, options, lambda: open_session(self._source()))
        except ModelError:
            raise
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"ONNX Runtime cannot load {self._path.name}: {reason}") from error

    def _options(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self._threads_each
        # A spinning thread pool takes the cores away from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options

    def _source(self) -> bytes | str:
        return free_batch_axis(self._path) if self._batched else str(self._path)


def _shares(runtime: Runtime) -> tuple[int, int]:
    """How many runs ``map`` makes at once, and how many threads each of them uses."""
    if runtime.low_cpu:
        return 1, 1
    if runtime.threads is not None:
        return 1, runtime.threads
    cores = usable_cores()
    workers = min(cores, MOST_WORKERS)
    return workers, cores // workers


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
