"""Forgetting somebody for good: in the people, the scans, the log, and the datasets that were written.

The caller holds the project. What was cut short is finished by ``resume_forgetting`` before anything else is done.
Copies that left the project by other ways (a table of faces, a file of people) are not known here.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facecrop_core.errors import ProjectError
from facecrop_core.export import erase_crops
from facecrop_core.files import writing
from facecrop_core.people import Curation, PeopleStore, match
from facecrop_core.people.forgetting import (
    Forgetting,
    begin_forgetting,
    finish_forgetting,
    known_faces,
    known_names,
    pending_forgetting,
)
from facecrop_core.pipeline.curation import apply_people, excluded_pairs, load_curated
from facecrop_core.pipeline.grown import BANK_FILE, with_grown
from facecrop_core.pipeline.matching import calibration_of
from facecrop_core.pipeline.project import GROUPING_FILES, Project, Scan
from facecrop_core.pipeline.proof import Evidence, Trace, prove_forgotten
from facecrop_core.pipeline.tracking import embedded_rows
from facecrop_core.records import FaceTable, FloatArray, IntArray
from facecrop_core.settings import Settings
from facecrop_core.table import erase_faces


@dataclass(frozen=True)
class Forgotten:
    """What came of it: ``traces`` is what a search of the disk still found, and has to be empty.

    ``unsearched`` are videos that were scanned with a model that none of the person's references is embedded with:
    there only faces could be erased that had been put to the person by the user or by clustering.
    """

    name: str | None
    faces: int
    crops: int
    traces: list[Trace]
    unsearched: list[str]


def forget(project: Project, person: int | str) -> Forgotten:
    """Erase a person: references, embeddings, verdicts, their faces in every scan, and crops that were exported.

    Their faces are those that the user or clustering put to them, those that match, and unsure ones that nobody else
    has; of faces without an embedding also those that nobody else has in a track with one of theirs. Scans that are not
    in force are removed as a whole. It cannot be undone, nor can what was done before it.

    Raises:
        ProjectError: there is no such person. OutputError, DiskFullError: it was cut short; ``resume_forgetting``
            finishes it.
    """
    resume_forgetting(project)
    if not project.people_path.exists():
        raise ProjectError(f"The project {project.folder} knows nobody.")
    with PeopleStore(project.people_path) as store:
        number = Curation(store).resolve(person)
        names = known_names(store, number)
        name = next(p.name for p in store.people() if p.id == number)
        face_ids, vectors, pictures = known_faces(store, number), _vectors(store, number), _chips(store, number)
        embedders = {sha for row in store.stored_references(number) for sha in row.embedders}
        unsearched = []
        for scan in project.scans():
            if embedders and scan.engine["embedder_sha256"] not in embedders:
                unsearched.append(scan.video.path.name)
            table = scan.reader().table()
            rows = _faces_of(project, store, scan, table, number)
            thumbs = scan.thumbs()
            face_ids.update(str(face_id) for face_id in table["face_id"][rows])
            vectors += list(np.asarray(table.embeddings[rows], np.float32))
            places = zip(table["thumb_offset"][rows].tolist(), table["thumb_size"][rows].tolist(), strict=True)
            pictures += [thumbs.read(*place) for place in places]
        forgetting = Forgetting(number, names, tuple(sorted(face_ids)))
        begin_forgetting(store, forgetting)
    crops = _erase(project, forgetting)
    evidence = Evidence(names, forgetting.face_ids, tuple(v for v in vectors if np.isfinite(v).all()), tuple(pictures))
    return Forgotten(name, len(face_ids), crops, prove_forgotten(project, evidence), unsearched)


def resume_forgetting(project: Project) -> None:
    """Finish what was cut short; nothing is done where there is nothing."""
    if not project.people_path.exists():
        return
    with PeopleStore(project.people_path) as store:
        pending = pending_forgetting(store)
    for forgetting in pending:
        _erase(project, forgetting)


def _erase(project: Project, forgetting: Forgetting) -> int:
    """Returns how many crops were deleted. The people come last: they hold the marker."""
    crops = 0
    for out, statistics in project.exports:
        crops += erase_crops(out, statistics, forgetting.names, forgetting.face_ids)
    in_force = {project.scan_folder(*names) for names in project.scan_names()}
    for folder in sorted((project.folder / "scans").glob("*/*/")):
        if folder not in in_force:
            with writing(folder):
                shutil.rmtree(folder)
    for scan in project.scans():
        _erase_in_scan(scan, forgetting)
    for path in project.folder.rglob(
        "*.part"
    ):  # nobody else writes here, and what was never finished counts for nothing
        path.unlink(missing_ok=True)
    for path in sorted((project.folder / "logs").glob("facecrop.log*")):
        _erase_lines(path, forgetting.names)
    for name in GROUPING_FILES:  # they hold ids and names of all faces, and can be made again
        (project.folder / name).unlink(missing_ok=True)
    with PeopleStore(project.people_path) as store:
        finish_forgetting(store, forgetting)
    return crops


def _erase_in_scan(scan: Scan, forgetting: Forgetting) -> None:
    erase_faces(scan.folder, str(scan.engine["embedder_sha256"]), forgetting.face_ids)
    if forgetting.names and "bank" in scan.content:  # it grew from other references than there will be
        for key in ("bank", "bank_growth"):
            scan.content.pop(key, None)
        scan.save()
        (scan.folder / BANK_FILE).unlink(missing_ok=True)
    if scan.finished:
        table = scan.reader().table()
        scan.content |= {"faces": len(table), "embedded": int(embedded_rows(table).sum())}
        scan.save()
        scan.reader().store_joined()


def _erase_lines(path: Path, names: tuple[str, ...]) -> None:
    """Take lines with these names out of a log, in place: it may be open for appending."""
    if not names:
        return
    words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")
    with writing(path), path.open("r+", encoding="utf-8", errors="surrogateescape", newline="") as log:
        kept = [line for line in log if not words.search(line)]
        log.seek(0)
        log.writelines(kept)
        log.truncate()


def _vectors(store: PeopleStore, person: int) -> list[FloatArray]:
    rows = store.connection.execute(
        "SELECT vector FROM embedding JOIN reference ON reference.id = reference_id WHERE person_id = ?", (person,)
    )
    return [np.frombuffer(vector, "<f4").astype(np.float32) for (vector,) in rows]


def _chips(store: PeopleStore, person: int) -> list[bytes]:
    return [row.reference.chip_jpeg for row in store.stored_references(person)]


def _faces_of(project: Project, store: PeopleStore, scan: Scan, table: FaceTable, person: int) -> IntArray:
    """The rows of a scan's table that show somebody, as far as can be told."""
    engine, settings = scan.engine, _matching(project.settings)
    calibration = calibration_of(scan)
    references = with_grown(scan, store.references(str(engine["embedder_sha256"])), settings)
    curated = load_curated(project, scan, table)
    names = tuple(dict.fromkeys(r.person for r in references))
    excluded = excluded_pairs(curated, names, table["sample"])
    matches = match(
        table.embeddings, table["sample"], references, calibration, settings.matching, table["track"], excluded
    )
    matches = apply_people(matches, curated, table["sample"])
    mine = (curated.person == person) | ((curated.cluster == person) & (curated.person == 0) & (matches.person < 0))
    name = curated.names.get(person)
    if name in matches.names:
        position = matches.names.index(name)
        sim = settings.matching.sim
        least = calibration.unsure if sim is None or sim == "auto" else min(calibration.unsure, float(sim))
        unsure = (matches.person < 0) & (matches.best == position) & (matches.similarity >= least)
        mine |= (matches.person == position) | (unsure & (curated.person == 0))
    nobody = ~embedded_rows(table) & (matches.person < 0) & (curated.person == 0)  # what they show cannot be told
    mine |= nobody & (table["track"] >= 0) & np.isin(table["track"], table["track"][mine])
    return np.flatnonzero(mine)


def _matching(settings: Settings) -> Settings:
    """The settings, with matching on."""
    return settings.with_values({"sim": "auto"}) if settings.matching.sim is None else settings
