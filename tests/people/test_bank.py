"""Growth of the bank: every gate on its own."""

import dataclasses

import numpy as np
import pytest

from facecrop_core.people import GrowthRules, ReferenceBank
from facecrop_core.records import Reference

RULES = GrowthRules(add=0.22, enter=0.45, sharpness=70, alike=0.968, cooldown=5, most=64)


def unit(angle, plane=1):
    """A unit vector at an angle in degrees from the first axis, towards another."""
    vector = np.zeros(6, np.float32)
    vector[0], vector[plane] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return vector


ANN, BOB = Reference("ann", "a", unit(0)), Reference("bob", "b", unit(90, plane=5))


def bank(references=(ANN,), metric="cosine", grown=(), **rules):
    return ReferenceBank(references, metric, dataclasses.replace(RULES, **rules), grown)


def grow(to, *faces, sharpness=100.0, samples=1):
    return to.grow(np.stack(faces), lambda face: sharpness, samples)


def test_distances_are_to_the_nearest_reference_of_each_person():
    two = bank((ANN, Reference("ann", "c", unit(60)), BOB))
    found = two.distances(np.stack([unit(60), unit(0), np.full(6, np.nan, np.float32)]))
    assert found.shape == (3, 2)
    assert found[:2, 0] == pytest.approx([0, 0], abs=1e-6) and found[0, 1] == pytest.approx(1)
    assert np.isinf(found[2]).all(), "a face without an embedding is near nobody"


def test_a_near_face_is_taken_in_and_then_counts():
    own = bank()
    (added,) = grow(own, unit(80), unit(30))
    assert (added.face, added.person) == (1, "ann") and added.distance == pytest.approx(1 - np.cos(np.radians(30)))
    assert own.distances(unit(30)[None])[0, 0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("why", "face", "how", "rules"),
    [
        ("too far", unit(40), {}, {}),
        ("not sharp", unit(30), {"sharpness": 69.9}, {}),
        ("not measured", unit(30), {"sharpness": float("nan")}, {}),
        ("nothing new", unit(14), {}, {}),
        ("growth is off", unit(30), {}, {"add": None}),
        ("the bank is full", unit(30), {}, {"most": 1}),
    ],
)
def test_a_face_that_fails_one_gate_is_not_taken(why, face, how, rules):
    assert grow(bank(**rules), face, **how) == [], why


def test_a_face_that_might_be_somebody_else_is_not_taken():
    twin = Reference("twin", "t", unit(50))
    assert grow(bank((ANN, twin)), unit(30)) == []
    assert len(grow(bank((ANN, BOB)), unit(30))) == 1


def test_the_cooldown_counts_samples_of_each_person():
    own = bank((ANN, BOB))
    assert len(grow(own, unit(30))) == 1
    for _ in range(4):
        assert grow(own, unit(30, plane=2)) == []
    assert len(grow(own, unit(30, plane=2), samples=1)) == 1
    assert len(grow(own, unit(30, plane=3), samples=5)) == 1
    toward_bob = (unit(90, plane=5) * np.cos(0.5) + unit(90, plane=4) * np.sin(0.5)).astype(np.float32)
    assert [a.person for a in grow(own, toward_bob)] == ["bob"], "another person's rest is their own"


def test_growth_does_not_walk_away_from_the_references_of_the_user():
    own, angle, taken = bank(), 0, 0
    while angle < 180:
        angle += 30
        taken += len(grow(own, unit(angle), samples=5))
    assert taken == 1, "60 degrees from the user's own is farther than the enter distance"


def test_references_that_grew_before_are_known_and_count():
    before = [Reference("ann", "g", unit(30, plane=2))]
    assert bank(grown=before).distances(before[0].embedding[None])[0, 0] == pytest.approx(0, abs=1e-6)
    assert grow(bank(grown=before, most=2), unit(30)) == []


def test_euclidean_distances():
    near = unit(30)
    length = float(np.linalg.norm(near - unit(0)))
    assert bank(metric="euclidean").distances(near[None])[0, 0] == pytest.approx(length, abs=1e-5)
    assert len(grow(bank(metric="euclidean", add=0.55, enter=0.6), near)) == 1
