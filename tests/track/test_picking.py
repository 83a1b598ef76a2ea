from __future__ import annotations

import numpy as np

from facecrop_core.track import FacePicker

STILL = bytes(576)
LEFT, RIGHT = [0, 0, 50, 50], [100, 0, 150, 50]


def pick(picker: FacePicker, seconds: float, *faces: tuple[list[int], float], picture: bytes = STILL) -> list[bool]:
    boxes = np.array([box for box, _ in faces], np.float32).reshape(-1, 4)
    return picker.pick(seconds, picture, boxes, np.array([quality for _, quality in faces], np.float32)).tolist()


def test_the_first_face_one_a_second_and_better_ones_are_chosen() -> None:
    picker = FacePicker()
    chosen = [pick(picker, i / 8, (LEFT, 0.5))[0] for i in range(20)]
    assert np.flatnonzero(chosen).tolist() == [0, 8, 16]
    assert pick(picker, 20 / 8, (LEFT, 0.6)) == [False] and pick(picker, 21 / 8, (LEFT, 0.66)) == [True]
    assert pick(picker, 22 / 8, (LEFT, 0.7)) == [False]
    assert pick(picker, 29 / 8, (LEFT, 0.1)) == [True], "a second after the last one, however poor"


def test_each_face_has_its_own_track() -> None:
    picker = FacePicker()
    assert pick(picker, 0, (LEFT, 0.5)) == [True]
    assert pick(picker, 0.1, (RIGHT, 0.5), ([2, 0, 52, 50], 0.5)) == [True, False]
    assert pick(picker, 0.2, ([4, 0, 54, 50], 0.5), (RIGHT, 0.5)) == [False, False]
    assert pick(picker, 0.3, (LEFT, 0.5), ([1, 0, 51, 50], 0.5)) == [True, False], "one of two goes on"


def test_a_jump_a_gap_or_another_picture_begins_a_track() -> None:
    picker = FacePicker()
    assert pick(picker, 0, (LEFT, 0.5)) == [True]
    assert pick(picker, 0.1, ([40, 0, 90, 50], 0.5)) == [True]
    assert pick(picker, 0.2) == []
    assert pick(picker, 0.3, ([40, 0, 90, 50], 0.5)) == [True]
    assert pick(picker, 0.4, ([40, 0, 90, 50], 0.5), picture=bytes([20]) * 576) == [True]
    assert pick(picker, 0.5, ([40, 0, 90, 50], 0.5), picture=bytes([21]) * 576) == [False]


def test_a_quality_that_is_not_known_or_nothing_is_no_reason() -> None:
    picker = FacePicker()
    assert pick(picker, 0, (LEFT, float("nan"))) == [True] and pick(picker, 0.1, (LEFT, float("nan"))) == [False]
    assert pick(picker, 0.2, (LEFT, 0.0)) == [False] and pick(picker, 0.3, (LEFT, 0.2)) == [True]
