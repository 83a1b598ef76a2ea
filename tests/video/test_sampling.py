"""Plans and the selector, against the definition: sample k is the first frame whose time is at least the k-th time."""

import itertools
import math
from array import array

import pytest

from facecrop_core.video.sampling import (
    EVERY_FRAME,
    KeyframesPlan,
    RatePlan,
    Selector,
    Timeline,
    TimesPlan,
    keyframes_plan,
    sections_plan,
    step_plan,
)
from facecrop_core.video.spans import SpansPlan

FRAME_TIMES = {
    "25 fps": [n / 25 for n in range(200)],
    "30 fps": [n / 30 for n in range(200)],
    "ntsc": [n * 1001 / 30000 for n in range(200)],
    "slower than the plan": [n / 3 for n in range(20)],
    "variable": [0, 0.01, 0.02, 0.5, 0.51, 1.9, 1.95, 2.0, 2.125, 5.0, 5.01, 5.2],
}
TIMELINE = Timeline(array("d", (n / 25 for n in range(200))), array("d", (0.0, 1.0, 4.0, 7.2)), from_packets=True)
PLANS = {
    "8 fps": RatePlan(8),
    "0.3 fps": RatePlan(0.3),
    "100 fps": RatePlan(100),
    "times": TimesPlan([1.9, 0.5, 0.02, 2.0000005, 5.1]),
    "none": TimesPlan([]),
    "step in seconds": RatePlan(1 / 0.3),
    "step in frames": step_plan(TIMELINE, 7),
    "every frame": step_plan(TIMELINE),
    "keyframes": keyframes_plan(TIMELINE),
    "sections": sections_plan(0.5, 6.5, 4),
    "spans": SpansPlan(RatePlan(3), [(0.4, 1.1), (2.0, 2.0), (4.0, 99.0)]),
}


def by_definition(plan, frame_times):
    """(sample, frame) pairs; a frame that serves several samples carries the last one's number."""
    served = {}
    for planned in itertools.takewhile(lambda t: t <= frame_times[-1] + 1e-6, plan.times()):
        number = plan.number_at(planned)
        frame = next(i for i, t in enumerate(frame_times) if t >= planned - 1e-6)
        served[frame] = number
    return [(number, frame) for frame, number in served.items()]


def selected(plan, frame_times, start=0.0):
    selector = Selector(plan, start)
    numbers = [(selector.wants(t), i) for i, t in enumerate(frame_times)]
    return [(number, i) for number, i in numbers if number is not None]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("frame_times", FRAME_TIMES.values(), ids=FRAME_TIMES)
def test_selection_follows_the_definition(plan, frame_times):
    assert selected(plan, frame_times) == by_definition(plan, frame_times)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("frame_times", FRAME_TIMES.values(), ids=FRAME_TIMES)
def test_a_late_start_selects_what_a_whole_reading_would(plan, frame_times):
    whole = selected(plan, frame_times)
    for start in (0.02, 0.5, 1.3, 2.0, 100.0):
        assert selected(plan, frame_times, start) == [(k, i) for k, i in whole if frame_times[i] >= start - 1e-6]
        selector = Selector(plan, start)
        first = next((i for i, t in enumerate(frame_times) if t >= start - 1e-6), len(frame_times))
        if first:
            selector.pass_over(frame_times[first - 1])
        jumped = [(selector.wants(t), i) for i, t in enumerate(frame_times) if i >= first]
        assert [(k, i) for k, i in jumped if k is not None] == selected(plan, frame_times, start)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_number_at_and_time_of_agree(plan):
    number = -1
    for planned in itertools.islice(plan.times(), 50):
        assert plan.number_at(planned - 1e-4) == number
        assert plan.time_of(number + 1) == planned
        number = plan.number_at(planned)
        assert plan.time_of(number) == planned
    assert plan.number_at(-1.0) == -1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_fragment_selects_what_a_whole_reading_would_within_it(plan):
    frame_times = FRAME_TIMES["25 fps"]
    whole = selected(plan, frame_times)
    selector = Selector(plan, 1.0, 5.0)
    inside = [(selector.wants(t), i) for i, t in enumerate(frame_times)]
    assert [(k, i) for k, i in inside if k is not None] == [(k, i) for k, i in whole if 25 <= i < 125]
    assert selector.next_time() is None
    assert Selector(plan, 1.0, 5.0).last_time() <= 5.0


def test_plans_of_a_timeline_go_to_the_end_of_the_video_and_others_stop():
    for plan in (step_plan(TIMELINE, 7), keyframes_plan(TIMELINE)):
        assert plan.last_time() is None
        assert plan.time_of(len(list(plan.times()))) == math.inf
        selector = Selector(plan)
        selector.pass_over(100)
        assert selector.next_time() == math.inf
        assert Selector(plan, end_seconds=9.0).last_time() == 9.0, "it may have been cut short before"
        assert 2.0 < Selector(plan, end_seconds=8.0).last_time() <= 8.0
    assert isinstance(keyframes_plan(TIMELINE), KeyframesPlan)
    unsure = Timeline(TIMELINE.times, TIMELINE.keyframe_times, from_packets=False)
    assert not isinstance(keyframes_plan(unsure), KeyframesPlan), "only a decoder knows its keyframes"
    assert sections_plan(0, 9, 2).last_time() == 8.25


def test_sections_are_spread_over_the_thirds():
    assert list(sections_plan(3.0, 12.0, 3).times()) == [3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5]
    assert len(list(sections_plan(0, 60, 30).times())) == 90


def test_every_frame_is_wanted_once():
    for frame_times in FRAME_TIMES.values():
        assert [i for _, i in selected(EVERY_FRAME, frame_times)] == list(range(len(frame_times)))


def test_next_time_is_the_earliest_that_can_still_be_wanted():
    selector = Selector(TimesPlan([1.0, 2.0, 9.0]), start_seconds=1.5)
    assert selector.next_time() == 1.5
    assert selector.wants(1.2) is None
    assert selector.next_time() == 2.0
    assert selector.wants(2.1) == 1
    assert selector.wants(9.0) == 2
    assert selector.next_time() is None


def test_gaps_and_ends():
    assert RatePlan(0.5).longest_gap() == 2
    assert RatePlan(8).last_time() is None
    assert TimesPlan([20, 3, 4]).longest_gap() == 16
    assert TimesPlan([20, 3, 4]).last_time() == 20
    assert TimesPlan([]).last_time() == 0


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_has_to_be_above_zero(fps):
    with pytest.raises(ValueError, match="fps above 0"):
        RatePlan(fps)
