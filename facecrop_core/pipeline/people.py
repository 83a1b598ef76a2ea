"""Everybody in a project and all their faces: what the shell and the page ask, and what they change.

``ProjectPeople`` is the whole of it. Who a face is follows ``produce`` (references, then what the user said); the rest
of the faces belong to unnamed people, which clustering found.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.people import Action, Curation, PeopleStore, export_people, import_people
from facecrop_core.pipeline.curation import lost_verdicts
from facecrop_core.pipeline.project import Project
from facecrop_core.pipeline.seen import ScanPeople, SeenFace, load_view, spread_tracks, worth
from facecrop_core.settings import Settings

SHORTEST_PREFIX = 4
NEAREST_NAMES = 3

__all__ = ["Action", "PersonSummary", "ProjectPeople", "ScanPeople", "SeenFace", "person_label"]


@dataclass(frozen=True)
class PersonSummary:
    """Somebody, and how often they are seen. ``verdicts`` counts what the user said of faces with this person."""

    id: int
    name: str | None
    faces: int
    kept: int
    tracks: int
    videos: int
    first_seconds: float | None
    last_seconds: float | None
    references: int
    negatives: int
    verdicts: int

    @property
    def label(self) -> str:
        return person_label(self.id, self.name)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "label": self.label, **{k: v for k, v in asdict(self).items() if k != "id"}}


class ProjectPeople:
    """The people of one project; a context manager.

    What the user says goes through ``curation``; call ``refresh`` before asking for faces again after that.

    Raises:
        ProjectError: the people cannot be read.
    """

    def __init__(self, project: Project, settings: Settings | None = None, who: str = "user") -> None:
        """``settings``: matching and gates; None: the project's own."""
        self.project, self.settings = project, settings or project.settings
        self.store = PeopleStore(project.people_path)
        self.curation = Curation(self.store, who)
        self._views: list[ScanPeople] | None = None

    def __enter__(self) -> ProjectPeople:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def refresh(self) -> None:
        """Forget what was read: somebody changed it."""
        self._views = None

    @property
    def views(self) -> list[ScanPeople]:
        """One for each scan in force; read when first asked for."""
        if self._views is None:
            self._views = [load_view(self.project, scan, self.settings) for scan in self.project.scans()]
        return self._views

    def summaries(self) -> list[PersonSummary]:
        """Everybody: named people first, each by how often they are seen."""
        found = [self._summary(p.id, p.name, p.references, p.negatives, p.verdicts) for p in self.store.people()]
        return sorted(found, key=lambda p: (p.name is None, -p.faces, p.id))

    def _summary(self, number: int, name: str | None, *counts: int) -> PersonSummary:
        rows = [(view, np.flatnonzero(view.person == number)) for view in self.views]
        seen = [(view, mine) for view, mine in rows if len(mine)]
        times = [view.table["time_seconds"][mine] for view, mine in seen]
        return PersonSummary(
            number,
            name,
            sum(len(mine) for _, mine in seen),
            sum(int((view.produced.reasons[mine] == 0).sum()) for view, mine in seen),
            sum(len(np.unique(view.table["track"][mine])) for view, mine in seen),
            len(seen),
            float(min(t.min() for t in times)) if times else None,
            float(max(t.max() for t in times)) if times else None,
            *counts,
        )

    def find(self, text: str) -> int:
        """A person's number, from a name, ``person 3`` or ``3``.

        Raises:
            ProjectError: nobody is called so; the hint has the nearest names.
        """
        number = self.store.person_id(text)
        if number is not None:
            return number
        digits = text.lower().removeprefix("person").strip()
        people = self.store.people()
        if digits.isdigit() and any(p.id == int(digits) for p in people):
            return int(digits)
        labels = [person_label(p.id, p.name) for p in people]
        folded = {label.casefold(): label for label in labels}
        near = [folded[f] for f in difflib.get_close_matches(text.casefold(), folded, NEAREST_NAMES, 0.5)]
        if near:
            hint = f"Did you mean {' or '.join(near)}? 'people list' names everybody."
        elif labels:
            hint = "'people list' names everybody."
        else:
            hint = "Nobody is known yet: add references, or group the faces with 'people cluster'."
        raise ProjectError(f"There is no person '{text}' in this project.", hint)

    def label(self, number: int) -> str:
        """What a person is called: by name, or ``person 3``; empty for nobody."""
        return person_label(number, self._names().get(number)) if number else ""

    def _names(self) -> dict[int, str | None]:
        return {p.id: p.name for p in self.store.people()}

    def faces_of(self, number: int) -> list[SeenFace]:
        """A person's faces, those first that show them best; each track's best before any track's second."""
        faces = [SeenFace(view, int(row)) for view in self.views for row in np.flatnonzero(view.person == number)]
        faces.sort(key=lambda face: (-worth(face), face.face_id))
        return spread_tracks(faces)

    def cover(self, number: int) -> SeenFace | None:
        """The face that shows somebody best; None where no scan has one."""
        faces = self.faces_of(number)
        return faces[0] if faces else None

    def find_faces(self, prefixes: Sequence[str]) -> list[SeenFace]:
        """Faces by their ids, or by prefixes that only one face has.

        Raises:
            ProjectError: no face, or several, begin so; nothing was done.
        """
        return [self._find_face(prefix.strip().lower()) for prefix in prefixes]

    def _find_face(self, prefix: str) -> SeenFace:
        if len(prefix) < SHORTEST_PREFIX:
            raise ProjectError(f"'{prefix}' is too short for a face.", f"Give {SHORTEST_PREFIX} letters of its id.")
        found = [
            SeenFace(view, int(row))
            for view in self.views
            for row in np.flatnonzero(np.char.startswith(view.table["face_id"].astype(str), prefix))
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise ProjectError(f"There is no face '{prefix}'.", "'people show PERSON' and 'faces' list faces' ids.")
        some = ", ".join(face.face_id for face in found[:NEAREST_NAMES])
        raise ProjectError(f"{len(found)} faces begin with '{prefix}': {some} …", "Give more of the id.")

    def faces_of_tracks(self, number: int, tracks: Sequence[str]) -> list[SeenFace]:
        """A person's faces on tracks: ``7``, or ``film.mp4:7`` where several videos have a track 7 of that person.

        Raises:
            ProjectError: the person is not on such a track, or it is not clear on which.
        """
        return [face for track in tracks for face in self._on_track(number, track)]

    def _on_track(self, number: int, text: str) -> list[SeenFace]:
        video, _, track = text.rpartition(":")
        wanted = int(track) if track.isdigit() else -1
        on = [f for f in self.faces_of(number) if f.track == wanted >= 0 and video in ("", f.view.video_name)]
        if not on:
            raise ProjectError(f"{self.label(number)} is not on a track {text}.", "'people show' lists the tracks.")
        videos = sorted({face.view.video_name for face in on})
        if len(videos) > 1:
            raise ProjectError(f"Track {track} is in several videos.", f"Say which: {videos[0]}:{track}")
        return on

    def tracks_of(self, number: int) -> list[dict[str, Any]]:
        """Where a person is seen: video, track, first and last second and faces, in order of time; ready for JSON."""
        found = []
        for view in self.views:
            mine = np.flatnonzero(view.person == number)
            tracks = view.table["track"][mine]
            for track in dict.fromkeys(tracks.tolist()):
                times = view.table["time_seconds"][mine[tracks == track]]
                place = {"video": view.video_name, "track": track if track >= 0 else None}
                seconds = {"from_seconds": round(float(times[0]), 3), "to_seconds": round(float(times[-1]), 3)}
                found.append({**place, **seconds, "faces": len(times)})
        return found

    def frames_together(self, a: int, b: int) -> int:
        """In how many sampled frames two people are both seen; then they can hardly be one."""
        both = 0
        for view in self.views:
            samples = [view.table["sample"][view.person == number] for number in (a, b)]
            both += len(np.intersect1d(*samples))
        return both

    def said_of(self, number: int) -> dict[str, int]:
        """How many faces the user put to, or said not to be, a person, by kind of verdict."""
        return dict(Counter(v.kind for v in self.store.verdicts() if v.person_id == number))

    def lost(self) -> list[dict[str, Any]]:
        """Verdicts whose face is in no scan in force, and why; ready for JSON."""
        return [
            {
                "kind": lost.verdict.kind,
                "person": self.label(lost.verdict.person_id or 0) or None,
                "face_id": lost.verdict.face.face_id,
                "video_id": lost.verdict.face.video_id,
                "time_seconds": round(lost.verdict.face.time_seconds, 3),
                "made_utc": lost.verdict.made_utc,
                "why": lost.why,
            }
            for lost in lost_verdicts(self.project)
        ]

    def export(self, path: Path, embeddings: bool = False) -> dict[str, int]:
        """See ``people.export_people``."""
        return export_people(self.store, path.absolute(), embeddings)

    def take_in(self, path: Path) -> dict[str, int]:
        """See ``people.import_people``."""
        counts = import_people(self.store, path)
        self.refresh()
        return counts


def person_label(number: int, name: str | None) -> str:
    return name if name is not None else f"person {number}"
