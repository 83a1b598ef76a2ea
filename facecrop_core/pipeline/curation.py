"""What the user said of faces, brought to the faces of a scan. It outweighs matching and gates.

In the order of their weight: "is NAME", a face that was moved to a person, "not NAME", matching with references, and
what clustering found.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people import NO_FACE, FaceKey, KeyColumns, PeopleStore, Verdict, Why, find_again
from facecrop_core.pipeline.project import Project, Scan
from facecrop_core.records import REASONS, BoolArray, FaceTable, FloatArray, IntArray, Matches, Video
from facecrop_core.table import read_sample_times

KEEP = -1
NOT_A_FACE, REJECTED = REASONS.index("not_a_face"), REASONS.index("rejected")
HALF_FRAME_SECONDS = 0.02
"""Half of a frame where a video's frame rate is not known."""


@dataclass(frozen=True)
class Lost:
    """A verdict whose face a scan does not have, and why."""

    verdict: Verdict
    why: Why


@dataclass(frozen=True)
class Curated:
    """What was said of the faces of one table.

    ``person`` and ``cluster`` int64 [n] are people's numbers in the store, 0 for none: who the user said that a face
    is, and where clustering put it. ``excluded`` int64 [k, 2] are pairs of a row and the number of a person who it is
    not. ``decision`` int8 [n] is KEEP, NOT_A_FACE, REJECTED or 0. ``names`` are those of all people, by number;
    ``wanted`` are the named ones to whom faces were put, in whichever video: people who are looked for.
    """

    names: dict[int, str | None]
    person: IntArray
    cluster: IntArray
    excluded: IntArray
    decision: NDArray[np.int8]
    wanted: tuple[int, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def left_out(self) -> NDArray[np.int8]:
        """Reasons [n] of what the user left out, 0 elsewhere: for ``select``."""
        return np.maximum(self.decision, 0)

    @property
    def people_digest(self) -> str:
        """Changes whenever matches would: who is called what, and who was said to be who."""
        digest = hashlib.blake2b(repr((sorted(self.names.items()), self.wanted)).encode(), digest_size=16)
        for values in (self.person, self.cluster, self.excluded, self.decision == NOT_A_FACE):
            digest.update(np.ascontiguousarray(values).tobytes() + b"|")
        return digest.hexdigest()


def load_curated(project: Project, scan: Scan, table: FaceTable) -> Curated:
    """Find the faces again that the user spoke of, in a scan's table."""
    if not project.people_path.exists():
        return nothing_said(len(table))
    with PeopleStore(project.people_path) as store:
        return find_verdicts(store, table, read_sample_times(scan.folder))


def nothing_said(n: int) -> Curated:
    none = np.zeros(n, np.int64)
    return Curated({}, none, none.copy(), np.zeros((0, 2), np.int64), np.zeros(n, np.int8))


def find_verdicts(store: PeopleStore, table: FaceTable, sample_times: NDArray[np.float64]) -> Curated:
    """What was said, by row of the table; ``sample_times`` are those of all samples of its scan, rising."""
    face_ids, keys, said = store.marks(table.video.video_id)
    people = store.people()
    curated = dataclasses.replace(
        nothing_said(len(table)),
        names={p.id: p.name for p in people},
        wanted=tuple(p.id for p in people if p.name is not None and p.faces),
    )
    if not said:
        return curated
    faces = KeyColumns(table["time_seconds"], table.boxes_xyxy)
    rows = find_again(keys, faces, sample_times, _half_frame(table.video)).tolist()
    moved, nots = np.zeros(len(table), np.int64), []
    for place, kind, person in said:
        row = rows[place]
        if row < 0:
            continue
        if kind == "not":
            nots.append((row, person))
        elif kind in ("is", "moved", "clustered"):
            {"is": curated.person, "moved": moved, "clustered": curated.cluster}[kind][row] = person
        else:
            curated.decision[row] = {"keep": KEEP, "not_a_face": NOT_A_FACE, "reject": REJECTED}[kind]
    np.copyto(curated.person, moved, where=curated.person == 0)
    excluded = np.array(nots, np.int64).reshape(-1, 2)
    why = {face_ids[place]: row for place, row in enumerate(rows) if row < 0}
    return dataclasses.replace(curated, excluded=excluded, lost=_lost(store, table.video, why))


def _lost(store: PeopleStore, video: Video, why: dict[str, int]) -> tuple[Lost, ...]:
    if not why:
        return ()
    return tuple(
        Lost(verdict, "no face there" if why[verdict.face.face_id] == NO_FACE else "not sampled there")
        for verdict in store.verdicts(video.video_id)
        if verdict.face.face_id in why
    )


def lost_verdicts(project: Project) -> list[Lost]:
    """Every verdict that the scans in force have no face for."""
    if not project.people_path.exists():
        return []
    with PeopleStore(project.people_path) as store:
        lost: list[Lost] = []
        scanned = set()
        for scan in project.scans():
            scanned.add(scan.video.video_id)
            lost += find_verdicts(store, scan.reader().table(), read_sample_times(scan.folder)).lost
        return lost + [Lost(v, "no scan of this video") for v in store.verdicts() if v.face.video_id not in scanned]


def _half_frame(video: Video) -> float:
    return 0.5 / float(video.frame_rate) if video.frame_rate else HALF_FRAME_SECONDS


def face_keys(table: FaceTable, rows: Sequence[int] | IntArray) -> list[FaceKey]:
    """The keys by which curation speaks of a table's rows."""
    boxes = table.boxes_xyxy.astype(float)
    return [
        FaceKey(
            str(table["face_id"][row]),
            table.video.video_id,
            float(table["time_seconds"][row]),
            (boxes[row, 0], boxes[row, 1], boxes[row, 2], boxes[row, 3]),
        )
        for row in rows
    ]


def excluded_pairs(curated: Curated, names: Sequence[str], sample_ids: NDArray[Any]) -> IntArray:
    """For ``match``: pairs [k, 2] of a row and a position in ``names`` that cannot be one.

    They are what the user excluded; everybody else where the user said who it is, and everybody where it is no face;
    and a person whom the user saw in a frame, for the other faces of that frame.

    Args:
        sample_ids: [n], rising.
    """
    positions = {number: names.index(name) for number, name in curated.names.items() if name in names}
    pairs = [(row, positions[number]) for row, number in curated.excluded.tolist() if number in positions]
    for row in np.flatnonzero((curated.person > 0) | (curated.decision == NOT_A_FACE)).tolist():
        mine = positions.get(int(curated.person[row]), -1) if curated.decision[row] != NOT_A_FACE else -1
        pairs += [(row, position) for position in range(len(names)) if position != mine]
        if mine >= 0:
            first, last = np.searchsorted(sample_ids, [sample_ids[row], sample_ids[row] + 1]).tolist()
            pairs += [(other, mine) for other in range(first, last) if curated.person[other] != curated.person[row]]
    return np.array(pairs, np.int64).reshape(-1, 2)


def apply_people(matches: Matches, curated: Curated, sample_ids: NDArray[Any]) -> Matches:
    """Matches with whom the user named, and for faces that nobody matched with the named clusters.

    Wanted people without references are added to ``names``. Where a person comes from the user or from clustering and
    is not the nearest by references, ``similarity`` and ``margin`` are NaN. Matching has to know of ``excluded_pairs``.
    """
    named = {number: name for number, name in curated.names.items() if name is not None}
    names = (*matches.names, *(named[n] for n in curated.wanted if named[n] not in matches.names))
    position = np.full(max(curated.names, default=0) + 1, -1, np.int64)
    for number, name in named.items():
        position[number] = names.index(name) if name in names else -1
    said = curated.person > 0
    person = np.where(said, position[curated.person], matches.person)
    person[curated.decision == NOT_A_FACE] = -1
    clustered = _free_clusters(curated, person, position, sample_ids, len(names))
    person[clustered] = position[curated.cluster[clustered]]
    changed = (said | clustered) & (matches.best != person)
    return Matches(
        names,
        person,
        np.where(changed, person, matches.best),
        np.where(changed, np.nan, matches.similarity).astype(np.float32),
        np.where(changed, np.nan, matches.margin).astype(np.float32),
    )


def _free_clusters(
    curated: Curated, person: IntArray, position: IntArray, sample_ids: NDArray[Any], people: int
) -> BoolArray:
    """Which faces [n] take the named person of their cluster: nobody's yet, and the only one of their frame."""
    wanted = _cluster_wishes(curated, position, sample_ids, people)
    claims = sample_ids.astype(np.int64) * people
    taken = (claims + person)[person >= 0]
    return (wanted >= 0) & (person < 0) & ~np.isin(claims + wanted, taken)


def _cluster_wishes(curated: Curated, position: IntArray, sample_ids: NDArray[Any], people: int) -> IntArray:
    """The named person of each face's cluster, or −1 [n]: of several such faces in one frame, only the first's.

    It does not depend on matching, so that a similarity that moves never hands the name from one face to another.
    """
    wanted = np.where(curated.cluster > 0, position[curated.cluster], -1)
    rows = np.flatnonzero((wanted >= 0) & (curated.person == 0) & (curated.decision != NOT_A_FACE))
    _, first = np.unique(sample_ids[rows].astype(np.int64) * people + wanted[rows], return_index=True)
    wishes = np.full(len(wanted), -1, np.int64)
    wishes[rows[first]] = wanted[rows[first]]
    return wishes


def named_by_clusters(matches: Matches, curated: Curated, sample_ids: NDArray[Any]) -> tuple[IntArray, FloatArray]:
    """Whom each face's cluster would name [n], −1 for nobody, and the similarity border above which it does [n].

    Args:
        matches: at the lowest border, with what the user said.
    """
    named = {name: number for number, name in enumerate(matches.names)}
    position = np.full(max(curated.names, default=0) + 1, -1, np.int64)
    for number, name in curated.names.items():
        position[number] = named.get(name, -1) if name is not None else -1
    people = max(len(named), 1)
    wishes = _cluster_wishes(curated, position, sample_ids, people)
    similarity = np.where(curated.person > 0, np.inf, matches.similarity)
    own = np.where((matches.person >= 0) & np.isfinite(similarity), similarity, -np.inf)
    above = own.astype(np.float32)
    claims = sample_ids.astype(np.int64) * people
    holders = np.flatnonzero(matches.person >= 0)
    held = (claims + matches.person)[holders]
    order = np.argsort(held)
    rows = np.flatnonzero(wishes >= 0)
    asked = (claims + wishes)[rows]
    place = np.minimum(np.searchsorted(held, asked, sorter=order), max(len(held) - 1, 0))
    if len(held):
        holder = holders[order[place]]
        other = (held[order[place]] == asked) & (holder != rows)
        above[rows[other]] = np.maximum(above[rows[other]], similarity[holder[other]])
    return wishes, above


def unnamed_people(matches: Matches, curated: Curated) -> IntArray:
    """The unnamed person (a cluster's number in the store) of each face that has no named one [n]; −1 for none."""
    number = np.where(curated.person > 0, curated.person, curated.cluster)
    unnamed = [n for n, name in curated.names.items() if name is None]
    known = np.isin(number, unnamed) & (matches.person < 0) & (curated.decision != NOT_A_FACE)
    return np.where(known, number, -1)


def keep_chosen(reasons: NDArray[np.int8], curated: Curated) -> NDArray[np.int8]:
    """``reasons`` [n] of ``select``, with those faces kept that the user said to keep."""
    return np.where(curated.decision == KEEP, 0, reasons).astype(np.int8)
