"""A plan cut down to spans: the inner plan's samples inside them, with their numbers, and nothing else."""

import itertools

import clips
import pytest

from facecrop_core.video import RatePlan, SpansPlan, TimesPlan, VideoReader, probe
from facecrop_core.video.sampling import Selector

SPANS = {
    "two": [(1.0, 2.0), (4.5, 6.01)],
    "unordered and overlapping": [(3.0, 5.0), (0.5, 1.0), (4.0, 6.0)],
    "touching": [(1.0, 2.0), (2.0, 3.0)],
    "from the start": [(0.0, 1.5)],
    "too short for a sample": [(1.01, 1.1), (3.0, 4.0)],
    "beyond the end": [(6.0, 900.0)],
    "none": [],
}
PLANS = {"8 fps": RatePlan(8), "0.7 fps": RatePlan(0.7), "times": TimesPlan([0.0, 1.0, 1.2, 4.5, 6.0])}
FRAME_TIMES = [n / 30 for n in range(240)]


def inside(planned, spans):
    return any(start - 1e-6 <= planned <= end + 1e-6 for start, end in spans)


def by_definition(plan, spans):
    """(sample, frame) pairs: the first frame from each planned time on, if that time lies in a span."""
    served = {}
    for number, planned in enumerate(itertools.takewhile(lambda t: t <= FRAME_TIMES[-1], plan.times())):
        frame = next(i for i, t in enumerate(FRAME_TIMES) if t >= planned - 1e-6)
        if inside(planned, spans):
            served[frame] = number
    return [(number, frame) for frame, number in served.items()]


def selected(plan, start=0.0):
    selector = Selector(plan, start)
    numbers = [(selector.wants(t), i) for i, t in enumerate(FRAME_TIMES)]
    return [(number, i) for number, i in numbers if number is not None]


@pytest.mark.parametrize("spans", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_samples_are_those_of_the_inner_plan(plan, spans):
    cut = SpansPlan(plan, spans)
    assert selected(cut) == by_definition(plan, spans)
    for start in (0.02, 1.5, 3.0, 100.0):
        assert selected(cut, start) == [(k, i) for k, i in selected(cut) if FRAME_TIMES[i] >= start - 1e-6]


@pytest.mark.parametrize("spans", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_times_numbers_gaps_and_ends_agree(plan, spans):
    cut = SpansPlan(plan, spans)
    last = cut.last_time()
    assert last is not None and (not spans or last <= max(end for _, end in spans) + 1e-6)
    times = list(itertools.islice(cut.times(), 50))
    for planned in times:
        number = cut.number_at(planned)
        assert (cut.time_of(number), plan.number_at(planned)) == (planned, number)
    for before, after in itertools.pairwise(times):
        assert cut.time_of(cut.number_at(before) + 1) == after, "a number in a hole means the next time"
        assert cut.number_at((before + after) / 2) == cut.number_at(before)
        assert after - before <= cut.longest_gap() + 1e-9
    if times:
        assert cut.longest_gap() >= times[0]
        assert cut.number_at(times[0] - 1e-3) == -1 if times[0] > 0 else True


def test_nothing_is_read_after_the_last_span():
    assert SpansPlan(RatePlan(8), [(1.0, 2.0)]).last_time() == 2.0
    assert SpansPlan(RatePlan(8), []).last_time() == 0.0
    assert Selector(SpansPlan(RatePlan(8), [])).next_time() is None


def test_a_reader_jumps_from_span_to_span_and_gives_the_same_frames(tmp_path):
    film = probe(clips.numbered_clip(tmp_path / "film.mp4", 700, 25, options={"g": "25"}))
    spans = [(2.0, 3.0), (20.0, 21.0)]

    def read(plan):
        with VideoReader(film, plan, (0, 0)) as reader:
            return {f.sample: (f.frame, clips.read_number(f.luma), f.release()) for f in reader}

    whole = {n: v for n, v in read(RatePlan(5)).items() if inside(n / 5, spans)}
    assert read(SpansPlan(RatePlan(5), spans)) == whole and len(whole) == 12


def test_a_rough_reading_gives_the_same_samples(tmp_path):
    film = probe(clips.numbered_clip(tmp_path / "film.mp4", 100))

    def read(rough):
        with VideoReader(film, RatePlan(3), (0, 0), rough=rough) as reader:
            return [(f.sample, f.time_seconds, clips.read_number(f.luma), f.release()) for f in reader]

    assert read(True) == read(False) and len(read(True)) == 12
