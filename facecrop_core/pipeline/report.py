"""The stable way to read results: one row per stored face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.errors import ProjectError, UsageError
from facecrop_core.files import commit
from facecrop_core.names import utf8
from facecrop_core.people import bands
from facecrop_core.pipeline.curation import load_curated
from facecrop_core.pipeline.matching import calibration_of
from facecrop_core.pipeline.produce import Produced, produce
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.seen import people_numbers
from facecrop_core.records import REASONS

if TYPE_CHECKING:
    import pandas as pd

BANDS = np.array(["no", "unsure", "match", None], object)
"""Names of the bands that ``people.bands`` tells; the last one, −1, is for faces without a similarity."""


def save_faces(project: Project, out: Path, with_embeddings: bool = False) -> int:
    """Write ``faces_frame`` as .parquet, .csv or .jsonl, and return the number of rows.

    Raises:
        UsageError: another ending. ProjectError: the project holds no scan. OutputError: the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (".parquet", ".csv", ".jsonl"):
        raise UsageError(f"{out.name} has no known ending.", "Name a file that ends in .parquet, .csv or .jsonl.")
    faces = faces_frame(project, with_embeddings)

    def write(part: Path) -> None:
        if suffix == ".parquet":
            with part.open("wb") as file:  # pyarrow itself cannot open names that are not UTF-8
                faces.to_parquet(file, index=False)
        elif suffix == ".csv":
            faces.to_csv(part, index=False)
        else:
            faces.to_json(part, orient="records", lines=True, force_ascii=False)

    commit(out.absolute(), write)
    return len(faces)


def faces_frame(project: Project, with_embeddings: bool = False) -> pd.DataFrame:
    """Every stored face of the project, kept or not: the columns that ``facecrop faces`` promises.

    What was not measured is null. Raises ProjectError when nothing was scanned yet.
    """
    import pandas as pd

    everything = produce(project, project.settings)
    if not everything:
        raise ProjectError(f"The project {project.folder} holds no scan.", "Scan a video into it first: facecrop scan.")
    return pd.concat([_faces_of(project, produced, with_embeddings) for produced in everything], ignore_index=True)


def _faces_of(project: Project, produced: Produced, with_embeddings: bool) -> pd.DataFrame:
    import pandas as pd

    table, matches = produced.table, produced.matches
    names = np.array([*matches.names, None], object)
    kept = produced.reasons == 0
    columns: dict[str, Any] = {
        "face_id": table["face_id"],
        "video": utf8(produced.scan.video.path),
        "frame": pd.array(table["frame"], dtype="Int64"),
        "time_seconds": table["time_seconds"],
        **{name: table[name] for name in ("x1", "y1", "x2", "y2")},
        "landmarks": [points.ravel().tolist() for points in table["landmarks"]],
        **{name: table[name] for name in ("det_score", "yaw", "pitch", "roll")},
        "sharpness": table["tenengrad"],
        **{name: table[name] for name in ("laplacian", "brightness", "contrast", "frame_share", "border_px")},
        "track": pd.array(table["track"], dtype="Int64"),
        "shot": pd.array(table["shot"], dtype="Int64"),
        "cluster": _clusters(project, produced),
        "person": names[matches.person],
        "similarity": matches.similarity,
        "margin": matches.margin,
        "band": BANDS[bands(matches.similarity, calibration_of(produced.scan))],
        "kept": kept,
        "reason": np.array([None, *REASONS[1:]], object)[produced.reasons],
    }
    faces = pd.DataFrame(columns, index=range(len(table)))
    for name in ("frame", "track", "shot"):
        faces[name] = faces[name].mask(faces[name] < 0)
    if with_embeddings:
        faces["embedding"] = list(table.embeddings)
    return faces


def _clusters(project: Project, produced: Produced) -> NDArray[Any]:
    """``person 3`` for each face [n] of somebody, named or not, by the number that tells people apart; else None."""
    _, person = people_numbers(produced.matches, load_curated(project, produced.scan, produced.table))
    return np.array([f"person {number}" if number else None for number in person.tolist()], object)
