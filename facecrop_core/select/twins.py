"""Which faces repeat a better one: alike pictures, alike embeddings, the same frame or nearly the same moment.

Faces are taken best first, and each stays unless one that stayed is too near: no two that stay are twins, and whoever
goes has a better twin that stays. Each is compared with those that stayed, not with all: where there are twins, these
are few. (Looking hashes up by equal parts would not help: hashes of faces share most parts, because faces are alike.)
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.geometry import iou_matrix
from facecrop_core.records import REASONS, BoolArray, FloatArray, IntArray, Metric
from facecrop_core.select.candidates import Candidates, numbered, rank_within
from facecrop_core.settings.choosing import TwinSettings
from facecrop_core.similarity import similarity_matrix

TWIN, MIN_GAP, ONLY_BEST = (REASONS.index(name) for name in ("twin", "min_gap", "only_best"))
BLOCK, KEPT_AT_ONCE = 1024, 2048
Near = Callable[[IntArray, IntArray], BoolArray]
"""Which rows [n] are too near to which others [m]: [n, m]."""


def find_twins(
    faces: Candidates, settings: TwinSettings, embeddings: FloatArray | None = None, metric: Metric = "cosine"
) -> NDArray[np.int8]:
    """Why each face is left out: positions in ``REASONS`` [n], 0 where it stays.

    ``embeddings`` [n, d], NaN where there is none, are needed for ``enc_dup_thr``. What is pinned stays.
    """
    reasons = np.zeros(len(faces), np.int8)

    def leave_out(reason: int, gone: Callable[[IntArray], BoolArray]) -> None:
        rows = faces.best_first[reasons[faces.best_first] == 0]
        out = rows[gone(rows)]
        reasons[out[~faces.pinned[out]]] = reason

    if settings.only_best:
        leave_out(ONLY_BEST, lambda rows: _not_first(numbered(faces.video, faces.sample)[rows]))
    near = _nearness(faces, settings, embeddings, metric)
    if near is not None:
        within = (faces.person,) if settings.twins_across else (faces.person, faces.video, faces.shot)
        leave_out(TWIN, lambda rows: _repeats(rows, numbered(*within), near))
    if settings.min_gap_sec is not None:
        gap, overlap = settings.min_gap_sec, settings.iou_gate
        leave_out(MIN_GAP, lambda rows: _too_soon(faces, rows, gap, overlap))
    return reasons


def _not_first(groups: IntArray) -> BoolArray:
    return np.asarray(rank_within(groups, np.arange(len(groups))) > 0)


def _nearness(faces: Candidates, settings: TwinSettings, embeddings: FloatArray | None, metric: Metric) -> Near | None:
    """What makes twins by these settings; None where nothing does."""
    tests: list[Near] = []
    if settings.hash_thr is not None:
        hashes, most = faces.hashes, settings.hash_thr

        def alike(a: IntArray, b: IntArray) -> BoolArray:
            bits = np.bitwise_count(hashes[a][:, None] ^ hashes[b][None, :])
            near: BoolArray = (bits <= most) & (hashes[a] != 0)[:, None] & (hashes[b] != 0)[None, :]
            return near

        tests.append(alike)
    if settings.enc_dup_thr is not None and embeddings is not None:
        least = 1 - settings.enc_dup_thr
        tests.append(lambda a, b: similarity_matrix(embeddings[a], embeddings[b], metric) > least)
    if not tests:
        return None
    combine: Any = np.logical_and if settings.twins_need == "both" else np.logical_or
    return lambda a, b: np.asarray(combine.reduce([test(a, b) for test in tests]))


def _repeats(rows: IntArray, groups: IntArray, near: Near) -> BoolArray:
    """Which of these rows, best first, are too near to a better one of their group that stays."""
    order = np.argsort(groups[rows], kind="stable")
    borders = np.flatnonzero(np.diff(groups[rows][order])) + 1
    gone = np.zeros(len(rows), np.bool_)
    for places in np.split(order, borders):
        if len(places) > 1:
            gone[places] = ~_stay(rows[places], near)
    return gone


def _stay(rows: IntArray, near: Near) -> BoolArray:
    """Which rows stay, best first. Each is compared with those that stayed, which twins keep few."""
    stay, kept = np.zeros(len(rows), np.bool_), np.zeros(0, np.int64)
    for start in range(0, len(rows), BLOCK):
        places = np.arange(start, min(start + BLOCK, len(rows)))
        for begin in range(0, len(kept), KEPT_AT_ONCE):
            places = places[~near(rows[places], kept[begin : begin + KEPT_AT_ONCE]).any(axis=1)]
        too_near, blocked = near(rows[places], rows[places]), np.zeros(len(places), np.bool_)
        for i in range(len(places)):
            if not blocked[i]:
                blocked |= too_near[i]
                blocked[i] = False
        places = places[~blocked]
        stay[places] = True
        kept = np.append(kept, rows[places])
    return stay


def _too_soon(faces: Candidates, rows: IntArray, gap_seconds: float, overlap: float | None) -> BoolArray:
    """Which of these rows, best first, lie less than the gap from a better one of their person and video that stays.

    With ``overlap``, only where both boxes overlap by more than that.
    """
    groups = numbered(faces.person, faces.video)[rows].tolist()
    times, boxes = faces.time_seconds[rows].tolist(), faces.boxes_xyxy[rows]
    stayed: dict[int, list[tuple[float, int]]] = {}
    gone = np.zeros(len(rows), np.bool_)
    for place, (group, time) in enumerate(zip(groups, times, strict=True)):
        others = stayed.setdefault(group, [])
        first = bisect_left(others, (time - gap_seconds + 1e-9, -1))
        last = bisect_left(others, (time + gap_seconds - 1e-9, len(rows)))
        near = [other for _, other in others[first:last]]
        if near and (overlap is None or (iou_matrix(boxes[[place]], boxes[near]) > overlap).any()):
            gone[place] = True
        else:
            insort(others, (time, place))
    return gone
