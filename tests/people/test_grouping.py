"""K-means, classification and the consistency filter."""

import numpy as np
import pytest

from facecrop_core.people import kmeans as module
from facecrop_core.people.classification import classify
from facecrop_core.people.consistency import consistent
from facecrop_core.people.kmeans import best_grouping, clustering_log_rows, k_means
from facecrop_core.people.quality import ELIGIBLE, FAINT, face_quality
from facecrop_core.records import Calibration, Reference

COSINE = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
EUCLIDEAN = Calibration("euclidean", match=0.42, unsure=0.36, det_thresh=0.0)


def blobs(groups=4, faces=20, spread=0.3, seed=0):
    random = np.random.default_rng(seed)
    centres = np.eye(groups, 32)
    vectors = np.repeat(centres, faces, axis=0) + spread / 5 * random.standard_normal((groups * faces, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("many", [False, True])
def test_silhouette_finds_the_number_of_groups(many, monkeypatch):
    if many:
        monkeypatch.setattr(module, "MINI_BATCH_FACES", 50)
        monkeypatch.setattr(module, "SILHOUETTE_FACES", 60)
    groupings = k_means(blobs(), range(2, 7), seed=0)
    assert [g.clusters for g in groupings] == [2, 3, 4, 5, 6]
    best = best_grouping(groupings)
    assert best.clusters == 4
    assert best.labels.tolist() == np.repeat(np.arange(4), 20).tolist()


def test_equal_seeds_give_equal_groups():
    vectors = blobs(spread=1.5)
    one, two = (k_means(vectors, [3, 5], seed=4) for _ in range(2))
    assert all((a.labels == b.labels).all() and a.silhouette == b.silhouette for a, b in zip(one, two, strict=True))


def test_kmeans_with_few_faces_and_faces_without_embedding():
    vectors = blobs(groups=3, faces=1)
    assert [g.clusters for g in k_means(vectors, [2, 3, 9], seed=0)] == [2, 3]
    (alone,) = k_means(vectors, [9], seed=0)
    assert alone.labels.tolist() == [0, 1, 2] and np.isnan(alone.silhouette)
    assert best_grouping([alone]) is alone
    vectors[1] = np.nan
    assert k_means(vectors, [1], seed=0)[0].labels.tolist() == [0, -1, 0]
    assert k_means(vectors[1:2], [2], seed=0) == []


def test_log_of_clustering():
    head, *rows = clustering_log_rows(k_means(blobs(), [2, 4], seed=0))
    assert head == ["n_clusters", "silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"]
    assert [row[0] for row in rows] == ["2", "4"]
    assert float(rows[1][1]) > float(rows[0][1]) > 0


REFERENCES = [
    Reference("bob", "b", np.array([0, 1, 0], np.float32)),
    Reference("ann", "a", np.array([1, 0, 0], np.float32)),
    Reference("bob", "b2", np.array([0, 0, 1], np.float32)),
]
FACES = np.array([[1, 0, 0], [0, 0, 1], [-0.6, -0.8, 0], [np.nan] * 3, [0.6, 0.8, 0]], np.float32)


def test_nearest_reference_or_other():
    found = classify(FACES, REFERENCES, COSINE, 0.9)
    assert found.names == ("bob", "ann", "other")
    assert found.labels.tolist() == [1, 0, 2, -1, 0]
    assert found.distances[4] == pytest.approx([0.2, 0.4], abs=1e-6)
    assert classify(FACES, REFERENCES, COSINE, 0.2 - 1e-6).labels.tolist() == [1, 0, 2, -1, 2]
    assert classify(FACES, REFERENCES, COSINE, "auto").threshold == pytest.approx(0.6)
    without = classify(FACES, REFERENCES, COSINE, None)
    assert without.names == ("bob", "ann") and without.labels.tolist() == [1, 0, 0, -1, 0]
    assert classify(FACES, REFERENCES, EUCLIDEAN, None).distances[0].tolist() == pytest.approx([2**0.5, 0], abs=1e-6)
    with pytest.raises(ValueError, match="reference"):
        classify(FACES, [], COSINE, 0.9)


def test_log_of_classification():
    rows = classify(FACES[:3], REFERENCES, COSINE, 0.9).log_rows(["1.jpg", "2.jpg", "3.jpg"])
    assert rows == [
        ["file_name", "dist_bob", "dist_ann", "assigned_to_class(other_threshold=0.9)"],
        ["1.jpg", "1.0000", "0.0000", "ann"],
        ["2.jpg", "0.0000", "1.0000", "bob"],
        ["3.jpg", "1.0000", "1.6000", "other"],
    ]
    assert classify(FACES, REFERENCES, COSINE, None).log_rows("12345")[0][-1] == "assigned_to_class"


@pytest.mark.parametrize("calibration", [COSINE, EUCLIDEAN])
def test_faces_that_do_not_fit_their_cluster(calibration):
    vectors, labels = blobs(), np.repeat(np.arange(4), 20)
    labels[[3, 45]] = 2, 0  # two faces in others' clusters
    labels[60] = -1
    fits = consistent(vectors, labels, calibration, "auto")
    assert np.flatnonzero(~fits).tolist() == [3, 45]
    assert consistent(vectors, labels, calibration, None).all()
    assert not consistent(vectors, labels, calibration, 0.999)[labels >= 0].any()


def test_what_cannot_be_judged_fits():
    vectors = blobs(groups=3, faces=1)
    vectors[2] = np.nan
    assert consistent(vectors, np.array([0, 1, 0]), COSINE, "auto").all()
    assert consistent(vectors[:0], np.zeros(0, np.int64), COSINE, "auto").tolist() == []


def face(**values):
    columns = {"x1": 0, "y1": 0, "x2": 80, "y2": 100, "det_score": 0.9, "laplacian": 200, "contrast": 50, "yaw": 5}
    columns |= {"pitch": np.nan, "border_px": 30} | values
    return float(face_quality({name: np.array([v], np.float32) for name, v in columns.items()}, 0.5)[0])


def test_quality_is_that_of_the_weakest_point():
    assert face() == 1
    assert face(x2=32) == pytest.approx(ELIGIBLE)
    assert face(det_score=0.5, yaw=-20) == pytest.approx(ELIGIBLE)
    assert face(laplacian=2.5, yaw=60) == pytest.approx(ELIGIBLE / 2)
    assert FAINT < face(yaw=-80) < ELIGIBLE
    assert face(contrast=4) < FAINT
    assert face(border_px=-40) < ELIGIBLE < face(border_px=-10)
    assert face(laplacian=np.nan) == 1
