"""Which references are dropped, and how far the others are trusted."""

import cv2
import numpy as np
import pytest

from facecrop_core.people.hygiene import blur_confidence, outliers, twins
from facecrop_core.records import Calibration

COSINE = Calibration("cosine", match=0.5, unsure=0.4, det_thresh=0.5)
EUCLIDEAN = Calibration("euclidean", match=0.42, unsure=0.36, det_thresh=0.0)


def person(seed, count, spread, length=1.0):
    random = np.random.default_rng(seed)
    centre = random.normal(size=64)
    noise = random.normal(size=(count, 64))
    vectors = centre / np.linalg.norm(centre) + spread * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.float32(length * vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize(("calibration", "length", "spread"), [(COSINE, 1.0, 0.7), (EUCLIDEAN, 1.2, 0.25)])
def test_strangers_among_five_or_more_are_dropped(calibration, length, spread):
    own, strangers = person(0, 7, spread, length), [person(s, 1, 0, length)[0] for s in (1, 2)]
    mixed = np.stack([strangers[0], *own, strangers[1]])
    assert np.flatnonzero(outliers(mixed, calibration)).tolist() == [0, 8]
    assert not outliers(own, calibration).any()
    assert not outliers(np.stack([strangers[0], *own[:3]]), calibration).any()  # too few to tell who is the stranger


def test_at_least_seven_in_ten_stay():
    everybody = np.stack([person(seed, 1, 0)[0] for seed in range(10)])
    assert outliers(everybody, COSINE).sum() <= 3


def test_twins_are_told_and_other_photos_of_a_person_are_not():
    one, two = person(0, 2, 0.7)
    near = one + 0.1 * person(5, 1, 0)[0]
    near /= np.linalg.norm(near)
    assert float(one @ near) > 0.98
    assert twins(np.stack([one, two, near, one]), COSINE) == [-1, -1, 0, 0]


def test_blur_lowers_confidence_a_little():
    chip = np.random.default_rng(0).integers(0, 255, (112, 112, 3), np.uint8)
    assert blur_confidence(chip) == 1
    seen = [blur_confidence(np.asarray(cv2.GaussianBlur(chip, (0, 0), sigma))) for sigma in (0.5, 1, 1.2, 1.5, 3, 8)]
    assert seen == sorted(seen, reverse=True) and seen[-1] == pytest.approx(0.94)
    assert blur_confidence(cv2.resize(chip, (150, 150))) > 0.9
