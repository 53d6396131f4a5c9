"""How long a request may last."""

import os
import queue
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import Dataset

from dicom_printer.network import watchdog
from dicom_printer.network.watchdog import SLOWEST_BYTES_S, Watchdog, patience_s, size_of


def with_image(size: int) -> Dataset:
    ds = Dataset()
    ds.PixelData = bytes(size)
    return ds


def test_a_request_without_data_has_two_time_outs() -> None:
    assert size_of(None) == size_of(Dataset()) == 0
    assert patience_s(60, 0) == 120


@pytest.mark.parametrize("is_item", [False, True])
def test_data_have_the_time_that_a_slow_line_takes(is_item: bool) -> None:
    ds = with_image(100 * SLOWEST_BYTES_S)
    if is_item:
        outer = Dataset()
        outer.BasicGrayscaleImageSequence = [ds]
        ds = outer
    assert patience_s(60, size_of(ds)) == pytest.approx(220)


def fake() -> Any:
    """An association on which nothing moves, and which takes its end well."""
    return SimpleNamespace(
        bind=lambda *_: None,
        unbind=lambda *_: None,
        acse=SimpleNamespace(send_abort=lambda _: None),
        dul=SimpleNamespace(
            state_machine=SimpleNamespace(current_state="Sta1"),
            socket=None,
            to_user_queue=queue.Queue(),
        ),
        dimse=SimpleNamespace(msg_queue=queue.Queue()),
    )


def test_a_clock_that_finds_no_thread_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Watchdog] = []
    bite = Watchdog.bite

    def without_a_thread(each: Watchdog) -> bool:
        tried.append(each)
        return len(tried) > 1 and bite(each)

    monkeypatch.setattr(Watchdog, "bite", without_a_thread)
    association = fake()
    with Watchdog(association, 0.001):
        assert association.dimse.msg_queue.get(timeout=60) == (None, None)
    assert len(tried) == 2


def test_no_thread_is_no_end_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    silent = Watchdog(fake(), 1)
    monkeypatch.setattr("threading.Thread.start", refuse)
    assert silent.bite() is False


def test_a_child_process_has_a_clock_of_its_own() -> None:
    with Watchdog(fake(), 60):
        pid = os.fork()
        if pid == 0:
            association = fake()
            with Watchdog(association, 0.001):
                association.dimse.msg_queue.get(timeout=60)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
    assert status == 0
    assert watchdog._CLOCK._watchdogs == set()
