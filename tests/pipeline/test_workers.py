from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from facecrop_core.pipeline.workers import Crew, in_order


def test_results_come_in_the_order_of_the_items_and_no_more_are_taken_than_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    def slow_at_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0.0)
        return number

    results = in_order(slow_at_first, items(), 3)
    assert next(results) == 0
    assert len(taken) <= 6
    assert list(results) == list(range(1, 20))


def test_an_error_of_the_work_is_raised_in_its_turn() -> None:
    seen = []
    with pytest.raises(ZeroDivisionError):
        for result in in_order(lambda n: 6 // (3 - n), range(6), 2):
            seen.append(result)
    assert seen == [2, 3, 6]


def test_what_came_before_an_error_of_the_items_is_given_first() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise OSError("the source broke")

    seen = []
    with pytest.raises(OSError, match="the source broke"):
        for result in in_order(lambda n: n, items(), 2):
            seen.append(result)
    assert seen == [1, 2, 3]


def test_closing_drops_what_waits_and_leaves_no_thread() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        time.sleep(0.02)
        done.append(number)
        return number

    with closing(in_order(work, range(100), 2)) as results:
        next(results)
    assert len(done) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("look")]


@pytest.mark.parametrize(("slots", "most"), [(10, 4), (6, 2), (2, 1)])
def test_groups_that_are_held_leave_room_for_one_that_is_read(slots: int, most: int) -> None:
    assert Crew(2).most(slots) == most and Crew(2).slots == 10
