"""Matching, with vectors whose similarities can be read off."""

import numpy as np
import pytest

from facecrop_core.people import match
from facecrop_core.people import matching as module
from facecrop_core.people.voting import track_owners
from facecrop_core.records import Calibration, Reference
from facecrop_core.settings import Settings

CALIBRATION = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
AXES = np.eye(4, dtype=np.float32)
REFERENCES = [Reference("ann", "a", AXES[0]), Reference("bob", "b", AXES[1])]


def unit(*parts):
    """A unit vector with these first components; the rest of its length lies in the last one."""
    vector = np.zeros(4, np.float32)
    vector[: len(parts)] = parts
    vector[3] = np.sqrt(max(0.0, 1 - float(vector @ vector)))
    return vector


def matched(faces, samples=None, references=REFERENCES, tracks=None, calibration=CALIBRATION, excluded=None, **values):
    return match(
        np.stack(faces),
        np.arange(len(faces)) if samples is None else np.array(samples),
        references,
        calibration,
        Settings().with_values(values).matching,
        None if tracks is None else np.array(tracks),
        None if excluded is None else np.array(excluded),
    )


def test_similarity_margin_and_person():
    found = matched([unit(0.8, 0.1), unit(0.2, 0.7), unit(0.3, 0.1)])
    assert found.names == ("ann", "bob")
    assert found.person.tolist() == [0, 1, -1]
    assert found.best.tolist() == [0, 1, 0]
    assert found.similarity == pytest.approx([0.8, 0.7, 0.3], abs=1e-6)
    assert found.margin == pytest.approx([0.7, 0.5, 0.2], abs=1e-6)


def test_the_best_of_a_persons_references_counts():
    references = [*REFERENCES, Reference("ann", "a2", AXES[2])]
    found = matched([unit(0.1, 0.0, 0.9)], references=references)
    assert found.person.tolist() == [0]
    assert found.similarity[0] == pytest.approx(0.9)


def test_two_people_too_near_each_other_are_nobody():
    faces = [unit(0.60, 0.58)]
    assert matched(faces).person.tolist() == [-1]
    assert matched(faces, margin=0.01).person.tolist() == [0]


def test_one_person_needs_no_margin():
    found = matched([unit(0.6)], references=REFERENCES[:1], margin=1.0)
    assert found.person.tolist() == [0]
    assert np.isnan(found.margin).all()


@pytest.mark.parametrize(("sim", "expected"), [("auto", [0, -1]), (0.8, [-1, -1]), (0.3, [0, 0])])
def test_minimum(sim, expected):
    assert matched([unit(0.7), unit(0.45)], sim=sim).person.tolist() == expected


def test_sim_off_and_no_references_match_nobody():
    for found in (matched([unit(0.9)], sim=None), matched([unit(0.9)], references=[])):
        assert found.names == ()
        assert (found.person.tolist(), found.best.tolist()) == ([-1], [-1])
        assert np.isnan(found.similarity).all()
        assert np.isnan(found.margin).all()


def test_a_face_without_embedding_is_nobody():
    found = matched([np.full(4, np.nan, np.float32), unit(0.9)], sim=-0.99)
    assert found.person.tolist() == [-1, 0]
    assert found.best.tolist() == [-1, 0]
    assert np.isnan(found.similarity[0])


def test_euclidean_similarity_is_one_minus_distance():
    calibration = Calibration("euclidean", match=0.35, unsure=0.3, det_thresh=0)
    faces = [AXES[0] + np.float32([0, 0, 0.6, 0]), AXES[0] + np.float32([0, 0, 0.7, 0])]
    found = matched(faces, calibration=calibration)
    assert found.similarity == pytest.approx([0.4, 0.3], abs=1e-5)
    assert found.person.tolist() == [0, -1]


def test_of_two_faces_in_one_frame_the_better_keeps_the_name():
    faces = [unit(0.7), unit(0.9)]
    assert matched(faces, samples=[5, 5]).person.tolist() == [-1, 0]
    assert matched(faces, samples=[5, 6]).person.tolist() == [0, 0]


def test_the_other_face_takes_its_second_person_if_that_passes():
    faces = [unit(0.70, 0.60), unit(0.9)]
    found = matched(faces, samples=[5, 5])
    assert found.person.tolist() == [1, 0]
    assert found.best.tolist() == [1, 0]
    assert found.similarity[0] == pytest.approx(0.6)
    assert matched([unit(0.7, 0.45), unit(0.9)], samples=[5, 5]).person.tolist() == [-1, 0]


