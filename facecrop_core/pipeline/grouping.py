"""Faces of nobody known, grouped by person over all scans of a project.

``auto`` finds as many people as there are: what belongs to known people joins them, the rest founds unnamed people.
Numbers of clusters mean K-means, and classification the nearest reference, both as video-to-faces has them; their
groups also lie in ``groupings.parquet`` (face_id, video_id, and ``G5`` for five clusters or ``class``), from which they
can be exported as they are, unlike people, who are never twice in a frame.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.errors import ReferencesError
from facecrop_core.files import write_whole, writing
from facecrop_core.people import (
    FaceKey,
    PeopleStore,
    best_grouping,
    classify,
    cluster_faces,
    clustering_log_rows,
    k_means,
)
from facecrop_core.pipeline.events import Progress, Watch
from facecrop_core.pipeline.face_pools import FacePool, Groups, face_pools
from facecrop_core.pipeline.people import ProjectPeople
from facecrop_core.pipeline.produce import project_references
from facecrop_core.pipeline.project import GROUPING_FILES, Project
from facecrop_core.records import IntArray
from facecrop_core.settings import Settings
from facecrop_core.table import commit_table

GROUPINGS_FILE, CLUSTERING_LOG, CLASSIFICATION_LOG = GROUPING_FILES


@dataclass
class _Outcome:
    """What grouping found. ``groups`` None: the people stay as they are. ``columns`` are the groupings of
    faces, by name: pairs of a pool and labels or names."""

    groups: Groups | None = None
    columns: dict[str, list[tuple[FacePool, NDArray[Any]]]] = field(default_factory=dict)
    logs: dict[str, list[list[str]]] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)


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
    watch, settings = watch or Watch(), settings or project.settings
    watch.send(Progress("cluster"))
    with ProjectPeople(project, settings) as people:
        pools = face_pools(people.views)
        watch.check_cancelled()
        if settings.clustering.group_mode == "classification":
            outcome = _classify(project, people, pools, settings)
        elif settings.clustering.cluster_numbers() is not None:
            outcome = _by_k_means(pools, settings)
        else:
            outcome = _by_person(people, pools, settings, anew or _groupings_path(project).exists())
        watch.check_cancelled()
        groups = outcome.groups
        changed = groups is not None and not _are_stored(people, groups)
        if groups is not None and changed:
            people.curation.store_clusters(groups)
        _store_groupings(project, outcome)
        files = _write_logs(project, outcome.logs) if settings.clustering.group_log else {}
        people.refresh()
        unnamed = [p for p in people.summaries() if p.name is None and p.faces]
    faces = sum(len(rows) for pool in pools for rows in pool.rows)
    grouped = sum(len(keys) for _, keys in groups or [])
    return {
        "status": "complete", "faces": faces, "grouped": grouped, "unnamed_people": len(unnamed), "changed": changed,
        **outcome.counts, "files": files,
    }  # fmt: skip


def group_after_scan(project: Project, settings: Settings, watch: Watch) -> dict[str, Any]:
    """What ``group_mode`` asks for at the end of a scan; nothing for ``off``, and for ``auto`` with references."""
    mode = settings.clustering.group_mode
    if mode == "off" or (mode == "auto" and _has_references(project)) or not project.scan_names():
        return {}
    return {"grouping": cluster_project(project, settings, watch)}


def _has_references(project: Project) -> bool:
    if not project.people_path.exists():
        return False
    with PeopleStore(project.people_path) as store:
        return bool(store.names())


def _by_person(people: ProjectPeople, pools: list[FacePool], settings: Settings, anew: bool) -> _Outcome:
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
        labels[np.isin(labels, _with_references(people, pool))] = -1
        labels[pool.of_views([view.curated.person for view in pool.views]) > 0] = -1  # the user said who it is
        groups += pool.groups(labels, {number: number for number in known})
    return _Outcome(_merged(groups), counts=totals)


def _existing(pool: FacePool, anew: bool) -> IntArray:
    """The numbers of those whom faces belong to already [n], −1 for nobody: never two faces of one sample."""
    person = pool.of_views([view.named if anew else view.person for view in pool.views])
    said = pool.of_views([view.curated.person for view in pool.views])
    person = np.where(said > 0, said, person)
    samples = pool.unique_ids("sample")
    rows = np.flatnonzero(person > 0)
    order = rows[np.argsort(said[rows] == 0, kind="stable")]  # what the user said comes first
    _, first = np.unique(np.stack([samples[order], person[order]]), axis=1, return_index=True)
    existing = np.full(len(person), -1, np.int64)
    existing[order[first]] = person[order[first]]
    return existing


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


def _with_references(people: ProjectPeople, pool: FacePool) -> list[int]:
    sha = pool.views[0].table.embedder_sha256
    shown = people.store.stored_references()
    return sorted({r.person_id for r in shown if sha in r.embedders and not r.reference.negative})


def _merged(groups: Groups) -> Groups:
    """One entry for each known person, whom scans of several models may show."""
    known: dict[int, list[FaceKey]] = {}
    for person, keys in groups:
        if person is not None:
            known.setdefault(person, []).extend(keys)
    return [*known.items(), *((None, keys) for person, keys in groups if person is None)]


def _by_k_means(pools: list[FacePool], settings: Settings) -> _Outcome:
    groups: Groups = []
    rows: list[list[str]] = []
    outcome = _Outcome(groups)
    numbers = settings.clustering.cluster_numbers() or []
    for pool in pools:
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
            outcome.columns.setdefault(f"G{grouping.clusters}", []).append((pool, grouping.labels))
        rows += clustering_log_rows(groupings)[bool(rows) :]
        outcome.counts = {"clusters": best.clusters, "silhouette": _plain(best.silhouette)}
    outcome.logs = {CLUSTERING_LOG: rows}
    return outcome


def _classify(project: Project, people: ProjectPeople, pools: list[FacePool], settings: Settings) -> _Outcome:
    rows: list[list[str]] = []
    outcome = _Outcome()
    classes: dict[str, int] = {}
    for pool in pools:
        references = project_references(project, pool.views[0].scan)
        if not references:
            raise ReferencesError(
                "Classification needs references, and the project has none.",
                "Add some with --refs or 'people refs add', or group with --group-mode clustering.",
            )
        calibration = pool.views[0].calibration
        found = classify(pool.embeddings(), references, calibration, settings.clustering.enc_oth_thr)
        names = np.array([*found.names, None], object)[found.labels]
        outcome.columns.setdefault("class", []).append((pool, names))
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


def _groupings_path(project: Project) -> Path:
    return project.folder / GROUPINGS_FILE


def _store_groupings(project: Project, outcome: _Outcome) -> None:
    """``groupings.parquet``, or none where there are only people."""
    import pyarrow as pa

    path = _groupings_path(project)
    if not outcome.columns:
        path.unlink(missing_ok=True)
        return
    first = next(iter(outcome.columns.values()))
    videos = [
        np.repeat(view.table.video.video_id, len(rows))
        for pool, _ in first
        for view, rows in zip(pool.views, pool.rows, strict=True)
    ]
    columns = {"face_id": np.concatenate([pool.column("face_id") for pool, _ in first]).astype(str)}
    columns["video_id"] = np.concatenate(videos)
    for name, parts in outcome.columns.items():
        columns[name] = np.concatenate([values for _, values in parts])
    commit_table(path, pa.table({name: list(values) for name, values in columns.items()}))


def read_groupings(project: Project) -> dict[str, NDArray[Any]]:
    """The columns of ``groupings.parquet``; none where there is no such file. −1 is a face without embedding."""
    from facecrop_core.table import read_table

    path = _groupings_path(project)
    if not path.exists():
        return {}
    table = read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def _write_logs(project: Project, logs: dict[str, list[list[str]]]) -> dict[str, str]:
    files = {}
    for name, rows in logs.items():
        text, path = io.StringIO(), project.folder / name
        csv.writer(text, lineterminator="\n").writerows(rows)
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text.getvalue().encode())
        files[path.stem] = str(path)
    return files


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
