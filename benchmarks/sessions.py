#!/usr/bin/env python3
"""What one run of a pack's models costs on this processor, in milliseconds per picture, by how threads are used.

  sessions.py PACK [--seconds 60] [--size 640x384]

All ways are run in turn, again and again, and the least time of each is given: that is what the processor can do while
nothing else disturbs it. Prints one JSON object: ``detector`` and ``embedder`` (way → batch → ms), ``options`` (the
detector with one of ONNX Runtime's options changed, two threads sharing a session), ``opening`` (ms to open the freed
graph and the kept optimised one, and to import onnx, which only the first needs), ``dlib`` (ms per chip in dlib and
under ONNX Runtime) and the machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from facecrop_core.models import dlib_face, packs
from facecrop_core.models.dlib_resnet import build_graph, read_weights
from facecrop_core.models.sessions import free_batch_axis, usable_cores

Way = Callable[[], float]
"""Runs once and returns milliseconds per picture."""
RUNS_EACH = 3
LEVELS = onnxruntime.GraphOptimizationLevel


def open_session(
    source: bytes | str, threads: int = 1, spinning: bool = False, configure: Callable[[Any], None] | None = None
) -> Any:
    """A session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if configure is not None:
        configure(options)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def side_by_side(sessions: list[Any], batch: int, shape: tuple[int, ...]) -> Way:
    """Each session in a thread of its own, all at once."""
    blobs = [np.random.default_rng(i).standard_normal((batch, *shape)).astype(np.float32) for i in range(len(sessions))]
    name = sessions[0].get_inputs()[0].name
    pool = ThreadPoolExecutor(len(sessions))

    def work(index: int) -> None:
        for _ in range(RUNS_EACH):
            sessions[index].run(None, {name: blobs[index]})

    def way() -> float:
        began = time.perf_counter()
        list(pool.map(work, range(len(sessions))))
        return (time.perf_counter() - began) * 1000 / (batch * RUNS_EACH * len(sessions))

    return way


def least(ways: dict[str, Way], seconds: float) -> dict[str, float]:
    """The least time of each way; they take turns."""
    best = dict.fromkeys(ways, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, way in ways.items():
            best[name] = min(best[name], way())
    return {name: round(ms, 2) for name, ms in best.items()}


def by_threads(source: bytes | str, shape: tuple[int, ...], batches: list[int], seconds: float) -> dict[str, float]:
    """One core alone, one session in several threads, one each, and one that uses several threads itself."""
    cores = usable_cores()
    alone, several, spinning = open_session(source), open_session(source, cores), open_session(source, cores, True)
    own = [open_session(source) for _ in range(cores)]
    ways: dict[str, Way] = {}
    for batch in batches:
        ways |= {
            f"one core, batch {batch}": side_by_side([alone], batch, shape),
            f"one session in {cores} threads, batch {batch}": side_by_side([alone] * cores, batch, shape),
            f"{cores} sessions, batch {batch}": side_by_side(own, batch, shape),
            f"one session with {cores} threads, batch {batch}": side_by_side([several], batch, shape),
            f"the same, spinning, batch {batch}": side_by_side([spinning], batch, shape),
        }
    return least(ways, seconds)


def by_option(source: bytes | str, shape: tuple[int, ...], seconds: float) -> dict[str, float]:
    """One picture at a time in as many threads as there are cores, with one option changed."""

    def parallel(options: Any) -> None:
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
        options.inter_op_num_threads = 2

    changes: dict[str, Callable[[Any], None]] = {
        "as it is": lambda options: None,
        "no arena": lambda options: setattr(options, "enable_cpu_mem_arena", False),
        "no memory pattern": lambda options: setattr(options, "enable_mem_pattern", False),
        "denormals are zero": lambda options: options.add_session_config_entry("session.set_denormal_as_zero", "1"),
        "ORT_PARALLEL": parallel,
        "without NCHWc": lambda options: setattr(options, "graph_optimization_level", LEVELS.ORT_ENABLE_EXTENDED),
        "not optimised": lambda options: setattr(options, "graph_optimization_level", LEVELS.ORT_DISABLE_ALL),
    }
    opened = {name: open_session(source, configure=change) for name, change in changes.items()}
    opened["spinning"] = open_session(source, spinning=True)
    return least({name: side_by_side([s] * usable_cores(), 1, shape) for name, s in opened.items()}, seconds)


def opening(source: bytes | str, seconds: float) -> dict[str, float]:
    """Milliseconds to open a model, and to open what its first opening left."""
    with tempfile.TemporaryDirectory() as folder:
        kept = f"{folder}/kept.onnx"
        open_session(source, configure=lambda options: setattr(options, "optimized_model_filepath", kept))
        disabled = lambda options: setattr(options, "graph_optimization_level", LEVELS.ORT_DISABLE_ALL)  # noqa: E731

        def timed(action: Callable[[], Any]) -> Way:
            def way() -> float:
                began = time.perf_counter()
                action()
                return (time.perf_counter() - began) * 1000

            return way

        ways = {
            "freed": timed(lambda: open_session(source)),
            "kept": timed(lambda: open_session(kept, configure=disabled)),
        }
        return least(ways, seconds)


def dlib_and_ours(seconds: float) -> dict[str, float]:
    """dlib's embedder, per chip."""
    import dlib

    path = dlib_face.model_file(dlib_face.EMBEDDER_FILE)
    network, session = dlib.face_recognition_model_v1(str(path)), open_session(build_graph(*read_weights(path)))
    chip = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)

    def in_dlib() -> float:
        began = time.perf_counter()
        network.compute_face_descriptor(chip)
        return (time.perf_counter() - began) * 1000

    ways = {f"one core, batch {n}": side_by_side([session], n, (3, 150, 150)) for n in (1, 4, 16)}
    return least({"dlib": in_dlib, **ways}, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each of the two tables; half for the others")
    parser.add_argument("--size", default="640x384")
    arguments = parser.parse_args()
    began = time.perf_counter()
    import onnx  # noqa: F401

    onnx_ms = (time.perf_counter() - began) * 1000
    width, height = map(int, arguments.size.split("x"))
    parts = packs.find_parts(arguments.pack)
    detector, embedder = free_batch_axis(parts.detector), free_batch_axis(parts.embedder)
    half, shape = arguments.seconds / 2, (3, height, width)
    result = {
        "detector": by_threads(detector, shape, [1, 2, 4, 8], arguments.seconds),
        "embedder": by_threads(embedder, (3, 112, 112), [1, 4, 16], arguments.seconds),
        "options": by_option(detector, shape, half),
        "opening": {
            "detector": opening(detector, half / 4),
            "embedder": opening(embedder, half / 4),
            "import onnx": round(onnx_ms, 1),
        },
        "dlib": dlib_and_ours(half),
        "machine": {
            "cores": usable_cores(),
            "processor": platform.processor() or platform.machine(),
            "onnxruntime": onnxruntime.__version__,
            "python": platform.python_version(),
        },
    }
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
