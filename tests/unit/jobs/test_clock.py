"""The clock is set by an hour: nothing waits for it, nothing is lost or given up early."""

import pytest
from jobs_made import Clock, claim, submit

from dicom_printer.jobs import look, table
from dicom_printer.jobs.remotes import Down, remote_down
from dicom_printer.jobs.store import Store

HOUR_S = 3600.0


def suspended(store: Store, clock: Clock, number: int = 1) -> str:
    job_id = submit(store, number)
    job = claim(store)
    job.suspend(clock() + 60, clock() + 4 * HOUR_S, "no answer", "lost", counts=True)
    return job_id


def test_a_suspended_job_does_not_wait_for_a_clock_that_was_set_back(
    store: Store, clock: Clock
) -> None:
    job_id = suspended(store, clock)
    assert table.claim(store) is None
    clock.forward(-HOUR_S)
    job = claim(store)
    assert (job.id, job.failures) == (job_id, 1)
    job.suspend(clock() + 60, clock() + 4 * HOUR_S, "no answer", "lost", counts=True)
    assert table.claim(store) is None, "what is written now waits as it should"
    clock.forward(60)
    assert claim(store).id == job_id


def test_a_remote_that_is_down_is_asked_again_after_the_clock_was_set_back(
    store: Store, clock: Clock
) -> None:
    submit(store, 1)
    job = claim(store)
    remote_down(store, "pacs", "refused", lambda _: 900)
    job.acquire("pacs")
    job.suspend(clock() + 900, clock() + HOUR_S, "remote unreachable", "refused", counts=False)
    clock.forward(-HOUR_S)
    again = claim(store)
    assert again.acquire("pacs") is True
    assert remote_down(store, "pacs", "refused", lambda n: 10.0 * n) == clock() + 20
    assert isinstance(again.acquire("pacs"), Down)


def test_small_corrections_of_the_clock_change_nothing(store: Store, clock: Clock) -> None:
    suspended(store, clock)
    clock.forward(-2)
    assert table.claim(store) is None


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_jobs_still_come_in_their_order_and_one_at_a_time(
    store: Store, clock: Clock, step_s: float
) -> None:
    ids = [submit(store, number) for number in range(3)]
    first = claim(store)
    assert first.acquire("pacs") is True
    clock.forward(step_s)
    second = claim(store)
    assert second.acquire("pacs") is False
    first.accept("pacs", 1, "2.25.1", 0)
    first.finish()
    assert [claim(store).id for _ in ids[1:]] == ids[1:]
    assert look.show(store, first.id)["state"] == "done"


def test_a_job_is_not_given_up_before_its_time(store: Store, clock: Clock) -> None:
    suspended(store, clock)
    clock.forward(-HOUR_S)
    assert claim(store).give_up_at == clock() + 5 * HOUR_S
