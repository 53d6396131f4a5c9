import pytest
from jobs_made import Clock, claim, submit

from dicom_printer.errors import NoSuchJobError, UsageError
from dicom_printer.jobs import look
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.remotes import remote_down, remote_up
from dicom_printer.jobs.store import Store


def test_a_unique_beginning_names_a_job(store: Store) -> None:
    one = submit(store, 0xA << 124)
    submit(store, 0xB << 124)
    assert look.resolve(store, "a") == one
    assert look.resolve(store, "A0") == one


def test_nothing_names_no_job_even_where_there_is_only_one(store: Store) -> None:
    submit(store)
    with pytest.raises(NoSuchJobError, match="no job is named"):
        look.resolve(store, "")


@pytest.mark.parametrize("prefix", ["%", "c", "_"])
def test_a_beginning_that_fits_none_or_several(store: Store, prefix: str) -> None:
    submit(store, 0xA << 124)
    submit(store, 0xB << 124)
    with pytest.raises(NoSuchJobError):
        look.resolve(store, prefix)


def test_the_listing_filters(store: Store) -> None:
    one, two = submit(store, 1), submit(store, 2, printer="other")
    claim(store).hold("remote refused", "no")
    assert [j["id"] for j in look.listing(store, state="held")] == [one]
    assert [j["id"] for j in look.listing(store, printer="other")] == [two]
    with pytest.raises(UsageError, match="suspended"):
        look.listing(store, state="hold")


def test_pages_are_counted_at_the_remote_that_is_being_asked(store: Store) -> None:
    job_id = submit(store)
    job = claim(store)
    job.pages = 2
    for page in (1, 2):
        job.accept("pacs", page, f"2.25.{page}", 0)
    job.advance(1, "")
    job.acquire("wide")
    assert look.listing(store)[0]["accepted"] == 0, "the second store has none yet"
    job.accept("wide", 1, "2.25.1", 0)
    assert look.listing(store)[0]["accepted"] == 1
    job.hold("remote refused", "no")
    assert look.listing(store)[0]["accepted"] == 1
    operate(store, job_id, Operation("release", "anna"))
    again = claim(store)
    again.acquire("wide")
    again.accept("wide", 2, "2.25.2", 0)
    again.finish()
    assert look.listing(store)[0]["accepted"] == 2, "each page once, however many have it"


def test_counts_and_last_error(store: Store, clock: Clock) -> None:
    submit(store, 1)
    submit(store, 2)
    claim(store).suspend(
        clock() + 60, clock() + 600, "no answer", "the answer is lost", counts=True
    )
    counted = {row["state"]: row["jobs"] for row in look.counts(store)}
    assert counted == {"suspended": 1, "ready": 1}
    assert look.last_error(store) == {"DICOM_Printer": "the answer is lost"}


def test_a_remote_that_nobody_waits_for_is_not_down_for_ever(store: Store, clock: Clock) -> None:
    remote_down(store, "pacs", "connection refused", lambda _: 60)
    assert look.remotes(store)["pacs"]["up"] is False
    clock.forward(60)
    assert look.remotes(store)["pacs"]["up"] is None, "nobody has asked since"


def test_a_remote_is_up_since_it_first_answered(store: Store, clock: Clock) -> None:
    assert look.remotes(store) == {}, "nobody has asked any"
    first = clock()
    remote_up(store, "pacs")
    clock.forward(60)
    remote_up(store, "pacs")
    assert look.remotes(store)["pacs"] == {"waiting": 0, "up": True, "since": first}
    failed = clock()
    remote_down(store, "pacs", "connection refused", lambda _: 60)
    assert look.remotes(store)["pacs"]["since"] == failed
    clock.forward(10)
    remote_down(store, "pacs", "connection refused", lambda _: 60)
    assert look.remotes(store)["pacs"]["since"] == failed, "of the first failure"


def test_a_remote_that_is_down_says_why_and_until_when(store: Store) -> None:
    until = remote_down(store, "pacs", "connection refused", lambda _: 60)
    found = look.remotes(store)["pacs"]
    assert (found["up"], found["error"], found["next_attempt"]) == (
        False,
        "connection refused",
        until,
    )
