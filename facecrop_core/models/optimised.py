"""Graphs that ONNX Runtime has optimised already, kept in the cache folder for the next time.

An optimised graph belongs to the model, to what was changed in it, to ONNX Runtime's version and to the processor
(it lays out data by the width of its vectors), so all of these make its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from facecrop_core.models.cache import cache_folder, part_of


def optimised_path(model_sha256: str, change: str) -> Path:
    """Where the graph that was made of a model lies, or would lie. ``change`` says what was made of it."""
    import onnxruntime

    return cache_folder() / "graphs" / f"{model_sha256[:32]}-{change}-{onnxruntime.__version__}-{_processor()}.onnx"


def open_optimised(path: Path, options: Any, open_session: Callable[[Any], Any]) -> Any | None:
    """A session over the kept graph; None where there is none or it cannot be used, which is then removed."""
    import onnxruntime

    if not path.is_file():
        return None
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return open_session(str(path))
    except Exception:  # noqa: BLE001 - ONNX Runtime has many kinds; whichever it is, the file is made again
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    finally:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


def open_and_keep(path: Path, options: Any, open_session: Callable[[], Any]) -> Any:
    """Open a session the long way and keep its optimised graph, if the cache folder can be written."""
    try:
        part = part_of(path)
        part.touch()
    except OSError:
        return open_session()
    try:
        options.optimized_model_filepath = str(part)
        try:
            session = open_session()
        except Exception:  # noqa: BLE001 - a full disk, or the model itself, which then fails once more
            options.optimized_model_filepath = ""
            return open_session()
        with contextlib.suppress(OSError):
            part.replace(path)
        return session
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@cache
def _processor() -> str:
    """A short digest of what this processor is and can do."""
    known = [platform.machine(), platform.processor(), platform.system()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        known += sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:12]
