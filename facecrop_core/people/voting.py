"""A track's matched faces name its unsure ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecrop_core.records import BoolArray, FloatArray, IntArray


def vote(
    person: IntArray,
    best: IntArray,
    similarity: FloatArray,
    sample_ids: NDArray[Any],
    tracks: NDArray[Any],
    unsure: float,
    excluded: IntArray | None = None,
) -> IntArray:
    """``person`` [n] with the unsure faces of clear tracks filled in, and those that have no embedding.

    A face without a name whose similarity is at least ``unsure`` takes its best person if its track belongs to that
    person (see ``track_owners``) and no other face of its sample has that name already; of two such faces in one
    sample the more similar one takes it. A face that was not embedded (its similarity is NaN) takes its track's owner
    by the same rules, after those that were, unless ``excluded`` [k, 2] pairs the two.
    """
    known = ~np.isnan(similarity)
    owners = track_owners(person, tracks, known)
    owner = np.where(tracks >= 0, np.append(owners, -1)[tracks], -1)
    if excluded is not None:
        owner[excluded[owner[excluded[:, 0]] == excluded[:, 1], 0]] = -1
    open_rows = np.flatnonzero((person < 0) & (owner >= 0) & (~known | (similarity >= unsure) & (best == owner)))
    if not len(open_rows):
        return person
    people = int(owner.max()) + 1
    claims = sample_ids.astype(np.int64) * people + owner
    named = (person >= 0) & (person < people)
    taken = np.unique(sample_ids[named].astype(np.int64) * people + person[named])
    open_rows = open_rows[~np.isin(claims[open_rows], taken)]
    open_rows = open_rows[np.argsort(-similarity[open_rows], kind="stable")]
    _, first = np.unique(claims[open_rows], return_index=True)
    voted = person.copy()
    voted[open_rows[first]] = owner[open_rows[first]]
    return voted


def track_owners(person: IntArray, tracks: NDArray[Any], known: BoolArray | None = None) -> IntArray:
    """Whose each track is, by its number: a position or −1.

    A track belongs to the person who has more than half of its matched faces, if these are at least two faces or at
    least half of all faces of the track. Faces that are not ``known`` [n] do not count: they could not be matched.
    """
    count, people = int(tracks.max(initial=-1)) + 1, int(person.max(initial=-1)) + 1
    owners = np.full(count, -1, np.int64)
    if not count or not people:
        return owners
    counted = tracks >= 0 if known is None else (tracks >= 0) & known
    lengths = np.bincount(tracks[counted].astype(np.int64), minlength=count)
    named = (person >= 0) & (tracks >= 0)
    pairs, votes = np.unique(tracks[named].astype(np.int64) * people + person[named], return_counts=True)
    track = pairs // people
    matched = np.bincount(track, weights=votes, minlength=count)
    clear = (2 * votes > matched[track]) & ((votes >= 2) | (2 * votes >= lengths[track]))
    owners[track[clear]] = pairs[clear] % people
    return owners
