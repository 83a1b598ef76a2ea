"""Faces of nobody known, grouped by person over all scans of a project.

``auto`` finds as many people as there are: what belongs to known people joins them, the rest founds unnamed people.
Numbers of clusters mean K-means, and classification the nearest reference, both as video-to-faces has them; their
groups also lie in ``groupings.parquet`` (face_id, video_id, and ``G5`` for five clusters or ``class``), from which they
can be exported as they are, unlike people, who are never twice in a frame.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from facecrop_core.errors import ReferencesError
from facecrop_core.people import (
    FaceKey,
    PeopleStore,
    best_grouping,
    classify,
    cluster_faces,
    clustering_log_rows,
    k_means,
)
from facecrop_core.pipeline.events import Note, Progress, Watch
from facecrop_core.pipeline.face_pools import FacePool, Groups, face_pools
from facecrop_core.pipeline.groupings import (
    CLASSIFICATION_LOG,
    CLUSTERING_LOG,
    Outcome,
    groupings_path,
    store_groupings,
    write_logs,
)
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.produce import project_references
from facecrop_core.pipeline.project import Project
from facecrop_core.records import IntArray
from facecrop_core.settings import Settings


def cluster_project(
    project: Project, settings: Settings | None = None, watch: Watch | None = None, *, anew: bool = False
) -> dict[str, Any]:
    """Group the project's faces as ``settings.clustering`` says and store that as one action, which can be undone.

    Returns counts ready for JSON. The same groups once more change nothing. The caller holds the project.

    Args:
        anew: with clustering, also ask those faces again that an earlier clustering gave to unnamed people; else they
            keep their people, whom other faces join first.

    Raises:
        ReferencesError: classification without references. OutputError, DiskFullError. CancelledError: nothing was
            changed.
    """
    watch, settings, began = watch or Watch(), settings or project.settings, time.perf_counter()
    watch.send(Progress("cluster"))
    with ProjectPeople(project, settings) as people:
        pools = face_pools(people.views)
        watch.check_cancelled()
        outcome = _group(people, pools, settings, anew)
        watch.check_cancelled()
        groups = outcome.groups
        changed = groups is not None and not _are_stored(people, groups)
        if groups is not None and changed:
            people.curation.store_clusters(groups)
        store_groupings(project, outcome)
        files = write_logs(project, outcome.logs) if settings.clustering.group_log else {}
        people.refresh()
        unnamed = [p for p in people.summaries() if p.name is None and p.faces]
    faces = sum(pool.faces for pool in pools)
    grouped = sum(len(keys) for _, keys in groups or [])
    return {
        "status": "complete", "faces": faces, "grouped": grouped, "unnamed_people": len(unnamed), "changed": changed,
        **outcome.counts, "files": files,
        "seconds": round(time.perf_counter() - began, 3),
    }  # fmt: skip


def _group(people: ProjectPeople, pools: list[FacePool], settings: Settings, anew: bool) -> Outcome:
    if settings.clustering.group_mode == "classification":
        return _classify(people.project, pools, settings)
    if settings.clustering.cluster_numbers() is not None:
        return _by_k_means(pools, settings)
    grouped_otherwise = groupings_path(people.project).exists()  # such groups are no people whom others could join
    return _by_person(people, pools, settings, anew or grouped_otherwise)


def group_after_scan(project: Project, settings: Settings, watch: Watch) -> dict[str, Any]:
    """What ``group_mode`` asks for at the end of a scan; nothing for ``off``, and for ``auto`` with references."""
    mode = settings.clustering.group_mode
    if mode == "off" or (mode == "auto" and _has_references(project)) or not project.scan_names():
        return {}
    try:
        return {"grouping": cluster_project(project, settings, watch)}
    except ReferencesError as error:  # what was scanned is stored; grouping can be done later
        watch.send(Note("warning", f"The faces were not grouped. {error.message} {error.hint}"))
        return {}


def _has_references(project: Project) -> bool:
    if not project.people_path.exists():
        return False
    with PeopleStore(project.people_path) as store:
        return bool(store.names())


def _by_person(people: ProjectPeople, pools: list[FacePool], settings: Settings, anew: bool) -> Outcome:
    groups: Groups = []
    totals = {"founded": 0, "joined": 0, "unknown": 0}
    for pool in pools:
        existing = _existing(pool, anew)
        clusters = cluster_faces(
            pool.embeddings(),
            pool.unique_ids("sample"),
            pool.unique_ids("track"),
            pool.quality(),
            pool.views[0].calibration,
            existing=existing,
            cannot_link=_cannot_link(pool, existing),
            min_faces=settings.clustering.cluster_min_faces,
            margin=settings.matching.margin,
        )
        for name in totals:
            totals[name] += getattr(clusters, name)
        known = set(existing[existing >= 0].tolist())
        labels = clusters.labels.copy()
        # Whom references show is for references to say, at whatever similarity is asked for: nothing is stored of them.
        labels[np.isin(labels, sorted(known & _with_references(people, pool)))] = -1
        labels[pool.of_views([view.curated.person for view in pool.views]) > 0] = -1  # the user said who it is
        groups += pool.groups(labels, {number: number for number in known})
    return Outcome(_merged(groups), counts=totals)


def _existing(pool: FacePool, anew: bool) -> IntArray:
    """The numbers of those whom faces belong to already [n], −1 for nobody: never two faces of one sample."""
    person, named = (pool.of_views([getattr(view, name) for view in pool.views]) for name in ("person", "named"))
    if anew:  # but for unnamed people of whom the user said who they are not
        denied = np.unique(np.concatenate([view.curated.excluded[:, 1] for view in pool.views]))
        person = np.where((named > 0) | np.isin(person, denied), person, 0)
    person = np.where(np.isin(person, _turned_out(pool)), 0, person)
    said = pool.of_views([view.curated.person for view in pool.views])
    person = np.where(said > 0, said, person)
    samples = pool.unique_ids("sample")
    rows = np.flatnonzero(person > 0)
    order = rows[np.argsort(said[rows] == 0, kind="stable")]  # what the user said comes first
    _, first = np.unique(np.stack([samples[order], person[order]]), axis=1, return_index=True)
    existing = np.full(len(person), -1, np.int64)
    existing[order[first]] = person[order[first]]
    return existing


def _turned_out(pool: FacePool) -> list[int]:
    """Unnamed people most of whose faces have a name by now: the rest of their faces are asked again."""
    cluster = pool.of_views([view.curated.cluster for view in pool.views])
    named = pool.of_views([view.named for view in pool.views]) > 0
    names = pool.views[0].curated.names
    unnamed = [number for number in np.unique(cluster[cluster > 0]).tolist() if names.get(number) is None]
    return [number for number in unnamed if named[cluster == number].mean() > 0.5]


def _cannot_link(pool: FacePool, existing: IntArray) -> list[tuple[int, int]]:
    """For each "not NAME" the face and one face of that person; all faces of a person count as one."""
    one_of = dict(zip(*np.unique(existing, return_index=True), strict=True))
    pairs, first = [], 0
    for view, rows in zip(pool.views, pool.rows, strict=True):
        place = {row: first + i for i, row in enumerate(rows.tolist())}
        for row, person in view.curated.excluded.tolist():
            if row in place and person in one_of:
                pairs.append((place[row], int(one_of[person])))
        first += len(rows)
    return pairs


def _with_references(people: ProjectPeople, pool: FacePool) -> set[int]:
    sha = pool.views[0].table.embedder_sha256
    shown = people.store.stored_references()
    return {r.person_id for r in shown if sha in r.embedders and not r.reference.negative}


def _merged(groups: Groups) -> Groups:
    """One entry for each known person, whom scans of several models may show."""
    known: dict[int, list[FaceKey]] = {}
    for person, keys in groups:
        if person is not None:
            known.setdefault(person, []).extend(keys)
    return [*known.items(), *((None, keys) for person, keys in groups if person is None)]


def _by_k_means(pools: list[FacePool], settings: Settings) -> Outcome:
    groups: Groups = []
    rows: list[list[str]] = []
    outcome = Outcome(groups, pools)
    numbers = settings.clustering.cluster_numbers() or []
    for place, pool in enumerate(pools):
        free = pool.of_views(
            [np.where(view.curated.person > 0, view.curated.person, view.named) for view in pool.views]
        )
        embeddings = np.array(pool.embeddings(), np.float32)
        embeddings[free > 0] = np.nan  # known people are no longer to be grouped
        groupings = k_means(embeddings, numbers, settings.clustering.random_state)
        if not groupings:
            continue
        best = best_grouping(groupings)
        groups += pool.groups(best.labels, {})
        for grouping in groupings if settings.clustering.clusters_save_all else [best]:
            outcome.add_labels(f"G{grouping.clusters}", place, grouping.labels)
        rows += clustering_log_rows(groupings)[bool(rows) :]
        outcome.counts = {"clusters": best.clusters, "silhouette": _plain(best.silhouette)}
    outcome.logs = {CLUSTERING_LOG: rows}
    return outcome


def _classify(project: Project, pools: list[FacePool], settings: Settings) -> Outcome:
    rows: list[list[str]] = []
    outcome = Outcome(None, pools)
    classes: dict[str, int] = {}
    for place, pool in enumerate(pools):
        references = project_references(project, pool.views[0].scan)
        if not references:
            raise ReferencesError(
                "Classification needs references, and the project has none.",
                "Add some with --refs or 'people refs add', or group with --group-mode clustering.",
            )
        calibration = pool.views[0].calibration
        found = classify(pool.embeddings(), references, calibration, settings.clustering.enc_oth_thr)
        names = np.array([*found.names, None], object)[found.labels]
        outcome.columns.setdefault("class", {})[place] = names
        for name, count in zip(*np.unique(names[found.labels >= 0].astype(str), return_counts=True), strict=True):
            classes[str(name)] = classes.get(str(name), 0) + int(count)
        rows += found.log_rows([str(face_id) for face_id in pool.column("face_id")])[bool(rows) :]
    outcome.counts = {"classes": classes}
    outcome.logs = {CLASSIFICATION_LOG: rows}
    return outcome


def _are_stored(people: ProjectPeople, groups: Groups) -> bool:
    """Whether exactly these groups were found before."""
    stored: dict[int, set[str]] = {}
    by_user = set()
    for verdict in people.store.verdicts(clusters=True):
        if verdict.kind == "clustered" and verdict.person_id is not None:
            stored.setdefault(verdict.person_id, set()).add(verdict.face.face_id)
        elif verdict.kind == "moved":
            by_user.add(verdict.face.face_id)
    wanted = [(person, {key.face_id for key in keys} - by_user) for person, keys in groups]
    named = {p.id for p in people.store.people() if p.name is not None}
    unnamed = sorted(sorted(faces) for person, faces in stored.items() if person not in named)
    return all(faces <= stored.get(p, set()) for p, faces in wanted if p in named) and unnamed == sorted(
        sorted(faces) for p, faces in wanted if p not in named and faces
    )


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
