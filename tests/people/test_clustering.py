"""Clustering, with people whose faces are known."""

import tracemalloc

import numpy as np
import pytest
from bcubed import bcubed

from facecrop_core.people.clustering import cluster_faces
from facecrop_core.people.units import make_units, split_tracks
from facecrop_core.records import Calibration

COSINE = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
EUCLIDEAN = Calibration("euclidean", match=0.42, unsure=0.36, det_thresh=0.0)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def people(count, seed=0, dimensions=128):
    return unit(np.random.default_rng(seed).standard_normal((count, dimensions)))


class Film:
    """Tracks of known people, one after the other unless told otherwise."""

    def __init__(self, seed=1, dimensions=128):
        self.random, self.dimensions = np.random.default_rng(seed), dimensions
        self.vectors, self.samples, self.tracks, self.names, self.quality = [], [], [], [], []
        self.now, self.next_track = 0, 0

    def noise(self, count=None):
        return unit(self.random.standard_normal((count, self.dimensions) if count else self.dimensions))

    def track(self, person, name, faces=10, at=None, quality=1.0, own_track=True, same_track=False, spread=0.5):
        at = self.now if at is None else at
        look = person + 0.4 * self.noise()
        self.vectors.append(unit(look + spread * self.noise(faces)))
        self.samples.append(at + np.arange(faces))
        number = self.next_track - 1 if same_track else self.next_track
        self.tracks.append(np.full(faces, number if own_track else -1))
        self.names += [name] * faces
        self.quality.append(np.full(faces, quality, np.float32))
        self.now = max(self.now, at + faces)
        self.next_track += not same_track
        return self

    def columns(self):
        return (
            np.concatenate(self.vectors),
            np.concatenate(self.samples).astype(np.int64),
            np.concatenate(self.tracks).astype(np.int64),
            np.concatenate(self.quality),
        )

    def cluster(self, **values):
        return cluster_faces(*self.columns(), COSINE, **values)

    def rows(self, name):
        return np.flatnonzero(np.array(self.names) == name)


def cast_film(count=8, tracks=4, seed=1):
    film, cast = Film(seed), people(count)
    for _ in range(tracks):
        for name, person in enumerate(cast):
            film.track(person, name)
    return film


def test_everyone_is_found_and_the_largest_group_comes_first():
    film = cast_film()
    film.track(people(8)[5], 5, faces=30)
    found = film.cluster()
    assert found.founded == 8 and found.unknown == 0 and found.joined == 0
    assert bcubed(film.names, found.labels) == (1, 1, 1)
    assert set(found.labels[film.rows(5)]) == {0}


def test_euclidean_embeddings_of_no_unit_length():
    film = cast_film()
    vectors, *rest = film.columns()
    shift = 0.9 * people(1, seed=9)[0]  # dlib's lie in a part of space, at lengths about 1.4
    found = cluster_faces((0.62 * vectors + shift).astype(np.float32), *rest, EUCLIDEAN)
    assert bcubed(film.names, found.labels)[2] == 1


@pytest.mark.parametrize("alike", [0.35, 0.45])
def test_near_doubles_stay_two(alike):
    one, across = people(2)
    across = unit(across - one * (one @ across))
    other = alike * one + np.sqrt(1 - alike**2) * across
    film = Film()
    for _ in range(5):
        film.track(one, "one").track(other, "other")
    found = film.cluster()
    assert found.founded == 2
    assert bcubed(film.names, found.labels)[2] == 1


def test_twins_of_one_frame_are_two_though_they_look_alike():
    one, look = people(1)[0], Film(3).noise()
    film = Film()
    film.track(one, "a", at=0).track(unit(one + 0.15 * look), "b", at=0)
    found = film.cluster()
    assert found.founded == 2
    assert not set(found.labels[film.rows("a")]) & set(found.labels[film.rows("b")])


