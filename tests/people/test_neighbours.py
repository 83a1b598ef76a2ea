"""Blocks of similarities, against the whole matrix."""

import numpy as np
import pytest

from facecrop_core.people import neighbours
from facecrop_core.people.neighbours import alike_pairs, nearest
from facecrop_core.similarity import similarity_matrix


@pytest.fixture
def vectors(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_CELLS", 700)  # several blocks, the last one ragged
    return np.random.default_rng(0).standard_normal((101, 5)).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_pairs_are_those_of_the_whole_matrix(vectors, metric):
    vectors[7] = np.nan
    whole = similarity_matrix(vectors, vectors, metric)
    least = float(np.nanquantile(whole, 0.9))
    a, b, alike = alike_pairs(vectors, metric, least, 200)
    expected = {(i, j) for i, j in np.argwhere(whole >= least).tolist() if i < j}
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == expected
    assert alike == pytest.approx(whole[a, b], abs=1e-5)
    assert (np.diff(alike) <= 0).all()


def test_of_a_crowd_the_best_are_kept(vectors):
    a, _, alike = alike_pairs(vectors, "euclidean", -10.0, 3)
    whole = similarity_matrix(vectors, vectors, "euclidean")
    assert (np.bincount(a, minlength=101)[:90] == 3).all()
    assert sorted(alike[a == 5]) == pytest.approx(sorted(whole[5, 6:])[-3:], abs=1e-5)


def test_nearest_centres(vectors):
    vectors[7] = np.nan
    places, scores = nearest(vectors, vectors[20:40], "euclidean", 3)
    whole = similarity_matrix(vectors, vectors[20:40], "euclidean")
    assert places[50].tolist() == np.argsort(-whole[50])[:3].tolist()
    assert places[25, 0] == 5 and scores[25, 0] == pytest.approx(1, abs=2e-3)
    assert (scores[7] == -np.inf).all()


def test_fewer_centres_than_asked_for_and_none(vectors):
    assert np.isfinite(nearest(vectors, vectors[:2], "cosine", 3)[1]).sum(axis=1).tolist() == [2] * 101
    assert (nearest(vectors, vectors[:0], "cosine", 3)[1] == -np.inf).all()
    assert all(len(part) == 0 for part in alike_pairs(vectors[:1], "cosine", 0.0, 3))
