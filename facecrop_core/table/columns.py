"""The columns of the stored parts, and how a face gets its id."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SIGNATURE_SIZE = (32, 18)
"""Width and height of the small grey picture kept of each sample; shots are found by comparing neighbours."""

MEASURES: dict[str, tuple[str, ...]] = {
    "sharpness": ("laplacian", "tenengrad"),
    "exposure": ("brightness", "brightness_p5", "brightness_p95", "contrast"),
    "pose": ("yaw", "pitch", "roll"),
    "placement": ("frame_share", "border_px"),
}
"""Stored measures and their columns, all float32; NaN where a face was not measured."""

PROOF = b"facecrop.proof"
"""Key in a frames part's metadata: JSON with ``files``, the digests of the part's other files by their path below the
scan's folder, and ``thumbs``, where the part's thumbnails begin and end in the pack, and their digest."""

LINKED = b"facecrop.linked"
"""Key in tracks.parquet's metadata: how many of the faces had an embedding when they were linked."""

JOINED = b"facecrop.joined"
"""Key in joined.parquet's metadata, see ``joined.py``."""


def faces_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("face_id", pa.string()),
            ("sample", pa.int64()),
            ("frame", pa.int64()),
            ("time_seconds", pa.float64()),
            *((name, pa.float32()) for name in ("x1", "y1", "x2", "y2", "det_score")),
            ("landmarks", pa.list_(pa.float32(), 10)),
            ("thumb_offset", pa.int64()),
            ("thumb_size", pa.int64()),
        ]
    )


def frames_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("sample", pa.int64()),
            ("frame", pa.int64()),
            ("time_seconds", pa.float64()),
            ("faces", pa.int32()),
            ("signature", pa.binary(SIGNATURE_SIZE[0] * SIGNATURE_SIZE[1])),
        ]
    )


def measure_schema(name: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("face_id", pa.string()), *((column, pa.float32()) for column in MEASURES[name])])


def part_files(number: str, embedder_sha256: str) -> list[str]:
    """The files of a part with faces, its frames part aside, by their path below the scan's folder."""
    embeddings = f"embeddings/{embedder_sha256}/{number}"
    measures = [f"measures/{name}/{number}.parquet" for name in MEASURES]
    return [f"{embeddings}.npy", f"{embeddings}.parquet", *measures, f"faces/{number}.parquet"]


def digest(data: bytes) -> str:
    """BLAKE2b-128 as hex."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def make_face_id(video_id: str, time_seconds: float, box_xyxy: tuple[float, ...]) -> str:
    """A face's id: sixteen hex digits from the video, the time in milliseconds and the box in tenths of a pixel."""
    text = f"{video_id} {round(time_seconds * 1000)} " + " ".join(str(round(float(v) * 10)) for v in box_xyxy)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
