"""Whether what a scan stored is still there and unchanged. Reads everything, writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facecrop_core.files import PART_SUFFIX
from facecrop_core.table.columns import PROOF, digest, part_files
from facecrop_core.table.hashes import hashes_path
from facecrop_core.table.joined import joined_paths, joined_proof, parts_digest
from facecrop_core.table.late import late_paths
from facecrop_core.table.parts import file_digest, read_table

if TYPE_CHECKING:
    import pyarrow as pa

FindingKind = Literal["missing", "changed", "damaged", "orphaned"]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was stored. ``path`` is a file or folder of the project, or a source video.

    ``harmless`` ones lose nothing: Facecrop tidies them up by itself, or they may be deleted.
    """

    kind: FindingKind
    path: Path
    words: str
    harmless: bool = False


def check_scan_folder(folder: Path, embedder_sha256: str, finished: bool) -> Iterator[Finding]:
    """Compare the parts of one scan with each other and with the digests that were stored with them."""
    frames = sorted((folder / "frames").glob("*.parquet"))
    for number in range(len(frames)):
        if frames[number].stem != f"{number:06d}":
            yield Finding("missing", folder / "frames" / f"{number:06d}.parquet", "this part's samples are gone")
            break
    ids: list[str] = []
    intact, thumbs_end = True, 0
    for path in frames:
        check = _PartCheck(folder, path, embedder_sha256)
        for finding in check.findings():
            intact = False
            yield finding
        ids += check.face_ids
        thumbs_end = max(thumbs_end, check.thumbs_end)
    yield from _check_tracks(folder / "tracks.parquet", ids if intact else None, finished)
    late = late_paths(folder, embedder_sha256)
    for path in late:
        yield from _check_late(path, set(ids) if intact else None)
    yield from _check_joined(folder, embedder_sha256, [*frames, *late], ids if intact else None)
    yield from _check_hashes(hashes_path(folder), ids if intact else None)
    yield from _orphans(folder, {path.stem for path in frames}, embedder_sha256)
    size = (folder / "thumbs.pack").stat().st_size if (folder / "thumbs.pack").exists() else 0
    if intact and size > thumbs_end:
        words = f"{size - thumbs_end} bytes at its end belong to no part"
        yield Finding("orphaned", folder / "thumbs.pack", words, harmless=True)


class _PartCheck:
    """One part: its rows, the files beside it and its thumbnails."""

    def __init__(self, folder: Path, frames_path: Path, embedder_sha256: str) -> None:
        self.folder, self.path, self.embedder_sha256 = folder, frames_path, embedder_sha256
        self.face_ids: list[str] = []
        self.thumbs_end = 0

    def findings(self) -> Iterator[Finding]:
        try:
            rows = read_table(self.path, verify=True)
            proof = json.loads((rows.schema.metadata or {}).get(PROOF, b"{}"))
            promised = int(np.sum(rows["faces"].to_numpy()))
        except (OSError, ValueError, KeyError) as error:
            yield Finding("damaged", self.path, _because(error))
            return
        number = self.path.stem
        names = part_files(number, self.embedder_sha256) if promised else []
        sound = True
        for name in names:
            for finding in self._check_file(name, proof.get("files", {})):
                sound = False
                yield finding
        if sound and promised:
            yield from self._check_rows(names, promised)
            yield from self._check_thumbs(proof.get("thumbs"))

    def _check_file(self, name: str, digests: dict[str, str]) -> Iterator[Finding]:
        path = self.folder / name
        if not path.exists():
            yield Finding("missing", path, "the file is gone")
        elif name in digests:
            try:
                if file_digest(path) != digests[name]:
                    yield Finding("changed", path, "its content is not what was stored")
            except OSError as error:
                yield Finding("damaged", path, _because(error))

    def _check_rows(self, names: list[str], promised: int) -> Iterator[Finding]:
        """Every file of the part speaks of the same faces."""
        for name in reversed(names):  # the faces themselves first
            path = self.folder / name
            try:
                if path.suffix == ".npy":
                    count, ids = len(np.load(path, mmap_mode="r")), None
                else:
                    table = read_table(path, verify=True)
                    count, ids = table.num_rows, table["face_id"].to_pylist()
            except (OSError, ValueError, KeyError) as error:
                yield Finding("damaged", path, _because(error))
                continue
            if name.startswith("faces/"):
                self.face_ids = ids or []
                self._note_thumbs(table)
            if count != promised or (ids is not None and ids != self.face_ids):
                yield Finding("damaged", path, f"its {count} rows do not match the part's {promised} faces")

    def _note_thumbs(self, faces: pa.Table) -> None:
        ends = faces["thumb_offset"].to_numpy() + faces["thumb_size"].to_numpy()
        self.thumbs_end = int(ends.max(initial=0))

    def _check_thumbs(self, stored: list[Any] | None) -> Iterator[Finding]:
        path = self.folder / "thumbs.pack"
        size = path.stat().st_size if path.exists() else -1
        if size < self.thumbs_end:
            kind: FindingKind = "missing" if size < 0 else "damaged"
            yield Finding(kind, path, f"thumbnails of part {self.path.stem} are gone")
        elif stored is not None:
            begin, end, expected = stored
            with path.open("rb") as pack:
                pack.seek(begin)
                if digest(pack.read(end - begin)) != expected:
                    yield Finding("changed", path, f"thumbnails of part {self.path.stem} are not what was stored")