def test_no_sample_ever_has_one_person_twice():
    film, cast = Film(), people(3)
    for _ in range(6):
        at = film.now
        for name in (0, 1, 2, 0):  # a double detection of the first
            film.track(cast[name], name, at=at)
    found = film.cluster()
    samples = film.columns()[1]
    seen = [(s, label) for s, label in zip(samples, found.labels, strict=True) if label >= 0]
    assert len(seen) == len(set(seen))


def test_the_users_links_rule():
    film = Film()
    one, other = people(2)
    film.track(one, "a").track(one, "b").track(other, "c")
    a, b, c = (film.rows(name) for name in "abc")
    assert film.cluster().founded == 2
    apart = film.cluster(cannot_link=[(int(a[0]), int(b[3]))])
    assert apart.founded == 3
    together = film.cluster(must_link=[(int(a[0]), int(c[3]))])
    assert len(set(together.labels)) == 1 and together.refused_links == 0
    both = film.cluster(must_link=[(int(a[0]), int(c[3]))], cannot_link=[(int(a[1]), int(c[0]))])
    assert both.refused_links == 1 and both.labels[a[0]] != both.labels[c[0]]


def test_a_cannot_link_inside_a_track_cuts_it():
    film = Film()
    one, other = people(2)
    film.track(one, "a").track(other, "b", faces=2, same_track=True).track(other, "b")
    found = film.cluster(cannot_link=[(0, 10)])
    assert len(set(found.labels[:10])) == 1
    assert set(found.labels[:10]).isdisjoint(found.labels[10:12])


def test_a_track_is_cut_where_the_person_changes():
    film = Film()
    one, other = people(2)
    film.track(one, "a", faces=11).track(other, "b", faces=9, same_track=True).track(one, "a", faces=7, same_track=True)
    units = split_tracks(*film.columns(), "cosine", 0.6, 0.5, 0.4)
    assert np.flatnonzero(np.diff(units)).tolist() == [10, 19]
    found = film.cluster()
    assert bcubed(film.names, found.labels)[2] == 1


def test_a_long_track_of_one_turning_head_is_one_group():
    random, (front, left, right) = np.random.default_rng(0), people(3)
    turn = np.linspace(-1, 1, 700)[:, None]
    looks = front + 0.45 * (np.maximum(turn, 0) * left + np.maximum(-turn, 0) * right)
    faces = unit(looks + 0.4 * unit(random.standard_normal(looks.shape)))
    n = len(faces)
    found = cluster_faces(faces, np.arange(n), np.zeros(n, np.int64), np.ones(n, np.float32), COSINE)
    assert found.founded == 1 and found.unknown == 0


def test_one_wrong_face_in_a_track_is_taken_out():
    film = Film()
    one, other = people(2)
    film.track(one, "a").track(other, "b", faces=1, same_track=True).track(one, "a", same_track=True)
    film.track(other, "b")
    found = film.cluster()
    assert bcubed(film.names, found.labels)[0] == 1
    assert len(set(found.labels[film.rows("b")])) == 1


def test_existing_ids_are_kept_and_come_first():
    film = cast_film(tracks=3)
    existing = np.full(len(film.names), -1)
    existing[film.rows(2)[:10]] = 70
    existing[film.rows(4)[:5]] = 71  # half a track
    found = film.cluster(existing=existing)
    assert set(found.labels[film.rows(2)]) == {70}
    assert set(found.labels[film.rows(4)]) == {71}
    assert found.joined == 20 + 25 and found.founded == 6
    assert found.labels.max() == 77
    assert (found.labels[existing >= 0] == existing[existing >= 0]).all()


def test_two_ids_of_one_person_never_merge():
    film = Film()
    one = people(1)[0]
    film.track(one, "a").track(one, "a")
    existing = np.repeat([3, 8], 10)
    found = film.cluster(existing=existing, must_link=[(0, 10)])
    assert (found.labels == existing).all() and found.refused_links == 1


def test_not_this_person():
    film = Film()
    one = people(1)[0]
    film.track(one, "a").track(one, "b")
    existing = np.repeat([3, -1], 10)
    assert (film.cluster(existing=existing).labels == 3).all()
    found = film.cluster(existing=existing, cannot_link=[(0, 14)])
    assert set(found.labels[10:]) == {4}


