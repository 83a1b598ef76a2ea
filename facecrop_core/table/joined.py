"""A finished scan's rows in two files, because a long film has thousands of parts.

Both only repeat the parts, which stay the truth: ``joined.npy`` holds the embeddings and is mapped into memory, so that
a million of them need not fit; ``joined.parquet`` holds all other columns. The latter is written last and says of which
parts both were made, and the digest of the former. For other parts, or damaged, they count as absent.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.files import commit
from facecrop_core.records import FloatArray
from facecrop_core.table.columns import JOINED
from facecrop_core.table.late import fill_late
from facecrop_core.table.parts import commit_table, file_digest, read_table

log = logging.getLogger(__name__)
Rows = tuple[dict[str, NDArray[Any]], FloatArray]


def joined_paths(folder: Path, embedder_sha256: str) -> tuple[Path, Path]:
    """Where the columns and the embeddings of a scan's folder lie."""
    return folder / "joined.parquet", folder / "embeddings" / embedder_sha256 / "joined.npy"


def parts_digest(parts: Sequence[Path]) -> str:
    """Which parts a scan has, by the names and sizes of those files by which they count: ``frames``, and late ids.

    Parts change only where faces are erased, and then the joined files are removed first.
    """
    sizes = [(path.name, path.stat().st_size) for path in parts]
    return hashlib.blake2b(json.dumps(sizes).encode(), digest_size=16).hexdigest()


def joined_proof(path: Path) -> dict[str, str]:
    """What joined.parquet says of itself: ``parts`` and ``embeddings``, two digests.

    Raises OSError or ValueError where it is damaged.
    """
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        metadata = pq.read_schema(file).metadata or {}
    return dict(json.loads(metadata.get(JOINED, b"{}")))


def store_joined(
    folder: Path,
    embedder_sha256: str,
    frames: Sequence[Path],
    columns: dict[str, NDArray[Any]],
    embedding_parts: Sequence[Path],
    late: Sequence[Path] = (),
) -> None:
    """Write both files; the caller holds the project.

    Args:
        frames: the ``frames`` files of all parts.
        columns: all rows, as ``FaceTable`` has them.
        embedding_parts: the parts' arrays, in order; read one after the other.
        late: the late parts, which fill rows of these.

    Raises:
        DiskFullError, OutputError: it can be tried again.
    """
    import pyarrow as pa

    path, vectors = joined_paths(folder, embedder_sha256)
    rows, dimensions = len(columns["face_id"]), np.load(embedding_parts[0], mmap_mode="r").shape[1]

    def write(part: Path) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimensions)}
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for source in embedding_parts:
                file.write(np.ascontiguousarray(np.load(source), "<f4").data)
        if late:
            rows_on_disk = np.load(part, mmap_mode="r+")
            fill_late(rows_on_disk, columns["face_id"], late)
            rows_on_disk.flush()

    def check(part: Path) -> None:
        if np.load(part, mmap_mode="r").shape != (rows, dimensions):
            raise OSError(5, "embeddings were cut short")

    commit(vectors, write, check)
    points = pa.FixedSizeListArray.from_arrays(columns["landmarks"].ravel(), 10)
    arrays = {name: points if name == "landmarks" else pa.array(values) for name, values in columns.items()}
    proof = {"parts": parts_digest([*frames, *late]), "embeddings": file_digest(vectors)}
    commit_table(path, pa.table(arrays).replace_schema_metadata({JOINED: json.dumps(proof)}))


def is_joined(folder: Path, embedder_sha256: str, parts: Sequence[Path]) -> bool:
    """Whether both files are there and made of just these parts."""
    path, vectors = joined_paths(folder, embedder_sha256)
    if not path.exists() or not vectors.exists():
        return False
    try:
        return joined_proof(path).get("parts") == parts_digest(parts)
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s); the scan's parts are read instead.", path, error)
        return False


def load_joined(folder: Path, embedder_sha256: str, parts: Sequence[Path]) -> Rows | None:
    """All rows: columns without tracks, and embeddings as a read-only map; None where these parts have to be read."""
    if not is_joined(folder, embedder_sha256, parts):
        return None
    path, vectors = joined_paths(folder, embedder_sha256)
    try:
        rows = read_table(path)
        embeddings = np.asarray(np.load(vectors, mmap_mode="r"))
        points = rows["landmarks"].combine_chunks().flatten().to_numpy().reshape(-1, 5, 2)
        columns = {name: points if name == "landmarks" else rows[name].to_numpy() for name in rows.column_names}
        if len(embeddings) != rows.num_rows:
            raise ValueError(f"{len(embeddings)} embeddings for {rows.num_rows} faces")
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s cannot be used (%s); the scan's parts are read instead.", path, error)
        return None
    return columns, embeddings
