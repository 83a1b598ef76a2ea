"""Plans and the selector, against the definition: sample k is the first frame whose time is at least the k-th time."""

import itertools

import pytest

from facecrop_core.video.sampling import RatePlan, Selector, TimesPlan

FRAME_TIMES = {
    "25 fps": [n / 25 for n in range(200)],
    "30 fps": [n / 30 for n in range(200)],
    "ntsc": [n * 1001 / 30000 for n in range(200)],
    "slower than the plan": [n / 3 for n in range(20)],
    "variable": [0, 0.01, 0.02, 0.5, 0.51, 1.9, 1.95, 2.0, 2.125, 5.0, 5.01, 5.2],
}
PLANS = {
    "8 fps": RatePlan(8),
    "0.3 fps": RatePlan(0.3),
    "100 fps": RatePlan(100),
    "times": TimesPlan([1.9, 0.5, 0.02, 2.0000005, 5.1]),
    "none": TimesPlan([]),
}


def by_definition(plan, frame_times):
    """(sample, frame) pairs; a frame that serves several samples carries the last one's number."""
    served = {}
    for number, planned in enumerate(itertools.takewhile(lambda t: t <= frame_times[-1] + 1e-6, plan.times())):
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
    for number, planned in enumerate(itertools.islice(plan.times(), 50)):
        assert plan.time_of(number) == planned
        assert plan.number_at(planned) == number
        assert plan.number_at(planned - 1e-4) == number - 1
    assert plan.number_at(-1.0) == -1


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
