import pytest
from jobs_made import Clock, claim, submit

from dicom_printer.errors import JobStateError, NoSuchJobError, OutcomeUnknownError
from dicom_printer.jobs import films, look, table
from dicom_printer.jobs.films import Film, Printed
from dicom_printer.jobs.operate import Fresh, Operation, operate
from dicom_printer.jobs.remotes import remote_down
from dicom_printer.jobs.store import Snapshot, Store


def do(store: Store, job_id: str, verb: str, reason: str = "") -> dict[str, object]:
    assert operate(store, job_id, Operation(verb, "anna", reason))
    return look.show(store, job_id)


def test_hold_and_release(store: Store) -> None:
    job_id = submit(store)
    held = do(store, job_id, "hold")
    assert (held["state"], held["reason"]) == ("held", "held by a person")
    assert table.claim(store) is None
    assert do(store, job_id, "release")["state"] == "ready"
    assert table.claim(store) is not None


def test_cancel_and_retry_of_what_was_discarded(store: Store) -> None:
    job_id = submit(store)
    assert do(store, job_id, "cancel")["state"] == "discarded"
    assert do(store, job_id, "retry")["state"] == "ready"


@pytest.mark.parametrize("verb", ["cancel", "discard"])
def test_what_was_discarded_may_be_printed_again(store: Store, verb: str) -> None:
    first = submit(store, 1, dedup="uuid:digest")
    do(store, first, verb, "wrong patient")
    again = submit(store, 2, dedup="uuid:digest")
    assert [job["id"] for job in look.listing(store)] == [first, again]


def test_discard_keeps_who_and_why(store: Store) -> None:
    job_id = submit(store)
    shown = do(store, job_id, "discard", "wrong patient")
    event = shown["events"][-1]  # type: ignore[index]
    assert (event["user"], event["detail"]) == ("anna", "discard by a person: wrong patient")


def test_what_is_done_stays_done(store: Store) -> None:
    job_id = submit(store)
    claim(store).finish()
    for verb in ("hold", "release", "retry", "cancel", "discard"):
        with pytest.raises(JobStateError, match="is done"):
            operate(store, job_id, Operation(verb, "anna"))


def test_a_job_that_is_not_there(store: Store) -> None:
    with pytest.raises(NoSuchJobError):
        operate(store, "0" * 32, Operation("hold", "anna"))


def test_retry_asks_a_remote_that_was_down(store: Store, clock: Clock) -> None:
    job_id = submit(store)
    remote_down(store, "pacs", "refused", lambda _: 900)
    job = claim(store)
    job.acquire("pacs")
    job.suspend(clock() + 900, clock() + 9999, "remote unreachable", "refused", counts=False)
    operate(store, job_id, Operation("retry", "anna"))
    assert claim(store).acquire("pacs") is True


def test_retry_fresh_begins_anew(store: Store) -> None:
    job_id = submit(store, 1, {"action": "parse"}, {"action": "store", "remote": "pacs"})
    job = claim(store)
    job.advance(1, "")
    job.hold("remote refused", "no")
    now = Snapshot(defaults={}, steps=[{"action": "store", "remote": "new"}])
    operate(store, job_id, Operation("retry", "anna"), Fresh(now, {"PatientID": "typed"}))
    again = claim(store)
    assert (again.step, again.snapshot) == (0, now)
    assert again.attributes == {"PatientID": "typed"}


def test_retry_of_a_held_job_asks_a_remote_that_was_down(store: Store) -> None:
    job_id = submit(store)
    remote_down(store, "pacs", "refused", lambda _: 900)
    claim(store).hold("remote unreachable", "given up")
    operate(store, job_id, Operation("retry", "anna"))
    assert claim(store).acquire("pacs") is True


def in_doubt(store: Store) -> str:
    """A job whose first film was printed, and whose second was sent and never answered."""
    job_id = submit(store, 1, {"action": "print", "remote": "pacs"})
    job = claim(store)
    one, two = Film("one", 1, (1,)), Film("two", 2, (2, 3))
    films.sending(job, "pacs", 0, [one])
    films.taken(job, "pacs", [one], 0)
    films.sending(job, "pacs", 0, [two])
    job.hold("outcome unknown", "the answer never came")
    return job_id


def test_release_takes_a_film_for_printed_and_retry_does_not(store: Store) -> None:
    job_id = in_doubt(store)
    operate(store, job_id, Operation("release", "anna"))
    assert films.printed(claim(store), "pacs", 0) == Printed(2, frozenset({1, 2, 3}))
    assert "by the word of a person" in str(look.show(store, job_id)["events"])


def test_retry_prints_a_film_in_doubt_again(store: Store) -> None:
    operate(store, in_doubt(store), Operation("retry", "anna"))
    assert films.printed(claim(store), "pacs", 0) == Printed(1, frozenset({1}))


def test_what_is_not_held_for_its_doubt_settles_no_film(store: Store) -> None:
    job_id = in_doubt(store)
    operate(store, job_id, Operation("discard", "anna", "not wanted"))
    operate(store, job_id, Operation("retry", "anna"))
    with pytest.raises(OutcomeUnknownError, match=r"film 2 \(pages 2, 3\)"):
        films.printed(claim(store), "pacs", 0)
