from collections.abc import Callable

import pytest
import sqlalchemy as sa
from jobs_made import Clock, claim, submit

from dicom_printer.jobs import look, table
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.remotes import Down, remote_down, remote_up
from dicom_printer.jobs.running import LostClaimError, Running
from dicom_printer.jobs.schema import job as job_table
from dicom_printer.jobs.store import Store


def shown(store: Store, job_id: str) -> dict[str, object]:
    return look.show(store, job_id)


def test_the_second_job_waits_for_the_association_of_the_first(store: Store) -> None:
    first_id, second_id = submit(store, 1), submit(store, 2)
    first, second = claim(store), claim(store)
    assert first.acquire("pacs") is True
    assert second.acquire("pacs") is False
    assert shown(store, second_id)["state"] == "ready"
    assert table.claim(store) is None, "it waits until the association is free"
    first.finish()
    assert claim(store).id == second_id
    assert shown(store, first_id)["state"] == "done"


def test_a_remote_with_three_associations_admits_three(store: Store) -> None:
    for n in range(4):
        submit(store, n)
    jobs = [claim(store) for _ in range(4)]
    assert [job.acquire("wide") for job in jobs] == [True, True, True, False]


def test_the_database_itself_refuses_one_association_too_many(store: Store) -> None:
    submit(store, 1)
    submit(store, 2)
    first, second = claim(store), claim(store)
    first.acquire("pacs")
    with pytest.raises(sa.exc.IntegrityError), store.writing() as (c, _):
        c.execute(
            sa.update(job_table).where(job_table.c.id == second.id).values(remote="pacs", slot=0)
        )


def test_a_remote_that_is_down_is_not_asked_again(store: Store) -> None:
    submit(store)
    until = remote_down(store, "pacs", "refused", lambda n: 10.0 * n)
    assert claim(store).acquire("pacs") == Down(until, "refused")


def test_failures_of_a_remote_add_up_until_it_answers(store: Store, clock: Clock) -> None:
    delays = [remote_down(store, "pacs", "refused", lambda n: 10.0 * n) - clock() for _ in range(3)]
    assert delays == [10, 20, 30]
    remote_up(store, "pacs")
    assert remote_down(store, "pacs", "refused", lambda n: 10.0 * n) - clock() == 10


def test_jobs_that_wait_for_a_remote_come_when_it_answers(store: Store, clock: Clock) -> None:
    job_id = submit(store)
    remote_down(store, "pacs", "refused", lambda _: 900)
    job = claim(store)
    job.acquire("pacs")
    job.suspend(clock() + 900, clock() + 9999, "remote unreachable", "refused", counts=False)
    assert table.claim(store) is None
    remote_up(store, "pacs")
    assert claim(store).id == job_id


def test_a_job_with_a_failure_of_its_own_keeps_its_own_time(store: Store, clock: Clock) -> None:
    submit(store)
    remote_down(store, "pacs", "lost", lambda _: 60)
    job = claim(store)
    job.remote = "pacs"
    job.suspend(clock() + 900, clock() + 9999, "no answer", "lost", counts=True)
    remote_up(store, "pacs")
    assert table.claim(store) is None


def test_every_instance_is_recorded_once(store: Store) -> None:
    job_id = submit(store)
    job = claim(store)
    job.accept("pacs", 1, "2.25.1", 0)
    job.accept("pacs", 2, "2.25.2", 0xB000)
    job.accept("backup", 1, "2.25.1", 0)
    assert job.accepted("pacs") == {"2.25.1", "2.25.2"}
    job.accept("pacs", 1, "2.25.1", 0)
    assert len(look.show(store, job_id)["instances"]) == 3
    assert "page 2: pacs answered 0xB000" in [e["detail"] for e in shown(store, job_id)["events"]]  # type: ignore[attr-defined]


def test_it_is_written_down_whose_the_pages_are_before_one_goes_out(store: Store) -> None:
    submit(store)
    job = claim(store)
    assert job.sends_as("anna")
    assert job.sends_as("anna")
    table.recover(store)
    assert claim(store).sends_as("berta") is False, "the page in flight may have arrived"


def test_what_is_discarded_by_a_worker_may_be_printed_again(store: Store) -> None:
    first = submit(store, 1, dedup="uuid:digest")
    claim(store).discard("remote refused", "policy")
    assert submit(store, 2, dedup="uuid:digest") != first
    assert len(look.listing(store)) == 2


def test_steps_and_attributes_survive(store: Store) -> None:
    submit(store, 1, {"action": "parse"}, {"action": "store", "remote": "pacs"})
    job = claim(store)
    job.attributes["AccessionNumber"] = "A1"
    job.advance(1, "step 1")
    table.recover(store)
    again = claim(store)
    assert again.step == 1
    assert again.attributes == {"AccessionNumber": "A1"}


WRITES: dict[str, Callable[[Running], None]] = {
    "finish": lambda job: job.finish(),
    "accept": lambda job: job.accept("pacs", 1, "2.25.1", 0),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_was_overtaken_writes_nothing(store: Store, write: str) -> None:
    job_id = submit(store)
    overtaken = claim(store)
    table.recover(store)
    claim(store)
    with pytest.raises(LostClaimError):
        WRITES[write](overtaken)
    assert shown(store, job_id)["state"] == "running"
    assert shown(store, job_id)["instances"] == []
    assert shown(store, job_id)["pages"] is None


def test_what_an_operator_asks_reaches_the_worker(store: Store) -> None:
    job_id = submit(store)
    job = claim(store)
    assert job.requested() is None
    assert operate(store, job_id, Operation("cancel", "anna", "twice printed")) is False
    assert job.requested() == {"verb": "cancel", "user": "anna", "reason": "twice printed"}


def test_a_request_that_was_carried_out_is_gone(store: Store) -> None:
    job_id = submit(store)
    job = claim(store)
    operate(store, job_id, Operation("hold", "anna"))
    job.hold("held by a person", "hold by a person", "anna")
    operate(store, job_id, Operation("release", "anna"))
    assert claim(store).requested() is None
