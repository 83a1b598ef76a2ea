"""Writing a scan's rows in parts. A part counts once its ``frames`` file is in place, which is written last."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.files import PART_SUFFIX, flush_to_disk, writing
from facecrop_core.records import FloatArray, Image
from facecrop_core.table.columns import (
    MEASURES,
    PROOF,
    digest,
    faces_schema,
    frames_schema,
    make_face_id,
    measure_schema,
    part_files,
)
from facecrop_core.table.late import commit_vectors
from facecrop_core.table.parts import commit_table, file_digest, read_table


@dataclass(frozen=True)
class FaceRow:
    """One face as the scan measured it; pixels of the upright source frame.

    ``embedding`` is NaN where there is none; ``chip`` is the aligned face while one may still be made, and not stored.
    """

    box_xyxy: tuple[float, float, float, float]
    landmarks_xy: FloatArray
    det_score: float
    embedding: FloatArray
    measures: dict[str, float]
    thumb_jpeg: bytes
    chip: Image | None = None


@dataclass(frozen=True)
class SampleRow:
    """One sample, with faces or without."""

    sample: int
    frame: int | None
    time_seconds: float
    signature: bytes
    faces: list[FaceRow] = field(default_factory=list)


class ScanWriter:
    """Appends parts to one scan's folder.

    On opening it removes what an interrupted run left behind, so that ``next_sample`` and ``resume_seconds`` say
    exactly where to go on.
    """

    def __init__(self, folder: Path, video_id: str, embedder_sha256: str) -> None:
        self.folder, self.video_id, self.embedder_sha256 = folder, video_id, embedder_sha256
        self.samples: list[SampleRow] = []
        self.next_part, self.next_sample, self.resume_seconds = 0, 0, 0.0
        self.stored_samples, self.stored_faces = 0, 0
        self._thumbs_end = 0
        self._clean()
        self.last_seconds = self.resume_seconds

    def add(self, row: SampleRow) -> None:
        self.samples.append(row)
        self.last_seconds = row.time_seconds

    def flush(self) -> bool:
        """Commit the rows added so far as one part. Returns whether there were any.

        Raises:
            DiskFullError, OutputError: nothing of the part counts; earlier parts are untouched, and it can be tried
                again.
        """
        if not self.samples:
            return False
        samples, number = self.samples, f"{self.next_part:06d}"
        faces = [(sample, face) for sample in samples for face in sample.faces]
        ids = [make_face_id(self.video_id, s.time_seconds, f.box_xyxy) for s, f in faces]
        proof: dict[str, Any] = {}
        if faces:
            start, jpegs = self._thumbs_end, [face.thumb_jpeg for _, face in faces]
            offsets = self._append_thumbs(jpegs)
            proof["thumbs"] = [start, start + sum(map(len, jpegs)), digest(b"".join(jpegs))]
            self._commit_embeddings(number, ids, [face.embedding for _, face in faces])
            for name in MEASURES:
                self._commit_measure(name, number, ids, [face.measures for _, face in faces])
            self._commit_faces(number, ids, faces, offsets)
            proof["files"] = {
                name: file_digest(self.folder / name) for name in part_files(number, self.embedder_sha256)
            }
        self._commit_frames(number, samples, proof)
        self.next_part += 1
        self._thumbs_end += sum(len(face.thumb_jpeg) for _, face in faces)
        self.stored_samples += len(samples)
        self.stored_faces += len(faces)
        self.samples = []
        return True

    def _append_thumbs(self, jpegs: list[bytes]) -> list[int]:
        path, start = self.folder / "thumbs.pack", self._thumbs_end
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if path.exists() else "wb") as pack:
                pack.seek(start)
                pack.write(b"".join(jpegs))
                pack.truncate()
            flush_to_disk(path)
        return [start + int(v) for v in np.cumsum([0] + [len(j) for j in jpegs[:-1]])]

    def _commit_embeddings(self, number: str, ids: list[str], vectors: list[FloatArray]) -> None:
        import pyarrow as pa

        folder = self.folder / "embeddings" / self.embedder_sha256
        commit_vectors(folder / f"{number}.npy", np.stack(vectors))
        commit_table(folder / f"{number}.parquet", pa.table({"face_id": ids}))

    def _commit_measure(self, name: str, number: str, ids: list[str], measures: list[dict[str, float]]) -> None:
        import pyarrow as pa

        columns: dict[str, Any] = {"face_id": ids}
        for column in MEASURES[name]:
            columns[column] = np.array([m.get(column, np.nan) for m in measures], np.float32)
        table = pa.table(columns, schema=measure_schema(name))
        commit_table(self.folder / "measures" / name / f"{number}.parquet", table)

    def _commit_faces(
        self, number: str, ids: list[str], faces: list[tuple[SampleRow, FaceRow]], offsets: list[int]
    ) -> None:
        import pyarrow as pa

        boxes = np.array([f.box_xyxy for _, f in faces], np.float32)
        columns: dict[str, Any] = {
            "face_id": ids,
            "sample": [s.sample for s, _ in faces],
            "frame": [s.frame for s, _ in faces],
            "time_seconds": [s.time_seconds for s, _ in faces],
            **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
            "det_score": np.array([f.det_score for _, f in faces], np.float32),
            "landmarks": [np.asarray(f.landmarks_xy, np.float32).ravel() for _, f in faces],
            "thumb_offset": offsets,
            "thumb_size": [len(f.thumb_jpeg) for _, f in faces],
        }
        commit_table(self.folder / "faces" / f"{number}.parquet", pa.table(columns, schema=faces_schema()))

    def _commit_frames(self, number: str, samples: list[SampleRow], proof: dict[str, Any]) -> None:
        """Written last: the part counts from now on. It carries the digests of the part's other files."""
        import pyarrow as pa

        columns: dict[str, Any] = {
            "sample": [s.sample for s in samples],
            "frame": [s.frame for s in samples],
            "time_seconds": [s.time_seconds for s in samples],
            "faces": [len(s.faces) for s in samples],
            "signature": [s.signature for s in samples],
        }
        schema = frames_schema().with_metadata({PROOF: json.dumps(proof)})
        commit_table(self.folder / "frames" / f"{number}.parquet", pa.table(columns, schema=schema))

    def _clean(self) -> None:
        """Remove what no committed part owns, and find out where to go on."""
        frames = sorted((self.folder / "frames").glob("*.parquet"))
        for number, path in enumerate(frames):
            if path.stem != f"{number:06d}":
                raise ProjectError(
                    f"{path.parent} lacks part {number:06d}.", "Delete this scan's folder and scan again."
                )
        self.next_part = len(frames)
        owned = {path.stem for path in frames}
        for path in self.folder.rglob("*"):
            stray = path.name.endswith(PART_SUFFIX) or (path.stem.isdigit() and path.stem not in owned)
            if path.is_file() and stray:
                path.unlink()
        for path in frames:
            rows = read_table(path, ["sample", "time_seconds", "faces"])
            self.stored_samples += rows.num_rows
            self.stored_faces += int(np.sum(rows["faces"].to_numpy()))
            self.next_sample = int(rows["sample"][-1].as_py()) + 1
            self.resume_seconds = float(rows["time_seconds"][-1].as_py())
        for path in sorted((self.folder / "faces").glob("*.parquet")):
            rows = read_table(path, ["thumb_offset", "thumb_size"])
            self._thumbs_end = int(rows["thumb_offset"][-1].as_py()) + int(rows["thumb_size"][-1].as_py())
