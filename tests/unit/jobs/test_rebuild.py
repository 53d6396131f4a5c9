"""Rows rebuilt from journals: each job stands where it stood, and what was sent is known."""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jobs_made import STORE_STEP, Clock, claim, commit

from dicom_printer.errors import OutcomeUnknownError, SpoolError
from dicom_printer.jobs import films, look, rebuild, table
from dicom_printer.jobs.films import Film
from dicom_printer.jobs.match import go_on, seen
from dicom_printer.jobs.operate import Fresh, Operation, operate
from dicom_printer.jobs.running import LostClaimError
from dicom_printer.jobs.schema import film, instance, job, metadata
from dicom_printer.jobs.store import Snapshot, State, Store
from dicom_printer.journal import FILE_NAME, Accepted, Journal, Line
from dicom_printer.spool import JOBS, Spool

FILM = Film("a", 1, (1, 2))
STEPS = [{"action": "set"}, STORE_STEP, {"action": "print", "remote": "imager"}]


@pytest.fixture
def adopt(spool: Spool, store: Store) -> Callable[..., str]:
    def adopted(**fields: Any) -> str:
        ticket = commit(spool, **fields)
        spool.adopt(ticket.id)
        table.submit(store, ticket, Snapshot(defaults={}, steps=STEPS), {"PatientID": "1"})
        return ticket.id

    return adopted


def lose(store: Store) -> None:
    """The table as it is after the database was lost."""
    with store.engine.begin() as c:
        for each in reversed(metadata.sorted_tables):
            c.execute(sa.delete(each))


def shown(store: Store, job_id: str) -> dict[str, Any]:
    return look.show(store, job_id)


