"""Who is who among faces that nobody has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.people.bars import ClusterBars
from facecrop_core.people.partition import Partition, node_samples
from facecrop_core.people.units import make_units, split_tracks
from facecrop_core.records import Calibration, FloatArray, IntArray

POOL_UNITS = 16384
"""So many units, those with most good faces, are compared with each other; the rest join what they found, and only
what is left over then is compared with itself."""
MERGE_ROUNDS = 20
ALONE_FACES = 5
"""A track with so many faint faces is somebody, even where it is too poor to be like anyone."""


@dataclass(frozen=True)
class Clusters:
    """``labels`` int64 [n], −1 unknown. Ids that existed are kept; new ones follow the highest, the largest first.

    ``founded``: new clusters. ``joined``: faces that came to ids which existed. ``unknown``: faces without a label.
    ``refused_links``: must-links that could not be followed, since both faces are of one sample, are two people
    already, or must not be linked.
    """

    labels: IntArray
    founded: int
    joined: int
    unknown: int
    refused_links: int


def cluster_faces(
    embeddings: FloatArray,
    sample_ids: NDArray[Any],
    tracks: NDArray[Any],
    quality: FloatArray,
    calibration: Calibration,
    *,
    existing: NDArray[Any] | None = None,
    must_link: Sequence[tuple[int, int]] = (),
    cannot_link: Sequence[tuple[int, int]] = (),
    min_faces: int = 3,
    margin: float = 0.05,
) -> Clusters:
    """Group faces by person.

    In two phases, after PictoPy's: tracks (cut where the person changes, see ``split_tracks``) found groups where their
    means are alike, then groups merge by their own means, then what is left joins the nearest group or stays unknown.
    Faces that have an id come first: others join them before they found anything, and two ids never merge. No group
    ever has two faces of one sample. Nothing is random.

    Args:
        embeddings: float32 [n, d], may be a memory map; NaN rows are faces that were not embedded, which can only
            follow their track or a must-link. Unit length for ``cosine``.
        sample_ids: int64 [n], equal for the faces of one frame of one video, different otherwise.
        tracks: int64 [n], different between videos; −1 for none.
        quality: float32 [n], see ``face_quality``.
        calibration: of the model that made the embeddings.
        existing: int64 [n], the ids that faces have already; −1 for none.
        must_link, cannot_link: pairs of positions of faces, by the user. They speak for the faces' whole tracks.
        min_faces: good faces that found a group.
        margin: how much nearer than the second a group must be for a single or poor face to join it.
    """
    existing = np.full(len(tracks), -1, np.int64) if existing is None else np.asarray(existing, np.int64)
    if not len(tracks):
        return Clusters(existing, 0, 0, 0, 0)
    bars = ClusterBars.of(calibration)
    metric = calibration.metric
    segment = split_tracks(embeddings, sample_ids, tracks, quality, metric, bars.merge, bars.join, bars.outlier)
    segment = _split_enemies(segment, embeddings, cannot_link)
    ids, node, home = _nodes(segment, existing)
    units = make_units(node, embeddings, quality, metric)
    samples = node_samples(node.tolist(), np.asarray(sample_ids).tolist(), len(units.means))
    partition = Partition(units.means, units.support, samples, len(ids), metric)
    for a, b in cannot_link:
        partition.forbid(int(node[a]), int(node[b]))
    refused = _link(partition, node, must_link)
    _stay_home(partition, home)
    _grow(partition, bars, min_faces, margin)
    _stand_alone(partition, units.faint, max(min_faces, ALONE_FACES))
    return _clusters(partition, node, ids, existing, refused)


def _split_enemies(segment: IntArray, embeddings: FloatArray, pairs: Sequence[tuple[int, int]]) -> IntArray:
    """Units without a pair of faces that must not be linked: each face goes with the one that it is more like."""
    segment = segment.copy()
    for a, b in pairs:
        if segment[a] != segment[b]:
            continue
        rows = np.flatnonzero(segment == segment[a])
        to_a, to_b = (np.linalg.norm(embeddings[rows] - embeddings[one], axis=1) for one in (a, b))
        moved = rows[to_b < to_a]  # NaN: alone
        segment[moved] = segment[b] = segment.max() + 1
    return segment


def _nodes(segment: IntArray, existing: IntArray) -> tuple[IntArray, IntArray, list[tuple[int, int]]]:
    """(ids that exist, each face's node, (unit, id's node) of units whose other faces have one id).

    The ids are the first nodes, with all their faces; then come units of faces without id.
    """
    ids = np.unique(existing[existing >= 0])
    has = existing >= 0
    node = np.empty(len(segment), np.int64)
    node[has] = np.searchsorted(ids, existing[has])
    left, unit = np.unique(segment[~has], return_inverse=True)
    node[~has] = len(ids) + unit
    home = []
    pairs = np.unique(np.stack([segment[has], node[has]], axis=1), axis=0)
    owned, first, count = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    for part, place in zip(owned[count == 1], pairs[first[count == 1], 1], strict=True):
        at = int(np.searchsorted(left, part))
        if at < len(left) and left[at] == part:
            home.append((len(ids) + at, int(place)))
    return ids, node, home


def _link(partition: Partition, node: IntArray, pairs: Sequence[tuple[int, int]]) -> int:
    """Follow the user's links; says how many could not be followed."""
    refused = 0
    for a, b in pairs:
        one, other = partition.find(int(node[a])), partition.find(int(node[b]))
        if one != other and partition.may_join(one, other):
            partition.join(one, other)
            partition.founded[min(one, other)] = True
        elif one != other:
            refused += 1
    return refused