def _check_tracks(path: Path, face_ids: list[str] | None, finished: bool) -> Iterator[Finding]:
    """``face_ids``: the scan's; None where they are not all known."""
    if not path.exists():
        if finished:
            yield Finding("missing", path, "the tracks are gone")
        return
    try:
        ids = read_table(path, verify=True)["face_id"].to_pylist()
    except (OSError, ValueError, KeyError) as error:
        yield Finding("damaged", path, _because(error))
        return
    if finished and face_ids is not None and ids != face_ids:
        yield Finding("damaged", path, f"its {len(ids)} rows do not match the scan's {len(face_ids)} faces")


def _check_late(path: Path, face_ids: set[str] | None) -> Iterator[Finding]:
    """Embeddings that were made later. ``face_ids``: the scan's; None where they are not all known."""
    vectors = path.with_suffix(".npy")
    words = "its faces count as not embedded"
    try:
        rows = read_table(path, verify=True)
        stored = json.loads((rows.schema.metadata or {}).get(PROOF, b"{}")).get("files", {})
        ids = rows["face_id"].to_pylist()
        if not vectors.exists():
            yield Finding("missing", vectors, f"the file is gone; {words}")
        elif file_digest(vectors) != stored.get(vectors.name):
            yield Finding("changed", vectors, "its content is not what was stored")
        elif face_ids is not None and not face_ids.issuperset(ids):
            yield Finding("damaged", path, "it speaks of faces that the scan does not have")
    except (OSError, ValueError, KeyError) as error:
        yield Finding("damaged", path, f"{_because(error)}; {words}")


def _check_joined(
    folder: Path, embedder_sha256: str, parts: list[Path], face_ids: list[str] | None
) -> Iterator[Finding]:
    """Both files only repeat the parts: what is lost of them is read from there, but what is changed would be read."""
    path, vectors = joined_paths(folder, embedder_sha256)
    words = "delete it: it only repeats the scan's parts"
    if not path.exists():
        if vectors.exists():
            yield Finding("orphaned", vectors, "it was never finished; the next scan replaces it", harmless=True)
        return
    try:
        proof = joined_proof(path)
        ids = read_table(path, verify=True)["face_id"].to_pylist()
    except (OSError, ValueError, KeyError) as error:
        yield Finding("damaged", path, f"{_because(error)}; {words}")
        return
    if proof.get("parts") != parts_digest(parts):
        yield Finding("orphaned", path, "the scan has other parts by now; the next scan replaces it", harmless=True)
    elif not vectors.exists():
        yield Finding("missing", vectors, "it only repeated the scan's parts", harmless=True)
    elif file_digest(vectors) != proof.get("embeddings"):
        yield Finding("changed", vectors, f"its content is not what was stored; {words}")
    elif face_ids is not None and ids != face_ids:
        yield Finding("changed", path, f"its faces are not those of the parts; {words}")


def _check_hashes(path: Path, face_ids: list[str] | None) -> Iterator[Finding]:
    """The thumbnails' hashes: what is lost is made again. ``face_ids``: the scan's; None where not all are known."""
    if not path.exists():
        return
    try:
        ids = read_table(path, verify=True)["face_id"].to_pylist()
    except (OSError, ValueError, KeyError) as error:
        yield Finding("damaged", path, f"{_because(error)}; it is made again when it is needed", harmless=True)
        return
    if face_ids is not None and ids != face_ids:
        yield Finding("orphaned", path, "the scan has other faces by now; it is made again", harmless=True)


def _orphans(folder: Path, parts: set[str], embedder_sha256: str) -> Iterator[Finding]:
    """Files in the parts' folders that no committed part owns."""
    owned = {folder / name for number in parts for name in part_files(number, embedder_sha256)}
    owned |= {folder / "frames" / f"{number}.parquet" for number in parts} | set(joined_paths(folder, embedder_sha256))
    owned |= {file for path in late_paths(folder, embedder_sha256) for file in (path, path.with_suffix(".npy"))}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts[0] in ("frames", "faces", "embeddings", "measures")
        if path.is_file() and (path.name.endswith(PART_SUFFIX) or (inside and path not in owned)):
            yield Finding("orphaned", path, "no part owns this file", harmless=True)


def _because(error: Exception) -> str:
    return f"it cannot be read: {' '.join(str(error).split())[:200]}"