def test_job_to_which_nothing_happened_has_no_journal(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    claim(store).put_back("the service stopped")
    assert not (spool.root / JOBS / job_id / FILE_NAME).exists()
    lose(store)
    assert rebuild.insert(store, job_id) is None


def test_job_goes_on_at_its_step_with_what_the_remote_has(
    store: Store, clock: Clock, adopt: Callable[..., str]
) -> None:
    job_id = adopt(title="Report", user="anna", dedup="cups:1")
    running = claim(store)
    running.attributes["AccessionNumber"] = "A1"
    running.advance(1, "step 1 (set): done")
    running.acquire("pacs")
    assert running.sends_as("digest")
    running.accept("pacs", 1, "2.25.1", 0)
    running.accept("pacs", 2, "2.25.2", 0xB000)
    before = shown(store, job_id)
    clock.forward(60)
    lose(store)

    assert rebuild.insert(store, job_id) is State.READY
    after = shown(store, job_id)
    for name in ("printer", "title", "user", "source", "created", "step", "workflow", "attributes"):
        assert after[name] == before[name], name
    assert {i["sop_instance_uid"]: i["status"] for i in after["instances"]} == {
        "2.25.1": 0, "2.25.2": 0xB000,
    }  # fmt: skip
    assert [event["what"] for event in after["events"]] == ["step", "rebuilt"]
    with pytest.raises(LostClaimError):
        running.finish()
    again = claim(store)
    assert (again.step, again.attributes["AccessionNumber"]) == (1, "A1")
    assert again.fence > running.fence
    assert again.accepted("pacs") == {"2.25.1", "2.25.2"}
    assert not again.sends_as("another digest")
    assert rebuild.insert(store, job_id) is None


def test_ends_stay_ends(store: Store, adopt: Callable[..., str]) -> None:
    done = adopt(dedup="cups:1")
    claim(store).finish()
    discarded = adopt(dedup="cups:2")
    operate(store, discarded, Operation("discard", "anna", "not needed"))
    held = adopt()
    claim(store).hold("several matches", "ask the ward")
    lose(store)

    for job_id in (done, discarded, held):
        rebuild.insert(store, job_id)
    assert {j["id"]: (j["state"], j["reason"]) for j in look.listing(store)} == {
        done: ("done", ""),
        discarded: ("discarded", "discarded by a person"),
        held: ("held", "several matches"),
    }
    events = {e["what"]: e for e in shown(store, discarded)["events"]}
    assert events["discard"]["user"] == "anna"
    assert "not needed" in events["discard"]["detail"]
    # What is handed over again is known where it was delivered, and new where it was discarded.
    with store.reading() as c:
        known = {row.id: row.dedup for row in c.execute(sa.select(job.c.id, job.c.dedup))}
    assert known == {done: "cups:1", discarded: None, held: None}


def test_acts_of_a_person_hold_on(store: Store, adopt: Callable[..., str]) -> None:
    matched, fresh, released = adopt(), adopt(), adopt()
    for job_id in (matched, fresh, released):
        running = claim(store)
        assert running.id == job_id
        running.hold("no match", "nothing")
    go_on(store, seen(store, matched), 2, {"PatientID": "2"}, "picked", "anna")
    new = Fresh(Snapshot(defaults={}, steps=[STORE_STEP]), {"PatientID": "3"})
    operate(store, fresh, Operation("retry", "anna"), new)
    operate(store, released, Operation("release", "anna"))
    lose(store)
    assert [rebuild.insert(store, j) for j in (matched, fresh, released)] == [State.READY] * 3
    assert [(j["step"], j["steps"]) for j in look.listing(store)] == [(3, 3), (1, 1), (1, 3)]
    assert shown(store, matched)["attributes"] == {"PatientID": "2"}
    assert shown(store, fresh)["attributes"] == {"PatientID": "3"}


def test_film_in_doubt_holds_the_job(store: Store, adopt: Callable[..., str]) -> None:
    job_id = adopt()
    running = claim(store)
    films.sending(running, "imager", 0, [FILM])
    lose(store)
    assert rebuild.insert(store, job_id) is State.HELD
    (found,) = look.listing(store)
    assert found["reason"] == OutcomeUnknownError.reason
    assert "film 1 (pages 1, 2): the job table was lost" in found["error"]
    operate(store, job_id, Operation("release", "anna"))
    lose(store)
    assert rebuild.insert(store, job_id) is State.READY
    assert films.printed(claim(store), "imager", 0).pages == {1, 2}


@pytest.mark.parametrize(("answer", "pages"), [("taken", {1, 2}), ("refused", set())])
def test_film_whose_answer_came(
    store: Store, adopt: Callable[..., str], answer: str, pages: set[int]
) -> None:
    job_id = adopt()
    running = claim(store)
    films.sending(running, "imager", 0, [FILM])
    if answer == "taken":
        films.taken(running, "imager", [FILM], 0)
    else:
        films.refused(running, [FILM])
    lose(store)
    assert rebuild.insert(store, job_id) is State.READY
    assert films.printed(claim(store), "imager", 0).pages == pages


def test_journal_that_is_damaged_holds_the_job_unless_it_has_ended(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    going, done = adopt(), adopt()
    claim(store).advance(1, "step 1")
    claim(store).finish()
    for job_id in (going, done):
        with (spool.root / JOBS / job_id / FILE_NAME).open("a") as file:
            file.write("nonsense\n")
    lose(store)
    assert rebuild.insert(store, going) is State.HELD
    assert rebuild.insert(store, done) is State.DONE
    found = shown(store, going)
    assert (found["state"], found["reason"]) == ("held", "journal damaged")
    assert "line 2" in found["error"]


def test_print_that_another_job_stands_for_is_inserted_without_dedup(
    store: Store, adopt: Callable[..., str]
) -> None:
    first = adopt(dedup="cups:1")
    claim(store).finish()
    lose(store)
    adopt(dedup="cups:1")
    assert rebuild.insert(store, first) is State.DONE
    assert len(look.listing(store)) == 2


def test_acknowledgement_that_only_the_journal_knows(
    store: Store, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    running = claim(store)
    running.accept("pacs", 1, "2.25.1", 0)
    with store.engine.begin() as c:
        c.execute(sa.delete(instance))
    assert running.accepted("other") == set()
    assert running.accepted("pacs") == {"2.25.1"}
    assert [i["page"] for i in shown(store, job_id)["instances"]] == [1]


def test_acknowledgement_that_only_the_table_knows(
    store: Store, spool: Spool, adopt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = adopt()
    running = claim(store)

    def full(*_: object, **__: object) -> None:
        raise SpoolError("full")

    running.accept("pacs", 1, "2.25.1", 0)
    with monkeypatch.context() as broken:
        broken.setattr("dicom_printer.journal.Journal.append", full)
        with pytest.raises(SpoolError):
            running.accept("pacs", 2, "2.25.2", 0)
    assert running.accepted("pacs") == {"2.25.1", "2.25.2"}
    history = spool.journal.read(job_id)
    assert history is not None
    assert len(history.accepted) == 2


def test_acknowledgement_that_another_node_has_read_in_the_journal(
    store: Store, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    running = claim(store)
    with store.writing() as (c, now):
        values = {"remote": "pacs", "sop_instance_uid": "2.25.1", "page": 1, "status": 0}
        c.execute(sa.insert(instance).values(job=job_id, at=now, **values))
    running.accept("pacs", 1, "2.25.1", 0)
    assert [i["page"] for i in shown(store, job_id)["instances"]] == [1]


def test_end_that_cannot_be_written_down_is_none(
    store: Store, adopt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = adopt()
    running = claim(store)

    def full(*_: object, **__: object) -> None:
        raise SpoolError("full")

    monkeypatch.setattr("dicom_printer.journal.Journal.append", full)
    with pytest.raises(SpoolError):
        running.finish()
    running.put_back("the journal could not be written")
    assert shown(store, job_id)["state"] == "ready"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_table_older_than_the_journals_catches_up(
    store: Store, spool: Spool, clock: Clock, tmp_path: Path, adopt: Callable[..., str]
) -> None:
    done, held, untouched = adopt(), adopt(), adopt()
    copy = tmp_path / "copy.sqlite3"
    with sqlite3.connect(spool.database) as now, sqlite3.connect(copy) as then:
        now.backup(then)
    running = claim(store)
    running.accept("pacs", 1, "2.25.1", 0)
    running.finish()
    clock.forward(1)
    claim(store).hold("no match", "nothing")
    engine = sa.create_engine(f"sqlite:///{copy}")
    older = replace(store, engine=engine)
    for job_id in (done, held):  # the tests' clock is not the file system's
        os.utime(spool.root / JOBS / job_id / FILE_NAME, (clock.now + 10, clock.now + 10))
    ids = [done, held, untouched]
    assert rebuild.catch_up(older, ids) == [done, held]
    assert rebuild.catch_up(older, ids) == []
    assert [j["state"] for j in look.listing(older)] == ["done", "held", "ready"]
    assert [i["page"] for i in shown(older, done)["instances"]] == [1]
    assert shown(older, held)["events"][-1]["what"] == "rebuilt"
    assert rebuild.catch_up(store, ids) == []
    engine.dispose()


def test_job_of_a_version_without_journals_gets_one(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    done, waiting = adopt(), adopt()
    without = replace(store, journal=None)
    running = claim(without)
    running.accept("pacs", 1, "2.25.1", 0)
    films.sending(running, "imager", 0, [FILM])
    films.taken(running, "imager", [FILM], 0)
    running.finish()
    assert rebuild.catch_up(store, [done, waiting]) == []
    lose(store)
    assert rebuild.insert(store, done) is State.DONE
    assert rebuild.insert(store, waiting) is None
    found = shown(store, done)
    assert [i["page"] for i in found["instances"]] == [1]
    assert [f["pages"] for f in found["films"]] == [[1, 2]]


def test_journal_that_cannot_be_written_keeps_no_other_job_back(
    store: Store,
    spool: Spool,
    adopt: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = adopt(), adopt()
    without = replace(store, journal=None)
    claim(without).finish()
    claim(without).finish()
    append = Journal.append

    def forbidden(self: Journal, job_id: str, line: Line, *, durable: bool) -> None:
        if job_id == bad:
            raise SpoolError(f"the journal of job {job_id[:8]} cannot be written")
        append(self, job_id, line, durable=durable)

    monkeypatch.setattr(Journal, "append", forbidden)
    assert rebuild.catch_up(store, [bad, good]) == []
    assert f"journal of job {bad[:8]} cannot be written" in caplog.text
    assert spool.journal.written(good) is not None


def test_service_that_lost_the_job_changes_nothing_that_is_rebuilt(
    store: Store, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    stopped = claim(store)
    stopped.advance(1, "step 1")
    table.recover(store)
    claim(store).hold("no match", "nothing")
    late: list[Callable[[], None]] = [stopped.finish, lambda: stopped.advance(3, "late")]
    for write in late:
        with pytest.raises(LostClaimError):
            write()
    with pytest.raises(LostClaimError):
        stopped.accept("pacs", 1, "2.25.1", 0)
    lose(store)
    assert rebuild.insert(store, job_id) is State.HELD
    found = shown(store, job_id)
    assert (found["step"], [i["page"] for i in found["instances"]]) == (2, [1])


def test_acknowledgements_without_a_state_are_no_row(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    each = Accepted(remote="pacs", sop_instance_uid="2.25.1", page=1, status=0, at=1.0)
    spool.journal.append(job_id, Line(accepted=[each]))
    assert claim(store).accepted("pacs") == {"2.25.1"}
    lose(store)
    assert rebuild.insert(store, job_id) is None


def older(store: Store, job_id: str, **values: Any) -> Callable[[], None]:
    """Remember a row, to put it back as a copy of the table that is restored does."""
    with store.reading() as c:
        was = dict(c.execute(sa.select(job).where(job.c.id == job_id)).mappings().one())

    def restore() -> None:
        with store.engine.begin() as c:
            c.execute(sa.update(job).where(job.c.id == job_id).values(was))
            for each in (instance, film):
                c.execute(sa.delete(each).where(each.c.job == job_id))

    return restore


def test_table_that_is_restored_under_a_service_is_caught_up_with_before_a_job_goes_on(
    store: Store, clock: Clock, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    restore = older(store, job_id)
    running = claim(store)
    films.sending(running, "imager", 0, [FILM])
    restore()
    clock.forward(60)
    again = claim(store)
    assert rebuild.overtaken(again)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("held", OutcomeUnknownError.reason)
    with pytest.raises(LostClaimError):
        again.finish()


def test_claim_of_a_row_that_is_as_its_journal_says_is_left_alone(
    store: Store, clock: Clock, adopt: Callable[..., str]
) -> None:
    adopt()
    assert not rebuild.overtaken(claim(store))
    clock.forward(-3600)
    table.recover(store)
    running = claim(store)
    running.advance(1, "step 1")
    running.put_back("the service stopped")
    assert not rebuild.overtaken(claim(store))


def test_what_a_person_does_to_a_row_that_is_older_than_its_journal_holds_on(
    store: Store, clock: Clock, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    restore = older(store, job_id)
    claim(store).hold("no match", "nothing")
    operate(store, job_id, Operation("release", "anna"))
    claim(store).hold("no match", "nothing")
    restore()
    clock.forward(60)
    operate(store, job_id, Operation("discard", "anna", "not needed"))
    lose(store)
    assert rebuild.insert(store, job_id) is State.DISCARDED


def test_picked_entry_for_a_row_that_is_older_than_its_journal_is_the_newest(
    store: Store, clock: Clock, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    claim(store).hold("no match", "nothing")
    restore = older(store, job_id)
    go_on(store, seen(store, job_id), 1, {"PatientID": "2"}, "picked", "anna")
    claim(store).hold("remote refused", "nothing")
    restore()
    clock.forward(60)
    assert seen(store, job_id).attributes == {"PatientID": "2"}


def test_second_after_which_the_table_ends_counts_as_well(
    store: Store, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    running = claim(store)
    restore = older(store, job_id)
    films.sending(running, "imager", 0, [FILM])
    restore()
    assert rebuild.catch_up(store, [job_id]) == []  # the same moment, and the same claim
    store.clock.forward(1)  # type: ignore[attr-defined]
    films.refused(running, [FILM])
    restore()
    assert rebuild.catch_up(store, [job_id]) == [job_id]


def test_journal_that_cannot_be_read_keeps_no_other_from_catching_up(
    store: Store, spool: Spool, clock: Clock, adopt: Callable[..., str]
) -> None:
    first, second = adopt(), adopt()
    restored = [older(store, first), older(store, second)]
    claim(store).finish()
    clock.forward(1)
    claim(store).finish()
    for restore in restored:
        restore()
    place = spool.root / JOBS / first / FILE_NAME
    place.rename(place.with_name("kept"))
    place.symlink_to("kept")
    assert rebuild.catch_up(store, [first, second]) == [second]


def test_what_a_running_job_was_asked_holds_on(store: Store, adopt: Callable[..., str]) -> None:
    job_id = adopt()
    claim(store).advance(1, "step 1")
    assert not operate(store, job_id, Operation("cancel", "anna", "wrong patient"))
    lose(store)
    assert rebuild.insert(store, job_id) is State.READY
    asked = {"verb": "cancel", "user": "anna", "reason": "wrong patient"}
    assert claim(store).requested() == asked


def test_journal_of_which_nothing_can_be_read_is_not_that_of_a_new_job(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    job_id, new = adopt(), adopt()
    films.sending(claim(store), "imager", 0, [FILM])
    place = spool.root / JOBS / job_id / FILE_NAME
    place.write_bytes(place.read_bytes().replace(b'"fence"', b"\xff\xff"))
    lose(store)
    assert rebuild.insert(store, job_id) is None
    found = rebuild.unreadable(store, job_id)
    assert found is not None
    assert found[0] == "journal damaged"
    assert "line 1" in found[1]
    assert rebuild.unreadable(store, new) is None


def test_state_that_does_not_exist_is_damage(
    store: Store, spool: Spool, adopt: Callable[..., str]
) -> None:
    job_id = adopt()
    claim(store).hold("no match", "nothing")
    place = spool.root / JOBS / job_id / FILE_NAME
    place.write_bytes(place.read_bytes().replace(b'"held"', b'"hele"', 1))
    history = spool.journal.read(job_id)
    assert history is not None
    assert history.damaged == [1]