def test_a_second_choice_gives_way_to_a_better_one_too():
    # the first face loses ann and would take bob at 0.55, but the third is bob at 0.9
    assert matched([unit(0.7, 0.55), unit(0.9), unit(0, 0.9)], samples=[5, 5, 5]).person.tolist() == [-1, 0, 1]
    # here its 0.6 as bob is better than the third's 0.55
    assert matched([unit(0.7, 0.6), unit(0.9), unit(0, 0.55)], samples=[5, 5, 5]).person.tolist() == [1, 0, -1]


def test_no_person_is_twice_in_a_frame():
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(3000, 4)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    samples = rng.integers(0, 500, 3000)
    references = [Reference(f"p{i}", "", v) for i, v in enumerate(faces[:6])]
    for sim in (-0.9, 0.3, "auto"):
        found = matched(list(faces), samples, references, tracks=rng.integers(-1, 90, 3000), sim=sim, margin=0.0)
        named = found.person >= 0
        claims = list(zip(samples[named].tolist(), found.person[named].tolist(), strict=True))
        assert len(claims) == len(set(claims)) > 0
        assert (found.person[named] == found.best[named]).all()


def test_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    faces = list(rng.normal(size=(100, 4)).astype(np.float32) / 2)
    whole = matched(faces)
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    parts = matched(faces)
    assert parts.person.tolist() == whole.person.tolist()
    assert parts.similarity == pytest.approx(whole.similarity)


def test_a_tracks_sure_faces_name_its_unsure_ones():
    faces = [unit(0.8), unit(0.7), unit(0.45), unit(0.39), unit(0.1, 0.45)]
    assert matched(faces, tracks=[3] * 5).person.tolist() == [0, 0, 0, -1, -1]
    assert matched(faces, tracks=[3, 3, 4, 3, 3]).person.tolist() == [0, 0, -1, -1, -1]
    assert matched(faces, tracks=[-1] * 5).person.tolist() == [0, 0, -1, -1, -1]


def test_a_number_for_sim_means_no_voting():
    assert matched([unit(0.8), unit(0.7), unit(0.45)], tracks=[0, 0, 0], sim=0.5).person.tolist() == [0, 0, -1]


def test_a_vote_takes_no_name_that_the_frame_has_already():
    faces = [unit(0.8), unit(0.7), unit(0.45), unit(0.9)]
    assert matched(faces, samples=[0, 1, 2, 2], tracks=[3, 3, 3, 8]).person.tolist() == [0, 0, -1, 0]
    two = [unit(0.8), unit(0.7), unit(0.43), unit(0.46), unit(0.8), unit(0.8)]
    found = matched(two, samples=[0, 1, 2, 2, 3, 4], tracks=[3, 3, 3, 8, 8, 8])
    assert found.person.tolist() == [0, 0, -1, 0, 0, 0]


@pytest.mark.parametrize(
    ("person", "owner"),
    [
        ([0, 0, -1, -1, -1, -1], 0),  # two faces suffice
        ([0, -1, -1], -1),  # one of three does not
        ([0, -1], 0),  # half of the track does
        ([0, 0, 1, 1], -1),  # no majority
        ([0, 0, 0, 1], 0),
        ([-1, -1], -1),
    ],
)
def test_whose_a_track_is(person, owner):
    assert track_owners(np.array(person), np.full(len(person), 2)).tolist()[-1:] == [owner]


def test_no_faces_at_all():
    found = match(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), REFERENCES, CALIBRATION, Settings().matching)
    assert len(found.person) == 0


def test_an_excluded_person_leaves_the_face_to_the_second():
    assert matched([unit(0.8, 0.6)]).person.tolist() == [0]
    found = matched([unit(0.8, 0.6), unit(0.8, 0.6)], excluded=[[1, 0]])
    assert found.person.tolist() == [0, 1] and np.isnan(found.margin[1])
    found = matched([unit(0.8, 0.6)], excluded=[[0, 0], [0, 1]])
    assert (found.person[0], found.best[0]) == (-1, -1) and np.isnan(found.similarity[0])


def test_faces_without_embedding_take_the_owner_of_their_track():
    unknown = np.full(4, np.nan, np.float32)
    faces = [unit(0.8), unknown, unknown, unknown, unit(0.9), unknown]
    found = matched(faces, samples=[0, 1, 2, 3, 3, 4], tracks=[2, 2, -1, 2, 5, 2])
    assert found.person.tolist() == [0, 0, -1, -1, 0, 0]  # one has no track, one's frame has the person already
    assert np.isnan(found.similarity[1]) and found.best[1] == -1
    assert matched(faces[:2], tracks=[2, 2], excluded=[[1, 0]]).person.tolist() == [0, -1]
    assert matched(faces[:2], tracks=[2, 2], sim=0.5).person.tolist() == [0, -1]
    assert matched([unit(0.45), unknown], tracks=[2, 2]).person.tolist() == [-1, -1]
