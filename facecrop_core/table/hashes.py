"""hashes.parquet: the hashes of a finished scan's thumbnails. They can be made again, and are removed with faces."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.table.parts import commit_table, read_table

log = logging.getLogger(__name__)
HASH_KINDS = ("perceptual", "average")


def hashes_path(folder: Path) -> Path:
    return folder / "hashes.parquet"


def store_hashes(folder: Path, face_ids: NDArray[Any], hashes: dict[str, NDArray[np.uint64]]) -> None:
    """Store each kind's hashes [n]. Raises DiskFullError or OutputError."""
    import pyarrow as pa

    columns = {kind: pa.array(hashes[kind], pa.uint64()) for kind in HASH_KINDS}
    commit_table(hashes_path(folder), pa.table({"face_id": pa.array(face_ids, pa.string()), **columns}))


def load_hashes(folder: Path, face_ids: NDArray[Any]) -> dict[str, NDArray[np.uint64]] | None:
    """Each kind's hashes [n], or None where they are not stored for just these faces."""
    path = hashes_path(folder)
    if not path.exists():
        return None
    try:
        rows = read_table(path, verify=True)
        if np.array_equal(rows["face_id"].to_numpy(), face_ids):
            return {kind: rows[kind].to_numpy() for kind in HASH_KINDS}
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s cannot be read (%s); it is made again.", path, error)
    return None
