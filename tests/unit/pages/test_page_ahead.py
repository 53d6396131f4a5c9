"""Pages that are asked for ahead: in their order, few under way, the small ones more."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from dicom_printer.pages.ahead import ROOM, Ahead

BIG, SMALL = ROOM, ROOM // 8


class Asked:
    """Notes which pages are asked for; they are finished by hand."""

    def __init__(self) -> None:
        self.futures: dict[int, Future[int]] = {}

    def __call__(self, number: int) -> Future[int]:
        self.futures[number] = Future()
        self.futures[number].set_running_or_notify_cancel()
        return self.futures[number]

    def finish(self, *numbers: int) -> None:
        for number in numbers:
            self.futures[number].set_result(number)


def ahead(asked: Asked, pages: int = 20, size: int = BIG) -> Ahead[int]:
    return Ahead(asked, range(1, pages + 1), 3, lambda _: size)


def test_few_are_under_way_at_a_time() -> None:
    asked = Asked()
    results = ahead(asked, size=SMALL).results()
    asked_first = Asked.__call__

    def first(self: Asked, number: int) -> Future[int]:
        future = asked_first(self, number)
        if number == 1:
            future.set_result(1)
        return future

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Asked, "__call__", first)
        assert next(results) == 1
    assert sorted(asked.futures) == [1, 2, 3, 4], "three are under way, beside the one in use"
    asked.finish(3)
    assert sorted(asked.futures) == [1, 2, 3, 4, 5], "one that is ready makes room for another"
    results.close()


def test_large_ones_that_are_ready_keep_the_others_waiting() -> None:
    asked = Asked()
    made = ahead(asked)
    made._fill()
    asked.finish(2)
    assert sorted(asked.futures) == [1, 2, 3], "what is ready already has no room left"


def test_small_ones_are_made_until_the_room_is_used() -> None:
    asked = Asked()
    made = ahead(asked, size=SMALL)
    made._fill()
    for number in range(2, 10):
        asked.finish(number)
    assert max(asked.futures) == 10, "while eight that are ready fill it, two more are under way"
    asked.finish(10)
    assert max(asked.futures) == 10


def test_pages_come_in_their_order_whatever_the_order_they_are_finished_in() -> None:
    asked = Asked()
    made = ahead(asked, pages=3)
    made._fill()
    asked.finish(3, 1, 2)
    assert list(made.results()) == [1, 2, 3]


def test_a_page_that_fails_is_said_in_its_turn() -> None:
    asked = Asked()
    made = ahead(asked, pages=3)
    made._fill()
    asked.futures[2].set_exception(ValueError("the page"))
    asked.finish(1, 3)
    results = made.results()
    assert next(results) == 1
    with pytest.raises(ValueError, match="the page"):
        next(results)


def test_closed_it_asks_for_nothing_more_and_cancels_what_waits() -> None:
    waiting: dict[int, Future[int]] = {}

    def ask(number: int) -> Future[int]:
        waiting[number] = Future()
        if number == 1:
            waiting[number].set_result(1)
        return waiting[number]

    results = Ahead(ask, range(1, 20), 3, lambda _: SMALL).results()
    assert next(results) == 1
    results.close()
    assert sorted(waiting) == [1, 2, 3, 4]
    for number in (2, 3, 4):
        with pytest.raises(CancelledError):
            waiting[number].result(0)


def test_a_pool_that_shuts_down_is_asked_for_nothing() -> None:
    """Its futures are cancelled under its own lock, for which another request would wait."""
    pool, gate = ThreadPoolExecutor(1), threading.Event()
    made = Ahead(lambda _: pool.submit(gate.wait), range(1, 20), 3, lambda _: SMALL)
    made._fill()
    cancelled = threading.Event()
    made._asked[2].add_done_callback(lambda _: cancelled.set())
    closing = threading.Thread(target=pool.shutdown, kwargs={"cancel_futures": True}, daemon=True)
    closing.start()
    assert cancelled.wait(60), "the last that waits"
    gate.set()
    closing.join(60)
    assert not closing.is_alive()
