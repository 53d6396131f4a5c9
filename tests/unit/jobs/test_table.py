from datetime import UTC, datetime

from jobs_made import STORE_STEP, Clock, claim, submit, ticket

from dicom_printer.jobs import due, films, look, table
from dicom_printer.jobs.films import Film
from dicom_printer.jobs.remotes import remote_down
from dicom_printer.jobs.store import WAITS_FOR_REMOTE, Snapshot, Store


def state(store: Store, job_id: str) -> str:
    (row,) = look.listing(store, ids=[job_id])
    return str(row["state"])


def test_a_job_is_claimed_once(store: Store) -> None:
    submit(store)
    assert table.claim(store) is not None
    assert table.claim(store) is None


def test_jobs_are_claimed_in_the_order_they_came(store: Store) -> None:
    ids = [submit(store, n) for n in (3, 1, 2)]
    assert [claim(store).id for _ in ids] == ids


def test_a_ticket_submitted_twice_is_one_job(store: Store) -> None:
    steps = Snapshot(defaults={}, steps=[STORE_STEP])
    assert table.submit(store, ticket(1), steps, {}) is None
    assert table.submit(store, ticket(1), steps, {}) == ticket(1).id
    assert len(look.listing(store)) == 1


def test_the_same_print_handed_over_twice_is_one_job(store: Store) -> None:
    first = submit(store, 1, dedup="uuid:digest")
    steps = Snapshot(defaults={}, steps=[STORE_STEP])
    assert table.submit(store, ticket(2, dedup="uuid:digest"), steps, {}) == first
    assert [e["what"] for e in look.show(store, first)["events"]] == ["accepted", "repeated"]


def test_prints_without_dedup_are_all_different(store: Store) -> None:
    submit(store, 1)
    submit(store, 2)
    assert len(look.listing(store)) == 2


def test_a_job_that_failed_goes_behind_the_others(store: Store) -> None:
    first = submit(store, 1)
    claim(store).suspend(store.clock(), store.clock() + 99, "no answer", "lost", counts=True)
    second = submit(store, 2)
    assert claim(store).id == second
    assert claim(store).id == first


def test_a_suspended_job_waits_for_its_time(store: Store, clock: Clock) -> None:
    job_id = submit(store)
    claim(store).suspend(clock() + 60, clock() + 600, "no answer", "lost", counts=True)
    assert state(store, job_id) == "suspended"
    assert table.claim(store) is None
    assert due.next_due(store) == clock() + 60
    clock.forward(60)
    assert claim(store).failures == 1


def test_a_suspended_job_is_woken_to_be_given_up(store: Store, clock: Clock) -> None:
    submit(store)
    claim(store).suspend(clock() + 600, clock() + 60, "no answer", "lost", counts=True)
    assert due.next_due(store) == clock() + 60
    assert table.claim(store) is None
    clock.forward(60)
    assert table.claim(store) is not None


def test_a_job_is_as_old_as_its_print(store: Store, clock: Clock) -> None:
    printed = datetime.fromtimestamp(clock() - 3 * 86400, UTC)
    monday = submit(store, 1, received=printed.isoformat())
    odd, future = submit(store, 2, received="?"), submit(store, 3, received="2199-01-01T00:00:00Z")
    created = {job["id"]: job["created"] for job in look.listing(store)}
    assert created == {monday: clock() - 3 * 86400, odd: clock(), future: clock()}


def test_what_was_running_when_the_service_died_goes_on(store: Store) -> None:
    job_id = submit(store)
    claim(store)
    assert table.recover(store) == 1
    assert state(store, job_id) == "ready"
    assert claim(store).id == job_id


def test_a_film_that_was_sent_when_the_service_died_is_not_sent_again(store: Store) -> None:
    job_id = submit(store)
    films.sending(claim(store), "pacs", 0, [Film("key", 1, (1,))])
    table.recover(store)
    found = look.show(store, job_id)
    assert (found["state"], found["reason"]) == ("held", "outcome unknown")
    assert "film 1 (page 1)" in found["error"]
    assert "look at the printer" in found["error"]
    assert found["events"][-1]["what"] == "held"


def test_a_film_that_was_answered_when_the_service_died_lets_the_job_go_on(store: Store) -> None:
    job_id = submit(store)
    job = claim(store)
    films.sending(job, "pacs", 0, [Film("key", 1, (1,))])
    films.taken(job, "pacs", [Film("key", 1, (1,))], 0xB604)
    table.recover(store)
    assert state(store, job_id) == "ready"
    again = claim(store)
    assert films.printed(again, "pacs", 0).pages == {1}
    assert films.printed(again, "pacs", 1).pages == set(), "another step prints its own"
    assert "0xB604" in str(look.show(store, job_id)["events"])


def test_a_job_that_kills_the_service_is_held_in_the_end(store: Store) -> None:
    job_id = submit(store)
    for _ in range(table.CRASHES_ALLOWED):
        claim(store)
        table.recover(store)
    assert state(store, job_id) == "held"
    assert look.show(store, job_id)["reason"] == "service died"


def test_jobs_are_forgotten_when_they_ended_long_ago(store: Store, clock: Clock) -> None:
    done, waiting = submit(store, 1), submit(store, 2)
    claim(store).finish()
    clock.forward(10)
    assert table.finished_before(store, clock() - 10) == []
    assert table.finished_before(store, clock() - 5) == [done]
    table.forget(store, [done])
    assert [job["id"] for job in look.listing(store)] == [waiting]


def test_only_one_job_tries_a_remote_that_failed(store: Store, clock: Clock) -> None:
    store.limits = {"wide": 3}
    for n in range(3):
        submit(store, n)
    jobs = [claim(store) for _ in range(3)]
    remote_down(store, "wide", "refused", lambda _: 30)
    for job in jobs:
        job.acquire("wide")
        job.suspend(clock() + 30, clock() + 999, "remote unreachable", "refused", counts=False)
    clock.forward(30)
    assert claim(store).acquire("wide") is True
    assert table.claim(store) is None, "the second would wait for a time-out as well"


def test_those_that_were_woken_are_put_off_again_with_their_remote(
    store: Store, clock: Clock
) -> None:
    ids = [submit(store, number) for number in range(2)]
    for _ in ids:
        found = claim(store)
        found.acquire("pacs")
        remote_down(store, "pacs", "refused", lambda _: 60)
        found.suspend(clock() + 60, clock() + 600, WAITS_FOR_REMOTE, "refused", counts=False)
    clock.forward(60)
    assert claim(store).acquire("pacs") is True
    remote_down(store, "pacs", "refused", lambda _: 120)
    assert table.claim(store) is None
    assert due.next_due(store) == clock() + 120
