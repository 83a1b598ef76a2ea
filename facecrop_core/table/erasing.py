"""Taking faces out of a scan for good: their rows, embeddings, measures and thumbnails.

It may be cut short at any moment and done again: files are replaced one by one, the frames file, which holds the
digests, last.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facecrop_core.files import flush_to_disk, writing
from facecrop_core.table.columns import PROOF, digest, part_files
from facecrop_core.table.hashes import hashes_path
from facecrop_core.table.joined import joined_paths
from facecrop_core.table.late import commit_vectors, erase_late
from facecrop_core.table.parts import commit_table, file_digest, read_table

if TYPE_CHECKING:
    import pyarrow as pa


def erase_faces(folder: Path, embedder_sha256: str, face_ids: Collection[str]) -> None:
    """Take these faces out of a scan's folder. Samples stay, so that it is known where was looked.

    Raises:
        OutputError, DiskFullError: a part cannot be written; do it again then. OSError: one is damaged.
    """
    gone = set(face_ids)
    if not gone:
        return
    for path in (*joined_paths(folder, embedder_sha256), hashes_path(folder)):  # they can be made again
        path.unlink(missing_ok=True)
    erase_late(folder, embedder_sha256, gone)
    ends = [0]
    for path in sorted((folder / "frames").glob("*.parquet")):
        faces = folder / "faces" / path.name
        _erase_in_part(folder, path, embedder_sha256, gone)
        if faces.exists():
            rows = read_table(faces, ["thumb_offset", "thumb_size"])
            ends.append(int(np.max(rows["thumb_offset"].to_numpy() + rows["thumb_size"].to_numpy())))
    _cut_thumbs(folder / "thumbs.pack", max(ends))
    tracks = folder / "tracks.parquet"
    if tracks.exists():
        rows = read_table(tracks)
        commit_table(tracks, rows.filter(_staying(rows, gone)))


def _erase_in_part(folder: Path, frames_path: Path, embedder_sha256: str, gone: set[str]) -> None:
    """The faces file is replaced as the last but one, so that thumbnails can be found until they are blanked."""
    faces_path, frames = folder / "faces" / frames_path.name, read_table(frames_path)
    if not faces_path.exists():  # none were found there, or all were taken out, perhaps without the counts
        if np.any(frames["faces"].to_numpy()):
            _commit_frames(frames_path, frames, np.zeros(frames.num_rows, np.int32), {})
        return
    faces = read_table(faces_path)
    stay = _staying(faces, gone)
    files = [folder / name for name in part_files(frames_path.stem, embedder_sha256)]
    if stay.all() and _agrees(folder, frames, files):
        return
    _blank_thumbs(folder / "thumbs.pack", faces, ~stay)
    left = faces.filter(stay)
    for path in files:
        if not left.num_rows:
            path.unlink(missing_ok=True)
        elif path.suffix == ".parquet":
            rows = read_table(path)
            commit_table(path, rows.filter(_staying(rows, gone)))
        else:
            _keep_vectors(path, stay)
    counts = dict(zip(*np.unique(left["sample"].to_numpy(), return_counts=True), strict=True))
    samples = frames["sample"].to_numpy()
    column = np.array([counts.get(sample, 0) for sample in samples], np.int32)
    _commit_frames(frames_path, frames, column, _proof(folder, left, files))


def _commit_frames(path: Path, frames: pa.Table, faces: np.ndarray[Any, np.dtype[np.int32]], proof: Any) -> None:
    frames = frames.set_column(frames.schema.get_field_index("faces"), "faces", [faces])
    commit_table(path, frames.replace_schema_metadata({PROOF: json.dumps(proof)}))


def _keep_vectors(path: Path, stay: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    vectors = np.load(path)
    if len(vectors) != len(stay):  # done before; the faces file was not reached then
        return

    commit_vectors(path, vectors[stay])


def _agrees(folder: Path, frames: pa.Table, files: list[Path]) -> bool:
    """Whether the frames file speaks of the other files as they are: nothing was cut short here."""
    stored = json.loads((frames.schema.metadata or {}).get(PROOF, b"{}")).get("files", {})
    return all(path.exists() for path in files) and all(
        file_digest(folder / name) == stored_digest for name, stored_digest in stored.items()
    )


def _proof(folder: Path, faces: pa.Table, files: list[Path]) -> dict[str, Any]:
    if not faces.num_rows:
        return {}
    offsets, sizes = faces["thumb_offset"].to_numpy(), faces["thumb_size"].to_numpy()
    begin, end = int(offsets.min()), int((offsets + sizes).max())
    with (folder / "thumbs.pack").open("rb") as pack:
        pack.seek(begin)
        thumbs = [begin, end, digest(pack.read(end - begin))]
    return {"thumbs": thumbs, "files": {str(p.relative_to(folder).as_posix()): file_digest(p) for p in files}}


def _blank_thumbs(path: Path, faces: pa.Table, gone: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
    """Overwrite thumbnails with zeros, where they lie."""
    offsets, sizes = faces["thumb_offset"].to_numpy()[gone], faces["thumb_size"].to_numpy()[gone]
    with writing(path), path.open("r+b") as pack:
        for offset, size in zip(offsets.tolist(), sizes.tolist(), strict=True):
            pack.seek(offset)
            pack.write(bytes(size))
    flush_to_disk(path)


def _cut_thumbs(path: Path, end: int) -> None:
    if path.exists() and path.stat().st_size > end:
        with writing(path), path.open("r+b") as pack:
            pack.truncate(end)
        flush_to_disk(path)


def _staying(rows: pa.Table, gone: set[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([face_id not in gone for face_id in rows["face_id"].to_pylist()], np.bool_)
