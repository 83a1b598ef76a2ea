"""Where what can be made again lies: optimised graphs, TensorRT's engines, dlib's network as ONNX."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from facecrop_core.files import PART_SUFFIX


def cache_folder() -> Path:
    """$FACECROP_CACHE, or the user's cache folder. Whatever lies there may be deleted at any time."""
    import platformdirs

    named = os.environ.get("FACECROP_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("facecrop", appauthor=False))


def part_of(path: Path) -> Path:
    """A name beside a file of the cache to write it under; each process and thread has its own."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART_SUFFIX}")
