"""Error rates, with similarities whose distribution is known."""

import numpy as np
import pytest

from facecrop_core.errors import ReferencesError
from facecrop_core.people import measure
from facecrop_core.people.calibrating import LEAST_STEP


def test_a_good_model_matches_where_few_are_refused_rather_than_where_it_just_may():
    found = measure(*people(120, 4, 0.3), "cosine")
    assert found.eer < 1e-3 and found.thresholds[1e-3] < found.unsure < found.match == found.eer_threshold


def people(count, photos, spread, dimensions=32, seed=0):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = random.normal(size=(count, photos, dimensions)) * spread / np.sqrt(dimensions)
    vectors = (centres[:, None] + noise).reshape(-1, dimensions)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat([f"p{i}" for i in range(count)], photos)


def plainly(vectors, labels):
    """All pairs' similarities, of one person and of two."""
    alike, (one, two) = vectors @ vectors.T, np.triu_indices(len(vectors), 1)
    same = labels[one] == labels[two]
    return alike[one, two][same], alike[one, two][~same]


def test_rates_are_those_of_the_pairs():
    vectors, labels = people(120, 4, 1.2)
    found = measure(vectors, labels, "cosine")
    same, other = plainly(vectors, labels)
    assert (found.same_pairs, found.other_pairs) == (len(same), len(other))
    for rate in (1e-2, 1e-3, 1e-4):
        threshold = found.thresholds[rate]
        assert (other >= threshold).mean() <= rate < (other >= threshold - 2e-4).mean() + 2 / len(other)
        assert found.recalls[rate] == pytest.approx((same >= threshold).mean(), abs=1e-3)
    border = found.eer_threshold
    assert (other >= border).mean() == pytest.approx((same < border).mean(), abs=2e-3)
    assert found.eer == pytest.approx((other >= border).mean(), abs=2e-3)
    assert found.match == max(found.thresholds[1e-3], border)
    assert found.unsure == pytest.approx((found.match + found.thresholds[1e-2]) / 2, abs=1e-4)


def test_with_few_pairs_it_says_so_and_lets_no_other_pair_match():
    vectors, labels = people(12, 3, 1.0)
    found = measure(vectors, labels, "cosine")
    _, other = plainly(vectors, labels)
    assert found.thresholds[1e-2] is not None and found.thresholds[1e-3] is None is found.recalls[1e-4]
    assert other.max() < found.match and found.unsure <= found.match - LEAST_STEP
    assert f"{len(other)} pairs of two people are too few" in found.why


def test_where_people_lie_far_apart_the_border_is_in_the_middle():
    vectors, labels = people(12, 3, 0.05, dimensions=256)
    found = measure(vectors, labels, "cosine")
    same, other = plainly(vectors, labels)
    assert found.eer == 0
    assert found.match == pytest.approx((same.min() + other.max()) / 2, abs=0.01)


def test_euclidean_likeness_and_many_chunks(monkeypatch):
    vectors, labels = people(30, 4, 1.0)
    whole = measure(vectors, labels, "euclidean")
    monkeypatch.setattr("facecrop_core.people.calibrating.CHUNK_ROWS", 7)
    assert measure(vectors, labels, "euclidean") == whole
    cosine = measure(vectors, labels, "cosine")
    assert whole.eer == pytest.approx(cosine.eer, abs=1e-3)  # of unit vectors they rank the same
    assert 1 - whole.eer_threshold == pytest.approx(np.sqrt(2 - 2 * cosine.eer_threshold), abs=2e-3)


@pytest.mark.parametrize(("count", "photos"), [(2, 3), (40, 1)])
def test_too_few_photos_are_an_error(count, photos):
    with pytest.raises(ReferencesError, match="too few"):
        measure(*people(count, photos, 1.0), "cosine")