def test_single_faces_join_but_do_not_found():
    film, cast = Film(), people(3)
    film.track(cast[0], 0)
    film.track(cast[0], 0, faces=1, own_track=False).track(cast[1], 1, faces=1, own_track=False)
    film.track(cast[2], 2, faces=1, own_track=False).track(cast[2], 2, faces=1, own_track=False)
    found = film.cluster()
    assert found.labels[10] == 0
    assert (found.labels[11:] == -1).all()
    assert film.cluster(min_faces=2).founded == 2


def test_poor_faces_found_nothing_with_others_but_a_track_of_them_stands_alone():
    film, dark = Film(), people(1)[0]
    for quality in (0.05, 0.05, 0.3, 0.3):
        film.track(dark, quality, quality=quality)
    found = film.cluster()
    assert (found.labels[:20] == -1).all()
    assert len(set(found.labels[20:])) == 2 and found.founded == 2


def test_faces_without_embedding_follow_their_track_alone():
    film = Film()
    film.track(people(1)[0], "a").track(people(1)[0], "a", faces=2, own_track=False)
    vectors, samples, tracks, quality = film.columns()
    vectors[[0, 4, 10, 11]] = np.nan
    found = cluster_faces(vectors, samples, tracks, quality, COSINE)
    assert found.labels.tolist() == [0] * 10 + [-1, -1]
    linked = cluster_faces(vectors, samples, tracks, quality, COSINE, must_link=[(2, 11)])
    assert linked.labels.tolist() == [0] * 10 + [-1, 0]
    vectors[:] = np.nan
    assert cluster_faces(vectors, samples, tracks, quality, COSINE).unknown == 12


@pytest.mark.parametrize("count", [0, 1])
def test_no_face_and_one(count):
    empty = np.zeros(count, np.int64)
    found = cluster_faces(people(1)[:count], empty, empty - 1, np.ones(count, np.float32), COSINE)
    assert found.labels.tolist() == [-1] * count
    assert found.founded == 0 and found.unknown == count


def test_same_faces_give_same_labels_and_nothing_given_is_changed():
    film = cast_film()
    before = film.columns()
    given = film.columns()
    one, two = cluster_faces(*given, COSINE), cluster_faces(*given, COSINE)
    assert (one.labels == two.labels).all()
    for a, b in zip(before, given, strict=True):
        assert (a == b).all()


def test_means_are_of_good_faces():
    vectors = np.eye(3, dtype=np.float32)
    units = make_units(np.zeros(3, np.int64), vectors, np.array([1, 0.1, 1], np.float32), "euclidean")
    assert units.means.tolist() == [[0.5, 0, 0.5]]
    assert units.support.tolist() == [2] and units.faint.tolist() == [2]


@pytest.mark.parametrize("singles", [False, True])
def test_memory_grows_with_the_faces_not_their_square(singles, tmp_path, monkeypatch):
    monkeypatch.setattr("facecrop_core.people.clustering.POOL_UNITS", 2000)
    film, cast = Film(dimensions=64), people(40, dimensions=64)
    for i in range(1200):
        film.track(cast[i % 40], i % 40, spread=0.3)
    vectors, samples, tracks, quality = film.columns()
    np.save(tmp_path / "embeddings.npy", vectors)
    embeddings = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    tracks = np.full(len(tracks), -1) if singles else tracks
    tracemalloc.start()
    found = cluster_faces(embeddings, samples, tracks, quality, COSINE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # 12,000² similarities are 576 MB
    precision, recall, _ = bcubed(np.array(film.names)[found.labels >= 0], found.labels[found.labels >= 0])
    assert precision > 0.98 and recall > 0.9
    assert found.unknown < 240


def test_a_short_track_is_cut_too():
    film = Film()
    one, other = people(2)
    film.track(one, "a", faces=3).track(other, "b", faces=2, same_track=True)
    assert split_tracks(*film.columns(), "cosine", 0.6, 0.5, 0.4).tolist() == [0, 0, 0, 1, 1]
