"""Shots and tracks of what a scan stored."""

from __future__ import annotations

import numpy as np

from facecrop_core.pipeline.project import Scan
from facecrop_core.records import BoolArray, FaceTable
from facecrop_core.table import LINKED, commit_table, read_samples
from facecrop_core.track import LinkRules, link_tracks, number_shots

TRACKS_FILE = "tracks.parquet"


def write_tracks(record: Scan, table: FaceTable) -> None:
    """Number the shots and link the faces of a scan's table; can be done again at any time."""
    import pyarrow as pa

    samples, engine = read_samples(record.folder), record.engine
    shot_of_sample = number_shots(samples["signature"])
    shots = shot_of_sample[np.searchsorted(samples["sample"], table["sample"])]
    rules = LinkRules(least_similarity=engine["unsure"])
    tracks = link_tracks(table["time_seconds"], shots, table.boxes_xyxy, table.embeddings, engine["metric"], rules)
    rows = pa.table({"face_id": pa.array(table["face_id"], pa.string()), "track": tracks, "shot": shots})
    embedded = int(embedded_rows(table).sum())
    commit_table(record.folder / TRACKS_FILE, rows.replace_schema_metadata({LINKED: str(embedded)}))


def has_tracks(table: FaceTable) -> bool:
    """Whether all faces of a scan were linked."""
    return len(table) > 0 and bool((table["track"] >= 0).all())


def embedded_rows(table: FaceTable) -> BoolArray:
    """Which faces [n] have an embedding."""
    return np.asarray(np.isfinite(table.embeddings[:, 0]), np.bool_)


def embedded_when_linked(record: Scan) -> int:
    """How many faces of the scan had an embedding when they were linked."""
    import pyarrow.parquet as pq

    with (record.folder / TRACKS_FILE).open("rb") as file:
        return int((pq.read_schema(file).metadata or {}).get(LINKED, 0))
