"""When a scan looked at its video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facecrop_core.table.parts import read_table


def read_sample_times(folder: Path) -> NDArray[np.float64]:
    """``time_seconds`` of a scan's samples, with faces or without, rising; much less to read than ``read_samples``."""
    paths = sorted((folder / "frames").glob("*.parquet"))
    parts = [read_table(path, ["time_seconds"])["time_seconds"].to_numpy() for path in paths]
    return np.concatenate([np.zeros(0), *parts])
