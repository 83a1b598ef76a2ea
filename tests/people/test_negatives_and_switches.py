"""Who somebody is not, references that are trusted less, and tracks that show two people."""

import numpy as np
import pytest

from facecrop_core.people import bands, classify, match
from facecrop_core.records import Calibration, Reference
from facecrop_core.settings import Settings

CALIBRATION = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
AXES = np.eye(16, dtype=np.float32)
ANN, BOB = Reference("ann", "a", AXES[0]), Reference("bob", "b", AXES[1])


def unit(*parts):
    vector = np.zeros(16, np.float32)
    vector[: len(parts)] = parts
    vector[15] = np.sqrt(max(0.0, 1 - float(vector @ vector)))
    return vector


def matched(faces, references, tracks=None, **values):
    settings = Settings().with_values(values).matching
    tracks = None if tracks is None else np.array(tracks)
    return match(np.stack(faces), np.arange(len(faces)), references, CALIBRATION, settings, tracks)


@pytest.mark.parametrize("sim", ["auto", 0.3])
def test_a_face_nearer_to_a_negative_is_not_that_person(sim):
    not_ann = Reference("ann", "look-alike", AXES[2], negative=True)
    faces = [unit(0.6, 0.1, 0.5), unit(0.6, 0.1, 0.7), unit(0.6, 0.52, 0.601)]
    found = matched(faces, [ANN, not_ann, BOB], sim=sim)
    assert found.names == ("ann", "bob")
    assert found.person.tolist() == [0, -1, 1]  # the last is left to the second person
    assert found.best.tolist() == [0, 1, 1]
    assert found.similarity == pytest.approx([0.6, 0.1, 0.52], abs=1e-6)  # nothing is taken off them


def test_a_negative_says_nothing_of_other_people():
    not_ann = Reference("ann", "bob himself", AXES[1], negative=True)
    assert matched([unit(0.55, 0.7), unit(0.7, 0.3)], [ANN, BOB, not_ann]).person.tolist() == [1, 0]
    assert matched([unit(0.55, 0.7)], [not_ann]).names == ()
    stranger = Reference("carl", "c", AXES[0], negative=True)
    assert matched([unit(0.7)], [ANN, stranger]).names == ("ann",)


def test_a_reference_that_is_trusted_less_says_less_and_leaves_similarity_alone():
    blurred = Reference("bob", "blurred", AXES[1], confidence=0.94)
    face = [unit(0.60, 0.57)]
    assert matched(face, [ANN, BOB]).person.tolist() == [-1]
    assert matched(face, [ANN, blurred]).person.tolist() == [0]
    assert matched([unit(0.1, 0.501)], [ANN, blurred]).person.tolist() == [1]
    doubtful = Reference("ann", "blurred", AXES[2], negative=True, confidence=0.5)
    assert matched([unit(0.6, 0, 0.65)], [ANN, doubtful]).person.tolist() == [0]


def test_classes_have_no_negatives():
    not_ann = Reference("ann", "look-alike", AXES[2], negative=True)
    found = classify(np.stack([unit(0.1, 0.2, 0.9)]), [ANN, not_ann, BOB], CALIBRATION, None)
    assert found.names == ("ann", "bob") and found.labels.tolist() == [1]


def test_bands():
    assert bands(np.array([0.5, 0.49, 0.4, 0.39, np.nan], np.float32), CALIBRATION).tolist() == [2, 1, 1, 0, -1]


def faces_of(direction, count, seed, likeness=0.85):
    """Faces of one person: alike by about likeness squared."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(count, 16))
    noise -= np.outer(noise @ direction, direction)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return [np.float32(likeness * direction + np.sqrt(1 - likeness**2) * n) for n in noise]


def test_a_name_does_not_jump_to_whoever_comes_after_in_the_track():
    """A … A B … B in one track, where somebody's face is in the unsure band to A."""
    a, b = AXES[3], unit(*[0] * 3, 0.42, 0.9)
    reference = [Reference("ann", "a", AXES[3])]
    of_a, of_b = faces_of(a, 12, 0), faces_of(b, 12, 1, 0.95)
    of_a[5] = faces_of(a, 1, 2, 0.45)[0]  # a poor one of hers, which only the track can name
    single = matched(of_a + of_b, reference)
    unsure = (single.person < 0) & (single.similarity >= CALIBRATION.unsure)
    assert unsure[:12].sum() == 1 and unsure[12:].sum() >= 3
    found = matched(of_a + of_b, reference, tracks=[7] * 24)
    assert (found.person[:12] == 0).sum() >= 11 and (found.person[12:] == single.person[12:]).all()


def test_an_unsure_face_inside_its_own_part_gets_the_name():
    of_a = faces_of(AXES[3], 12, 0)
    of_a[5] = unit(0, 0, 0, 0.45)
    assert matched(of_a, [Reference("ann", "a", AXES[3])], tracks=[7] * 12).person.tolist()[4:7] == [0, 0, 0]


def test_a_track_whose_mean_is_between_two_people_names_nobody():
    faces = faces_of(unit(0.65, 0.63), 9, 4, 0.9)
    alone, tracked = matched(faces, [ANN, BOB]), matched(faces, [ANN, BOB], tracks=[2] * 9)
    assert (alone.person >= 0).any() and (tracked.person < 0).all()
    assert (matched(faces, [ANN], tracks=[2] * 9).person == 0).all()  # there is nobody else
    assert (matched(faces, [ANN, BOB], tracks=[2] * 9, margin=0.0).person >= 0).all()
    assert (matched(faces, [ANN, BOB], tracks=[2] * 9, sim=0.5).person == alone.person).all()


def test_whom_the_user_excluded_leaves_the_track_to_the_other():
    faces = np.stack(faces_of(unit(0.65, 0.63), 9, 4, 0.9))
    found = match(
        faces, np.arange(9), [ANN, BOB], CALIBRATION, Settings().matching, np.full(9, 2), np.array([[4, 0]])
    )  # fmt: skip
    assert (found.person == 1).any() and found.person[4] != 0
