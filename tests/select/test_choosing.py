"""Sets of made-up faces whose best answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from test_twins import candidates

from facecrop_core.errors import SettingsError
from facecrop_core.select import Candidates, choose, split_by_shot
from facecrop_core.settings import Settings


def chosen(faces: Candidates, **values: object) -> list[int]:
    return np.flatnonzero(choose(faces, Settings().with_values(values).choosing)).tolist()


def crowd(n: int, seed: int = 0, **columns: object) -> Candidates:
    """Mostly frontal faces, the frontal ones best, in thirty shots."""
    random = np.random.default_rng(seed)
    yaw = random.normal(0, 22, n).astype(np.float32)
    given = {
        "yaw_degrees": yaw,
        "pitch_degrees": random.normal(0, 12, n).astype(np.float32),
        "score": (np.exp(-np.abs(yaw) / 40) * random.uniform(0.5, 1, n)).astype(np.float32),
        "brightness": random.uniform(30, 220, n).astype(np.float32),
        "shot": np.sort(random.integers(0, 30, n)),
        "hashes": random.integers(1, 2**63, n, dtype=np.uint64),
    }
    return candidates(n, **(given | columns))


def yaw_cells(faces: Candidates, rows: list[int]) -> int:
    return len(np.unique(np.digitize(faces.yaw_degrees[rows], (-50, -30, -10, 10, 30, 50))))


def test_everything_is_chosen_by_default_and_nothing_of_nothing() -> None:
    assert chosen(candidates(4)) == [0, 1, 2, 3]
    for values in ({"top_n": 3, "consecutive": 2}, {"target": 5, "max_per_shot": 1}, {}):
        assert chosen(candidates(0), **values) == []
    assert split_by_shot(candidates(0), 0.5).tolist() == []


def test_the_best_of_each_person() -> None:
    faces = candidates(6, person=[0, 0, 0, 1, 1, -1], score=[0.1, 0.9, 0.5, 0.2, 0.3, 0.1])
    assert chosen(faces, top_n=1) == [1, 4, 5]
    assert chosen(faces, top_n=2) == [1, 2, 3, 4, 5]


def test_the_most_of_a_shot_holds() -> None:
    faces = candidates(6, shot=[0, 0, 0, 1, 1, 2], score=[0.9, 0.8, 0.7, 0.3, 0.2, 0.1])
    assert chosen(faces, max_per_shot=1) == [0, 3, 5]
    assert chosen(faces, top_n=4, max_per_shot=2) == [0, 1, 3, 4]
    many = crowd(2000)
    rows = chosen(many, target=200, max_per_shot=5)
    assert np.bincount(many.shot[rows]).max() == 5 and len(rows) == 150  # thirty shots have no more


def test_consecutive_samples_are_of_one_track_and_come_beside_the_best() -> None:
    score = [0.9, 0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.7, 0.7]
    faces = candidates(9, score=score, track=[0, 0, 0, 0, 1, 1, 1, -1, -1], sample=[0, 1, 2, 3, 5, 6, 8, 9, 10])
    assert chosen(faces, consecutive=2) == [0, 1]  # the best mean
    assert chosen(faces, top_n=1, consecutive=2) == [0, 4, 5]  # without what is there already
    assert chosen(faces, top_n=1, consecutive=3) == [0, 1, 2, 3]
    assert chosen(faces, top_n=1, consecutive=4) == [0, 1, 2, 3]  # shared only where there is no other
    assert chosen(faces, top_n=1, consecutive=5) == [0]


def test_a_balanced_set_fills_more_cells_of_yaw_than_the_best() -> None:
    faces = crowd(3000)
    balanced, best = chosen(faces, target=60), chosen(faces, top_n=60)
    assert len(balanced) == len(best) == 60
    assert yaw_cells(faces, balanced) == 7 > yaw_cells(faces, best)
    assert len(np.unique(faces.shot[balanced])) >= len(np.unique(faces.shot[best]))
    assert chosen(faces, target=60) == balanced


def test_a_balanced_set_takes_each_cell_in_turn_and_goes_on_with_those_that_have_more() -> None:
    faces = candidates(6, yaw_degrees=[0, 0, 0, 0, 60, np.nan], score=[0.9, 0.8, 0.7, 0.6, 0.1, 0.1])
    assert chosen(faces, target=3) == [0, 4, 5]
    assert len(chosen(faces, target=5)) == 5
    assert chosen(faces, target=50) == [0, 1, 2, 3, 4, 5]


def test_yaw_counts_where_pitch_was_not_measured() -> None:
    faces = candidates(4, yaw_degrees=[0, 0, 0, 60], pitch_degrees=[np.nan] * 4)
    assert chosen(faces, target=2) == [0, 3]


def test_within_a_cell_unlike_pictures_shots_and_lights_are_preferred() -> None:
    score = np.array([0.9, 0.89, 0.88], np.float32)
    pictures = np.array([2**63, 2**63, 2**63 + 2**40 - 1], np.uint64)
    assert chosen(candidates(3, score=score, hashes=pictures), target=2) == [0, 2]
    same = {"score": score, "hashes": np.full(3, 1, np.uint64)}
    assert chosen(candidates(3, **same), target=2) == [0, 1]
    assert chosen(candidates(3, **same, shot=[0, 0, 1]), target=2) == [0, 2]
    assert chosen(candidates(3, **same, brightness=[100.0, 100.0, 200.0]), target=2) == [0, 2]


def test_what_the_user_said_to_keep_is_chosen_and_counts() -> None:
    faces = candidates(4, pinned=[False, False, False, True])
    assert chosen(faces, top_n=2) == [0, 3]
    assert chosen(faces, target=2) == [0, 3]
    assert chosen(candidates(3, pinned=[True] * 3), top_n=1, max_per_shot=1) == [0, 1, 2]


def test_two_ways_of_choosing_do_not_go_together() -> None:
    with pytest.raises(SettingsError, match="balanced"):
        Settings().with_values({"target": 60, "top_n": 10})


def test_a_shot_is_never_in_both_parts_and_the_share_is_kept() -> None:
    faces = crowd(1000, video=np.repeat([0, 1], 500))
    validation = split_by_shot(faces, 0.2)
    shots = set(zip(faces.video.tolist(), faces.shot.tolist(), strict=True))
    for video, shot in shots:
        assert len(set(validation[(faces.video == video) & (faces.shot == shot)])) == 1
    assert 0.15 <= validation.mean() <= 0.2
    np.testing.assert_array_equal(split_by_shot(faces, 0.2), validation)


def test_large_shots_still_leave_something_to_validate() -> None:
    assert split_by_shot(candidates(5, shot=[0, 0, 0, 1, 1]), 0.1).tolist() == [False, False, False, True, True]
    assert not split_by_shot(candidates(5), 0.5).any()
