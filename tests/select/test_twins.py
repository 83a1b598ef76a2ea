"""Twins of made-up faces whose hashes, embeddings and times are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facecrop_core.measure import average_hashes, perceptual_hashes, read_face
from facecrop_core.records import REASONS
from facecrop_core.select import Candidates, find_twins
from facecrop_core.settings import Settings

ALIKE = np.uint64(0b1111)


def candidates(n: int, **columns: object) -> Candidates:
    """Faces of one person, one a second, each of a shot of its own unless given otherwise; the first is the best."""
    given = {
        "video": np.zeros(n, np.int64),
        "person": np.zeros(n, np.int64),
        "shot": np.zeros(n, np.int64),
        "track": np.zeros(n, np.int64),
        "sample": np.arange(n),
        "time_seconds": np.arange(n, dtype=np.float64),
        "boxes_xyxy": np.tile(np.array([0, 0, 100, 100], np.float32), (n, 1)),
        "score": np.linspace(1, 0.5, n, dtype=np.float32),
        "sharpness": np.ones(n, np.float32),
        "yaw_degrees": np.zeros(n, np.float32),
        "pitch_degrees": np.zeros(n, np.float32),
        "brightness": np.full(n, 120, np.float32),
        "pinned": np.zeros(n, np.bool_),
        "hashes": np.random.default_rng(0).integers(1, 2**63, n, dtype=np.uint64),
    }
    return Candidates(**{name: np.asarray(columns.get(name, value)) for name, value in given.items()})


def why(faces: Candidates, embeddings: np.ndarray | None = None, **values: object) -> list[str]:
    reasons = find_twins(faces, Settings().with_values(values).twins, embeddings)
    assert reasons.dtype == np.int8
    return [REASONS[code] for code in reasons]


def test_nothing_is_left_out_by_default() -> None:
    assert why(candidates(5, hashes=[ALIKE] * 5)) == [""] * 5
    assert why(candidates(0), hash_thr=5, min_gap_sec=1.0, only_best=True, twins_across=True) == []


def test_the_best_of_alike_pictures_stays() -> None:
    hashes = np.array([0b0, 0b11111, 0b111111111, 1 << 40], np.uint64) ^ np.uint64(2**63)
    assert why(candidates(4, hashes=hashes, score=[0.5, 0.9, 0.6, 0.4]), hash_thr=5) == ["twin", "", "twin", ""]
    assert why(candidates(4, hashes=hashes, score=[0.9, 0.8, 0.6, 0.4]), hash_thr=4) == ["", "", "twin", "twin"]
    # The second repeats the first; what is only like the second stays.
    assert why(candidates(4, hashes=hashes, score=[0.9, 0.8, 0.6, 0.4]), hash_thr=5) == ["", "twin", "", "twin"]


def test_equal_scores_are_decided_by_sharpness() -> None:
    faces = candidates(3, hashes=[ALIKE] * 3, score=[0.5] * 3, sharpness=[np.nan, 10, 30])
    assert why(faces, hash_thr=0) == ["twin", "twin", ""]


def test_twins_are_of_one_person_and_shot_unless_asked() -> None:
    faces = candidates(4, hashes=[ALIKE] * 4, shot=[0, 0, 1, 1], person=[0, 1, 0, 0])
    assert why(faces, hash_thr=5) == ["", "", "", "twin"]
    assert why(faces, hash_thr=5, twins_across=True) == ["", "", "twin", "twin"]
    videos = candidates(2, hashes=[ALIKE] * 2, video=[0, 1])
    assert why(videos, hash_thr=5) == ["", ""]
    assert why(videos, hash_thr=5, twins_across=True) == ["", "twin"]


def test_faces_without_a_picture_are_nobodys_twins() -> None:
    assert why(candidates(3, hashes=[0, 0, 0]), hash_thr=32) == [""] * 3


def test_twins_by_embedding_and_by_both() -> None:
    angles = np.radians([0, 5, 60, 61])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    hashes = np.array([1, 2**20 - 1, 1, 2**50 - 1], np.uint64)
    faces = candidates(4, hashes=hashes)
    assert why(faces, vectors, enc_dup_thr=0.02) == ["", "twin", "", "twin"]
    assert why(faces, vectors, enc_dup_thr=0.02, hash_thr=3) == ["", "twin", "twin", ""]
    assert why(faces, vectors, enc_dup_thr=0.02, hash_thr=20, twins_need="both") == ["", "twin", "", ""]
    unknown = np.where([[True], [False], [True], [True]], vectors, np.nan).astype(np.float32)
    assert why(faces, unknown, enc_dup_thr=2.0) == ["", "", "twin", "twin"]


def test_the_gap_is_between_crops_of_one_person_and_video() -> None:
    faces = candidates(6, score=[0.5, 0.6, 0.9, 0.6, 0.5, 0.4])
    assert why(faces, min_gap_sec=1.5) == ["", "min_gap", "", "min_gap", "", "min_gap"]
    assert why(faces, min_gap_sec=1.0) == [""] * 6
    assert why(candidates(2, video=[0, 1], time_seconds=[0.0, 0.0]), min_gap_sec=9.0) == ["", ""]
    assert why(candidates(2, person=[0, 1], time_seconds=[0.0, 0.0]), min_gap_sec=9.0) == ["", ""]


def test_the_gap_can_be_for_overlapping_boxes_alone() -> None:
    boxes = np.array([[0, 0, 100, 100], [500, 0, 600, 100], [50, 0, 150, 100]], np.float32)
    faces = candidates(3, boxes_xyxy=boxes)
    assert why(faces, min_gap_sec=9.0, iou_gate=0.05) == ["", "", "min_gap"]
    assert why(faces, min_gap_sec=9.0, iou_gate=0.5) == ["", "", ""]


def test_only_the_best_of_a_frame() -> None:
    faces = candidates(4, sample=[0, 0, 1, 1], person=[0, 1, 0, 1], score=[0.3, 0.7, 0.9, 0.1], video=[0, 0, 0, 1])
    assert why(faces, only_best=True) == ["only_best", "", "", ""]


def test_what_the_user_said_to_keep_stays_and_comes_first() -> None:
    faces = candidates(3, hashes=[ALIKE] * 3, pinned=[False, True, True])
    assert why(faces, hash_thr=5) == ["twin", "", ""]
    assert why(faces, only_best=True, min_gap_sec=60.0) == ["min_gap", "", ""]


@pytest.mark.parametrize("most", [3, 8])
def test_no_two_that_stay_are_twins_and_every_other_has_a_better_one(most: int) -> None:
    random = np.random.default_rng(1)
    roots = random.integers(1, 2**63, 300, dtype=np.uint64)
    flips = np.bitwise_or.reduce(np.uint64(1) << random.integers(0, 64, (5000, 3), dtype=np.uint64), axis=1)
    hashes = roots[random.integers(0, 300, 5000)] ^ flips
    faces = candidates(5000, hashes=hashes, shot=random.integers(0, 40, 5000), score=random.random(5000))
    settings = Settings().with_values({"hash_thr": most, "twins_across": True}).twins
    stay = np.flatnonzero(find_twins(faces, settings) == 0)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[stay])
    assert (distance[stay] + 64 * np.eye(len(stay)) > most).all()
    better = faces.score[stay] >= faces.score[:, None]
    assert ((distance <= most) & better).any(axis=1).all()
    np.testing.assert_array_equal(np.flatnonzero(find_twins(faces, settings) == 0), stay)


def grey(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 255, (6, 6), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (160, 160), interpolation=cv2.INTER_CUBIC))


def hashed(picture: np.ndarray) -> tuple[int, int]:
    face = read_face(cv2.imencode(".jpg", picture)[1].tobytes(), (20, 20, 140, 140), 160)
    assert face is not None and face.shape == (32, 32)
    return int(perceptual_hashes(face[None])[0]), int(average_hashes(face[None])[0])


def test_hashes_differ_little_for_alike_pictures_and_much_for_others() -> None:
    first = hashed(grey(1))
    brighter = hashed(np.clip(grey(1).astype(int) * 0.9 + 20, 0, 255).astype(np.uint8))
    for kind, other in enumerate(hashed(grey(2))):
        assert (first[kind] ^ brighter[kind]).bit_count() <= 4
        assert (first[kind] ^ other).bit_count() >= 16


def test_a_perceptual_hash_is_that_of_the_textbook() -> None:
    face = read_face(cv2.imencode(".jpg", grey(3))[1].tobytes(), (0, 0, 160, 160), 160)
    assert face is not None
    low = cv2.dct(face.astype(np.float64))[:8, :8]
    low[0] /= np.sqrt(0.5)  # OpenCV scales the first row and column
    low[:, 0] /= np.sqrt(0.5)
    expected = int("".join("1" if bit else "0" for bit in (low > np.median(low)).ravel()), 2)
    assert int(perceptual_hashes(face[None])[0]) == expected


def test_pictures_without_content_have_no_hash() -> None:
    assert hashed(np.full((160, 160), 90, np.uint8)) == (0, 0)
    assert read_face(b"", (0, 0, 1, 1), 160) is None and read_face(b"no picture", (0, 0, 1, 1), 160) is None
