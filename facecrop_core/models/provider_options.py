"""What each of ONNX Runtime's execution providers is told when it opens a model.

Names and values are those of the pages of onnxruntime.ai/docs/execution-providers. The tests see to it that they are
handed over; what they bring was measured for the CPU only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facecrop_core.models.cache import cache_folder
from facecrop_core.models.providers import SHORT_NAMES
from facecrop_core.models.runtime import Runtime

Options = dict[str, str]
SMALLEST_SIDE = 32
MOST_BATCH, USUAL_BATCH = 64, 16
"""TensorRT makes its engine for batches up to the first and best for the second."""


@dataclass(frozen=True)
class ModelInput:
    """A model's input as (name, dimensions); a free height or width is at most ``longest_side`` pixels."""

    name: str
    shape: tuple[int | str, ...]
    longest_side: int


def provider_options(provider: str, runtime: Runtime, model_input: ModelInput, threads: int) -> Options:
    """The options of one provider, by its full name."""
    make = _OPTIONS.get(provider)
    return make(runtime, model_input, threads) if make else {}


def _cuda(runtime: Runtime, _: ModelInput, __: int) -> Options:
    return {
        "device_id": str(runtime.device.index),
        "arena_extend_strategy": "kSameAsRequested",  # twice what is there, the default, wastes memory on large batches
        "cudnn_conv_algo_search": "HEURISTIC",  # no search for every new shape
        "use_tf32": "0" if runtime.half == "off" else "1",
    }


def _tensorrt(runtime: Runtime, model_input: ModelInput, _: int) -> Options:
    folder = _folder("tensorrt")
    options = {
        "device_id": str(runtime.device.index),
        "trt_fp16_enable": "False" if runtime.half == "off" else "True",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
    }
    # One engine for all shapes: without a profile each new shape outside of those seen makes a new one, in minutes.
    for name, (batch, height, width) in _profile(model_input).items():
        shape = "x".join(map(str, (batch, model_input.shape[1], height, width)))
        options[f"trt_profile_{name}_shapes"] = f"{model_input.name}:{shape}"
    return options


def _openvino(runtime: Runtime, _: ModelInput, threads: int) -> Options:
    return {
        "device_type": "CPU" if runtime.device.kind == "cpu" else "AUTO:GPU,CPU",
        "cache_dir": _folder("openvino"),
        "num_of_threads": str(threads),
    }


def _directml(runtime: Runtime, _: ModelInput, __: int) -> Options:
    return {"device_id": str(runtime.device.index)}


def _coreml(runtime: Runtime, _: ModelInput, __: int) -> Options:
    return {
        "ModelFormat": "MLProgram",
        "MLComputeUnits": "ALL",
        "RequireStaticInputShapes": "0",
        "AllowLowPrecisionAccumulationOnGPU": "1" if runtime.half == "on" else "0",
        "ModelCacheDirectory": _folder("coreml"),
    }


_OPTIONS: dict[str, Callable[[Runtime, ModelInput, int], Options]] = {
    SHORT_NAMES["cuda"]: _cuda,
    SHORT_NAMES["trt"]: _tensorrt,
    SHORT_NAMES["openvino"]: _openvino,
    SHORT_NAMES["dml"]: _directml,
    SHORT_NAMES["coreml"]: _coreml,
}


def _profile(model_input: ModelInput) -> dict[str, tuple[int, int, int]]:
    """Least, usual and largest batch, height and width; nothing where the input is no picture or all is fixed."""
    if len(model_input.shape) != 4 or not any(isinstance(size, str) for size in model_input.shape):
        return {}
    batch, _, height, width = model_input.shape
    longest = model_input.longest_side
    usual_height = max(longest * 9 // 16 // SMALLEST_SIDE * SMALLEST_SIDE, SMALLEST_SIDE)

    def sizes(least: int, usual: int, most: int, fixed: int | str) -> tuple[int, int, int]:
        return (fixed, fixed, fixed) if isinstance(fixed, int) else (least, usual, most)

    ranges = (
        sizes(1, USUAL_BATCH, MOST_BATCH, batch),
        sizes(SMALLEST_SIDE, usual_height, longest, height),
        sizes(SMALLEST_SIDE, longest, longest, width),
    )
    return dict(zip(("min", "opt", "max"), zip(*ranges, strict=True), strict=True))


def _folder(name: str) -> str:
    folder: Path = cache_folder() / name
    with contextlib.suppress(OSError):  # the provider then does without, or says so itself
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return str(folder)


@contextlib.contextmanager
def quiet_output(providers: Sequence[str]) -> Iterator[None]:
    """Keep what TensorRT prints while it builds an engine out of standard output, which is the caller's."""
    if SHORT_NAMES["trt"] not in providers:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
