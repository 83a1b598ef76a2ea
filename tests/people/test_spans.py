"""Hysteresis and rounding off, sample by sample."""

import math

import pytest

from facecrop_core.people.spans import SUSTAINED_NEGATIVES, Hysteresis, SpanRules, round_off

RULES = SpanRules(enter=0.45, exit=0.52, pad=1.5, min_segment=1.0, bridge_gap=1.0)
NEAR, UNSURE, FAR, NOBODY = 0.4, 0.5, 0.8, math.inf


def spans(*distances, rules=RULES):
    hysteresis = Hysteresis(rules)
    for second, distance in enumerate(distances):
        hysteresis.add(float(second), distance)
    return hysteresis.spans()


def test_a_span_opens_at_a_sure_face_and_ends_with_its_last_one():
    assert spans(FAR, NEAR, NEAR, FAR, FAR) == [(1, 2)]
    assert spans(NEAR, FAR, NEAR) == [(0, 0), (2, 2)]
    assert spans(0.45) == [(0, 0)]
    assert spans(FAR, NOBODY, UNSURE, UNSURE) == []


def test_an_unsure_face_holds_a_span_but_opens_none():
    assert spans(UNSURE, NEAR, UNSURE, UNSURE, NEAR, FAR) == [(1, 4)]
    assert spans(NEAR, UNSURE, FAR) == [(0, 1)]
    assert spans(NEAR, 0.52, NEAR) == [(0, 0), (2, 2)], "exit itself is out"


def test_sustained_negatives_end_a_span():
    assert SUSTAINED_NEGATIVES == 3
    assert spans(NEAR, UNSURE, UNSURE, UNSURE, UNSURE, NEAR) == [(0, 3), (5, 5)]
    assert spans(NEAR, NOBODY, NOBODY, NEAR) == [(0, 3)], "a missed face or two do not break a span"
    assert spans(NEAR, NOBODY, NOBODY, NOBODY, NEAR) == [(0, 0), (4, 4)]
    assert spans(NEAR, NOBODY, NOBODY) == [(0, 0)], "no face does not make it longer"


def test_padding_stays_within_the_video():
    assert round_off([(0.5, 2.0), (9.0, 9.5)], RULES, (0.0, 10.0)) == [(0.0, 3.5), (7.5, 10.0)]


def test_gaps_are_bridged_up_to_their_limit():
    assert round_off([(2.0, 3.0), (7.0, 8.0)], RULES, (0.0, 20.0)) == [(0.5, 9.5)]
    assert round_off([(2.0, 3.0), (7.1, 8.0)], RULES, (0.0, 20.0)) == [(0.5, 4.5), (pytest.approx(5.6), 9.5)]


def test_short_spans_are_left_out_but_a_short_video_is_not():
    rules = SpanRules(0.45, 0.52, pad=0.2, min_segment=1.0, bridge_gap=0.0)
    assert round_off([(3.0, 3.0), (5.0, 6.0)], rules, (0.0, 20.0)) == [(4.8, 6.2)]
    assert round_off([(0.2, 0.2)], RULES, (0.0, 0.4)) == [(0.0, 0.4)]


def test_padding_ends_at_the_first_sample_of_another_shot():
    cuts = [(1.0, 2.0), (4.0, 5.0), (9.0, 10.0)]
    assert round_off([(2.0, 4.0)], RULES, (0.0, 20.0), cuts) == [(1.0, 5.0)]
    assert round_off([(3.0, 3.0)], RULES, (0.0, 20.0), cuts) == [(1.5, 4.5)], (
        "cuts that are farther away change nothing"
    )
    assert round_off([(3.0, 7.0)], RULES, (0.0, 20.0), cuts) == [(1.5, 8.5)], "nor do cuts within a span"
