"""Pictures of a project's people: everybody's covers, a person's faces, faces in doubt, references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facecrop_core.export import Tile, TileGroup, write_tiles
from facecrop_core.people import StoredReference
from facecrop_core.pipeline.people import PersonSummary, ProjectPeople
from facecrop_core.pipeline.reviewing import Doubt, band_of, likeness
from facecrop_core.pipeline.seen import SeenFace

BAND_COLORS = {"match": (84, 170, 110), "unsure": (222, 165, 60), "no": (200, 84, 84)}
NEGATIVE_COLOR = BAND_COLORS["no"]


def people_sheet(people: ProjectPeople, path: Path) -> None:
    """The cover of everybody who is seen, or of whom there is a reference."""
    named: list[Tile] = []
    unnamed: list[Tile] = []
    for person in people.summaries():
        jpeg = _cover(people, person)
        if jpeg is not None:
            (unnamed if person.name is None else named).append(Tile(jpeg, (person.label, _count(person))))
    groups = [TileGroup(title, str(len(tiles)), tiles) for title, tiles in (("Named", named), ("Unnamed", unnamed))]
    groups = [group for group in groups if group.tiles]
    write_tiles(path, people.project.folder.name, f"{len(named) + len(unnamed)} people", groups)


def _cover(people: ProjectPeople, person: PersonSummary) -> bytes | None:
    face = people.cover(person.id)
    if face is not None:
        return face.thumbnail()
    references = people.store.stored_references(person.id)
    return references[0].reference.chip_jpeg if references else None


def _count(person: PersonSummary) -> str:
    return f"{person.faces} face{'' if person.faces == 1 else 's'}"


def person_sheet(people: ProjectPeople, number: int, path: Path, count: int) -> None:
    """A person's faces, best first, in the colours of their bands."""
    faces = people.faces_of(number)
    alike = {id(view): likeness(view)[0] for view in people.views}
    tiles = [_face_tile(face, float(alike[id(face.view)][face.row])) for face in faces[:count]]
    shown = f"{len(faces)} faces" + (f", {len(tiles)} shown" if len(tiles) < len(faces) else "")
    write_tiles(path, people.label(number), shown, [TileGroup("", "", tiles)])


def review_sheet(people: ProjectPeople, doubts: Sequence[Doubt], path: Path) -> None:
    """Faces in doubt, with whom they are taken for, their similarity and why they are shown."""
    tiles = []
    for doubt in doubts:
        face = doubt.face
        who = people.label(face.person) or "nobody"
        measure = f"{doubt.similarity:.2f} {doubt.band}" if np.isfinite(doubt.similarity) else "no similarity"
        lines = (f"{who}  {measure}", f"{clock(face.time_seconds)}  {face.face_id[:8]}", doubt.why[0])
        tiles.append(Tile(face.thumbnail(), lines, BAND_COLORS[doubt.band]))
    title = f"{people.project.folder.name}: look at these"
    write_tiles(path, title, f"{len(tiles)} faces, most doubtful first", [TileGroup("", "", tiles)])


def references_sheet(people: ProjectPeople, references: Sequence[StoredReference], path: Path) -> None:
    """The faces of references under their people, negatives marked."""
    groups: dict[int, list[Tile]] = {}
    for stored in references:
        r = stored.reference
        lines = (f"{stored.id}  {Path(r.source).name}", "not this person" if r.negative else f"score {r.det_score:.2f}")
        tile = Tile(r.chip_jpeg, lines, NEGATIVE_COLOR if r.negative else None)
        groups.setdefault(stored.person_id, []).append(tile)
    tiles = [TileGroup(people.label(number), f"{len(tiles)}", tiles) for number, tiles in groups.items()]
    write_tiles(path, f"{people.project.folder.name}: references", str(len(references)), tiles)


def _face_tile(face: SeenFace, similarity: float) -> Tile:
    known = bool(np.isfinite(similarity))
    band = band_of(face.view, similarity)
    lines = (
        f"{clock(face.time_seconds)}" + (f"  {similarity:.2f} {band}" if known else ""),
        face.face_id[:8] + (f"  track {face.track}" if face.track >= 0 else ""),
    )
    return Tile(face.thumbnail(), lines, BAND_COLORS[band] if known else None)


def clock(seconds: float) -> str:
    """75.25 → 1:15.2."""
    minutes, rest = divmod(max(seconds, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"
