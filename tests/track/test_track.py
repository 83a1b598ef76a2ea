from __future__ import annotations

import numpy as np

from facecrop_core.track import LinkRules, link_tracks, number_shots

RULES = LinkRules()
ANNA, BERT = np.eye(4, dtype=np.float32)[0], np.eye(4, dtype=np.float32)[1]


def link(faces: list[tuple[float, int, list[float], np.ndarray]]) -> list[int]:
    """Tracks of (time, shot, box, embedding) rows."""
    times, shots, boxes, vectors = zip(*faces, strict=True)
    return link_tracks(
        np.array(times), np.array(shots), np.array(boxes, np.float32), np.array(vectors, np.float32), "cosine", RULES
    ).tolist()


def test_two_people_who_move_keep_their_tracks() -> None:
    rows = []
    for i in range(5):
        rows += [(i / 8, 0, [10 + 8 * i, 10, 60 + 8 * i, 60], ANNA), (i / 8, 0, [200, 10, 250, 60], BERT)]
    assert link(rows) == [0, 1] * 5


def test_a_cut_ends_every_track() -> None:
    assert link([(0, 0, [0, 0, 50, 50], ANNA), (0.1, 1, [0, 0, 50, 50], ANNA)]) == [0, 1]


def test_a_gap_of_over_a_second_ends_a_track() -> None:
    assert link([(0, 0, [0, 0, 50, 50], ANNA), (0.9, 0, [0, 0, 50, 50], ANNA)]) == [0, 0]
    assert link([(0, 0, [0, 0, 50, 50], ANNA), (1.2, 0, [0, 0, 50, 50], ANNA)]) == [0, 1]


def test_another_person_in_the_same_place_is_another_track() -> None:
    assert link([(0, 0, [0, 0, 50, 50], ANNA), (0.1, 0, [0, 0, 50, 50], BERT)]) == [0, 1]


def test_a_face_without_embedding_is_linked_by_its_place() -> None:
    unknown = np.full(4, np.nan, np.float32)
    assert link([(0, 0, [0, 0, 50, 50], ANNA), (0.1, 0, [5, 0, 55, 50], unknown)]) == [0, 0]


def test_shots_break_at_cuts_and_not_at_steady_motion() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 255, (2, 576))
    steady = [first + rng.integers(-4, 4, 576) for _ in range(6)] + [
        second + rng.integers(-4, 4, 576) for _ in range(6)
    ]
    signatures = np.clip(steady, 0, 255).astype(np.uint8)
    assert number_shots(signatures).tolist() == [0] * 6 + [1] * 6
    busy = rng.integers(0, 255, (12, 576)).astype(np.uint8)  # every sample differs as much as every other
    assert number_shots(busy).tolist() == [0] * 12
    assert number_shots(signatures[:0]).tolist() == []


def test_no_faces_no_tracks() -> None:
    nothing = np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros((0, 1), np.float32)
    assert len(link_tracks(*nothing, "cosine", RULES)) == 0


def test_a_track_keeps_its_last_embedding_over_faces_without_one() -> None:
    unknown = np.full(4, np.nan, np.float32)
    rows = [(i / 8, 0, [0, 0, 50, 50], vector) for i, vector in enumerate((ANNA, unknown, unknown, BERT, unknown))]
    assert link(rows) == [0, 0, 0, 1, 1]
