"""The faces of a scan with who they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facecrop_core.errors import ReferencesError
from facecrop_core.people import FaceKey, face_quality
from facecrop_core.pipeline.curation import Curated, face_keys, load_curated, unnamed_people
from facecrop_core.pipeline.matching import calibration_of
from facecrop_core.pipeline.produce import Produced, evaluate, project_references
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import Calibration, FaceTable, FloatArray, IntArray, Matches
from facecrop_core.settings import Settings


@dataclass(frozen=True)
class ScanPeople:
    """The faces of one scan and who they are.

    ``person`` int64 [n]: number of the person of each face, named or not; 0 for nobody. ``named`` int64 [n]: the same,
    but 0 where the person has no name. ``quality`` float32 [n]: see ``face_quality``.
    """

    produced: Produced
    curated: Curated
    person: IntArray
    named: IntArray
    quality: FloatArray

    @property
    def scan(self) -> Scan:
        return self.produced.scan

    @property
    def table(self) -> FaceTable:
        return self.produced.table

    @property
    def video_name(self) -> str:
        return self.scan.video.path.name

    @property
    def calibration(self) -> Calibration:
        return calibration_of(self.scan)


@dataclass(frozen=True)
class SeenFace:
    """One face of a scan: a row of its table."""

    view: ScanPeople
    row: int

    @property
    def face_id(self) -> str:
        return str(self.view.table["face_id"][self.row])

    @property
    def key(self) -> FaceKey:
        return face_keys(self.view.table, [self.row])[0]

    @property
    def time_seconds(self) -> float:
        return float(self.view.table["time_seconds"][self.row])

    @property
    def track(self) -> int:
        return int(self.view.table["track"][self.row])

    @property
    def person(self) -> int:
        """Number of the person, 0 for nobody."""
        return int(self.view.person[self.row])

    @property
    def similarity(self) -> float:
        """To the nearest person by references; NaN without references."""
        return float(self.view.produced.matches.similarity[self.row])

    @property
    def margin(self) -> float:
        return float(self.view.produced.matches.margin[self.row])

    def thumbnail(self) -> bytes:
        """A JPEG, as the scan stored it."""
        table = self.view.table
        return self.view.scan.thumbs().read(int(table["thumb_offset"][self.row]), int(table["thumb_size"][self.row]))

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "face_id": self.face_id,
            "video": str(self.view.scan.video.path),
            "time_seconds": round(self.time_seconds, 3),
            "track": self.track if self.track >= 0 else None,
            "box_xyxy": [round(float(v), 1) for v in self.view.table.boxes_xyxy[self.row]],
            "similarity": rounded(self.similarity),
            "margin": rounded(self.margin),
            "kept": bool(self.view.produced.reasons[self.row] == 0),
        }
        return found


def load_view(project: Project, scan: Scan, settings: Settings) -> ScanPeople:
    """Who the faces of one scan are. References that another model made match nobody."""
    table = scan.reader().table()
    curated = load_curated(project, scan, table)
    try:
        references = project_references(project, scan)
    except ReferencesError:
        references = []
    produced = evaluate(scan, table, references, settings, curated)
    named, person = people_numbers(produced.matches, curated)
    quality = face_quality(table.columns, float(scan.engine["det_thresh"]))
    return ScanPeople(produced, curated, person, named, quality)


def people_numbers(matches: Matches, curated: Curated) -> tuple[IntArray, IntArray]:
    """(the named person, the person whether named or not) of each face, as numbers in the store [n]; 0 for nobody."""
    by_name = {name: number for number, name in curated.names.items() if name is not None}
    numbers = np.array([*(by_name.get(name, 0) for name in matches.names), 0], np.int64)  # the last is for -1
    named = numbers[matches.person]
    return named, np.where(named > 0, named, unnamed_people(matches, curated).clip(min=0))


def spread_tracks(faces: Iterable[SeenFace]) -> list[SeenFace]:
    """The same faces, the first of each track before the second of any."""
    seen: dict[tuple[str, int], int] = {}
    ranked = []
    for place, face in enumerate(faces):
        key = (face.view.scan.video.video_id, face.track if face.track >= 0 else -2 - place)
        seen[key] = seen.get(key, -1) + 1
        ranked.append((seen[key], place, face))
    return [face for _, _, face in sorted(ranked, key=lambda entry: entry[:2])]


def worth(face: SeenFace) -> float:
    """How well a face shows somebody: by quality, then by size and score."""
    table, row = face.view.table, face.row
    side = float(min(table["x2"][row] - table["x1"][row], table["y2"][row] - table["y1"][row]))
    return float(face.view.quality[row]) + min(side / 1000, 0.5) + 0.1 * float(table["det_score"][row])


def rounded(value: float) -> float | None:
    """A number for JSON; not measured is null."""
    return None if np.isnan(value) else round(float(value), 4)
