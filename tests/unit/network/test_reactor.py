"""What wakes the threads of an association, and what does not."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from pynetdicom.timer import Timer

from dicom_printer.network.reactor import Bell, Checkpoint, _left_s

LONG_S = 60.0


@pytest.fixture
def bell() -> Any:
    bell = Bell()
    yield bell
    bell.close()


def test_a_bell_that_rang_before_ends_the_next_wait_and_no_other(bell: Bell) -> None:
    bell.ring()
    bell.ring()
    bell.wait(-1, LONG_S)
    assert not os.get_blocking(bell._fd)
    with pytest.raises(BlockingIOError):  # both are heard
        os.eventfd_read(bell._fd)


def test_another_thread_ends_the_wait(bell: Bell) -> None:
    thread = threading.Thread(target=bell.ring)
    thread.start()
    bell.wait(-1, LONG_S)
    thread.join()


def test_so_does_what_can_be_read(bell: Bell) -> None:
    theirs, ours = os.pipe()
    os.write(ours, b"x")
    bell.wait(theirs, LONG_S)
    os.close(ours)
    bell.wait(theirs, LONG_S)  # and an end
    os.close(theirs)


def test_a_bell_that_is_closed_writes_into_nobody_elses_file(bell: Bell) -> None:
    before = bell._fd
    bell.close()
    theirs, ours = os.pipe()
    assert before in {theirs, ours}
    os.set_blocking(theirs, False)
    bell.ring()
    bell.close()
    with pytest.raises(BlockingIOError):
        os.read(theirs, 8)
    os.close(theirs)
    os.close(ours)


def upper_layer(idle_s: float | None = LONG_S) -> Any:
    idle = Timer(idle_s)
    idle.start()
    joined: list[bool] = []
    return SimpleNamespace(
        _idle_timer=idle, _kill_thread=False, joined=joined, join=lambda: joined.append(True),
        assoc=SimpleNamespace(_is_paused=True),
    )  # fmt: skip


def waits(checkpoint: Checkpoint) -> threading.Thread:
    """Return a thread that waits there, and is there already."""
    thread = threading.Thread(target=checkpoint.wait, daemon=True)
    thread.start()
    while not checkpoint._changed._waiters:  # type: ignore[attr-defined]
        pass
    return thread


def test_it_passes_once_for_each_stir() -> None:
    checkpoint = Checkpoint(upper_layer())
    checkpoint.wait()  # it has never looked
    thread = waits(checkpoint)
    checkpoint.set()
    assert thread.is_alive()  # nothing to look at
    checkpoint.stir()
    thread.join(LONG_S)
    assert not thread.is_alive()


def test_what_happens_meanwhile_is_looked_at_afterwards() -> None:
    checkpoint = Checkpoint(upper_layer())
    checkpoint.clear()
    thread = waits(checkpoint)
    checkpoint.stir()
    assert thread.is_alive()
    checkpoint.set()
    thread.join(LONG_S)
    assert not thread.is_alive()


def test_the_idle_timer_counts_again_where_it_was_kept_meanwhile() -> None:
    dul = upper_layer()
    checkpoint = Checkpoint(dul)
    checkpoint.wait()
    checkpoint.clear()
    thread = waits(checkpoint)
    dul._idle_timer.timeout = -1.0
    checkpoint.set()
    thread.join(LONG_S)
    assert not thread.is_alive()


def test_who_has_passed_is_not_paused() -> None:
    dul = upper_layer()
    checkpoint = Checkpoint(dul)
    checkpoint.clear()
    thread = waits(checkpoint)
    assert dul.assoc._is_paused
    checkpoint.set()
    thread.join(LONG_S)
    assert not dul.assoc._is_paused


def test_it_passes_when_nothing_was_said_for_too_long() -> None:
    checkpoint = Checkpoint(upper_layer(-1.0))
    checkpoint.wait()
    checkpoint.wait()


def test_the_end_of_the_other_thread_is_waited_for() -> None:
    dul = upper_layer()
    checkpoint = Checkpoint(dul)
    dul._kill_thread = True
    checkpoint.wait()
    assert dul.joined == [True]


def test_a_timer_that_does_not_run_is_never_over() -> None:
    timer = Timer(LONG_S)
    assert _left_s(timer) is None
    timer.start()
    left_s = _left_s(timer)
    assert left_s is not None
    assert LONG_S - 1 < left_s <= LONG_S + 1
    timer.stop()
    assert _left_s(timer) is None
    assert _left_s(Timer(None)) is None
    late = Timer(-5.0)
    late.start()
    left_s = _left_s(late)
    assert left_s is not None
    assert left_s > 0
