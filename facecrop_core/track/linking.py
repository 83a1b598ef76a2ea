"""Linking the faces of neighbouring samples into tracks: one face over time, within one shot."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import box_sides, iou_matrix
from facecrop_core.records import FloatArray, IntArray, Metric
from facecrop_core.similarity import similarity_matrix


@dataclass(frozen=True)
class LinkRules:
    """When two faces of neighbouring samples may be one. Numbers from InsightFace PrivateFrame's tracker."""

    least_iou: float = 0.05
    most_centre_distance: float = 1.75
    """In units of the mean box size."""
    most_area_ratio: float = 5.0
    most_gap_seconds: float = 1.0
    least_similarity: float = 0.40


@dataclass
class _OpenTrack:
    number: int
    box_xyxy: FloatArray
    embedding: FloatArray
    time_seconds: float


def link_tracks(
    time_seconds: NDArray[np.float64],
    shots: IntArray,
    boxes_xyxy: FloatArray,
    embeddings: FloatArray,
    metric: Metric,
    rules: LinkRules,
) -> IntArray:
    """A track number for each face; faces [n] must be in order of time.

    In each sample the pairs of an open track and a face are taken by likeness, the best first; a face without a track
    opens one. A shot's tracks end with it. A face without embedding is linked by its place alone, rather to
    what was there a moment ago, and the next one is compared with the last embedding that its track has.
    """
    tracks = np.full(len(time_seconds), -1, np.int64)
    open_tracks: list[_OpenTrack] = []
    shot, count = -1, 0
    starts = np.flatnonzero(np.diff(time_seconds, prepend=-np.inf))
    for start, end in itertools.pairwise([*starts, len(time_seconds)]):
        now = float(time_seconds[start])
        if shots[start] != shot:
            shot, open_tracks = int(shots[start]), []
        open_tracks = [t for t in open_tracks if now - t.time_seconds <= rules.most_gap_seconds]
        faces = slice(int(start), int(end))
        for track, face in _pairs(open_tracks, now, boxes_xyxy[faces], embeddings[faces], metric, rules):
            tracks[start + face] = open_tracks[track].number
            before = open_tracks[track]
            vector = embeddings[start + face]
            known = vector if np.isfinite(vector[0]) else before.embedding
            open_tracks[track] = _OpenTrack(before.number, boxes_xyxy[start + face], known, now)
        for face in range(int(start), int(end)):
            if tracks[face] < 0:
                tracks[face] = count
                open_tracks.append(_OpenTrack(count, boxes_xyxy[face], embeddings[face], now))
                count += 1
    return tracks


def _pairs(
    open_tracks: list[_OpenTrack],
    now: float,
    boxes: FloatArray,
    embeddings: FloatArray,
    metric: Metric,
    rules: LinkRules,
) -> list[tuple[int, int]]:
    """One-to-one pairs (position among the open tracks, position among the faces), the likeliest first."""
    if not open_tracks:
        return []
    before = np.stack([t.box_xyxy for t in open_tracks])
    overlap = iou_matrix(before, boxes)
    alike = similarity_matrix(np.stack([t.embedding for t in open_tracks]), embeddings, metric)
    allowed = _near(before, boxes, overlap, rules) & ~(alike < rules.least_similarity)  # NaN is allowed
    # Where likeness is not known, the place counts less the longer it is ago: somebody else may be there since.
    ago = now - np.array([[t.time_seconds] for t in open_tracks])
    likeness: NDArray[Any] = np.where(allowed, overlap + np.where(np.isnan(alike), -ago, alike), -np.inf)
    pairs = []
    while np.isfinite(likeness).any():
        track, face = (int(v) for v in np.unravel_index(int(likeness.argmax()), likeness.shape))
        pairs.append((track, face))
        likeness[track, :] = likeness[:, face] = -np.inf
    return pairs


def _near(before: FloatArray, boxes: FloatArray, overlap: FloatArray, rules: LinkRules) -> NDArray[np.bool_]:
    size_a, size_b = (np.sqrt(np.maximum(np.prod(box_sides(b), axis=1), 1e-6)) for b in (before, boxes))
    centre_a, centre_b = ((b[:, :2] + b[:, 2:]) / 2 for b in (before, boxes))
    distance = np.linalg.norm(centre_a[:, None] - centre_b[None], axis=2) / ((size_a[:, None] + size_b[None]) / 2)
    ratio = np.square(np.maximum(size_a[:, None] / size_b[None], size_b[None] / size_a[:, None]))
    close = (overlap >= rules.least_iou) | (distance <= rules.most_centre_distance)
    return np.asarray(close & (ratio <= rules.most_area_ratio), np.bool_)