def _stay_home(partition: Partition, home: list[tuple[int, int]]) -> None:
    """Faces of a track go with those of its faces that have an id; that the track is one person was seen already."""
    for unit, kept in home:
        one = partition.find(unit)
        if partition.may_join(one, kept):
            partition.join(one, kept)


def _grow(partition: Partition, bars: ClusterBars, min_faces: int, margin: float) -> None:
    nodes = partition.roots()
    everyone = np.unique(nodes)
    good = everyone[(partition.support[everyone] > 0) & ~partition.founded[everyone]]
    spread = np.arange(len(good)) % (len(good) // POOL_UNITS + 1)  # of equals, those from all over come first
    good = good[np.lexsort((spread, -partition.support[good]))]
    for pool in (good[:POOL_UNITS], good[POOL_UNITS:]):
        pool = _loose(partition, pool)
        partition.attach(pool, _groups(partition), bars.join, margin)
        pool = _loose(partition, pool)
        partition.agglomerate(pool, bars.found)
        grown = np.unique([partition.find(int(root)) for root in pool]).astype(np.int64)
        partition.founded[grown[partition.support[grown] >= min_faces]] = True
    for _ in range(MERGE_ROUNDS):
        if not partition.agglomerate(_groups(partition), bars.merge):
            break
    for poor, bar in ((False, bars.join), (True, bars.merge)):
        loose = _loose(partition, everyone)
        partition.attach(loose[(partition.support[loose] == 0) == poor], _groups(partition), bar, margin)


def _stand_alone(partition: Partition, faint: IntArray, least: int) -> None:
    """What is left becomes a group where it has faint faces enough."""
    roots = partition.roots()
    faces = np.bincount(roots, weights=faint, minlength=len(roots))
    partition.founded |= faces >= least


def _groups(partition: Partition) -> IntArray:
    roots = np.unique(partition.roots())
    return roots[partition.founded[roots]]


def _loose(partition: Partition, nodes: IntArray) -> IntArray:
    """Those of the nodes that have joined nothing founded, by their roots."""
    roots = np.unique(np.array([partition.find(int(node)) for node in nodes], np.int64))
    return roots[~partition.founded[roots]]


def _clusters(partition: Partition, node: IntArray, ids: IntArray, existing: IntArray, refused: int) -> Clusters:
    root = partition.roots()[node]
    founded = partition.founded[root]
    new = founded & (root >= len(ids))
    roots, first, count = np.unique(root[new], return_index=True, return_counts=True)
    order = np.lexsort((first, -count))
    labels = np.full(len(node), -1, np.int64)
    old = root < len(ids)
    labels[old] = ids[root[old]]
    rank = np.empty(len(roots), np.int64)
    rank[order] = np.arange(len(roots)) + int(ids.max(initial=-1)) + 1
    labels[new] = rank[np.searchsorted(roots, root[new])]
    joined = int((old & (existing < 0)).sum())
    return Clusters(labels, len(roots), joined, int((labels < 0).sum()), refused)
