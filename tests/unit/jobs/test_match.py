"""A person's decision on a job: only on the job that they looked at."""

from __future__ import annotations

import pytest
from find_peers import worklist_entry
from jobs_made import Clock, claim, submit

from dicom_printer import mapping
from dicom_printer.attributes import Value
from dicom_printer.cli.match import take_over
from dicom_printer.errors import JobStateError, NoSuchJobError
from dicom_printer.jobs import look, table
from dicom_printer.jobs.match import Seen, go_on, seen
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.store import Store

QUERY = {"action": "query", "remote": "ris"}
STORE = {"action": "store", "remote": "pacs"}


def held(store: Store) -> str:
    job_id = submit(store, 1, QUERY, STORE)
    claim(store).hold("several matches", "2 entries")
    return job_id


def test_a_held_job_goes_on_behind_its_query(store: Store) -> None:
    job_id = held(store)
    go_on(store, seen(store, job_id), 1, {"PatientID": "1"}, "picked by a person", "erna")
    found = look.show(store, job_id)
    assert (found["state"], found["reason"], found["step"]) == ("ready", "", 2)
    assert found["attributes"] == {"PatientID": "1"}
    last = found["events"][-1]
    assert (last["what"], last["user"], last["detail"]) == ("match", "erna", "picked by a person")
    running = claim(store)
    assert (running.step, running.attributes, running.failures) == (1, {"PatientID": "1"}, 0)


def test_a_suspended_one_too(store: Store, clock: Clock) -> None:
    job_id = submit(store, 1, QUERY, STORE)
    claim(store).suspend(clock() + 60, clock() + 600, "no match", "none", counts=True)
    go_on(store, seen(store, job_id), 1, {}, "picked", "erna")
    assert claim(store).give_up_at is None


@pytest.mark.parametrize("change", ["running", "claimed", "released", "held again", "matched"])
def test_a_job_that_changed_meanwhile_is_left_alone(
    store: Store, clock: Clock, change: str
) -> None:
    job_id = held(store)
    if change == "running":
        operate(store, job_id, Operation("release", "anna"))
        claim(store)
    was = seen(store, job_id)
    clock.forward(1)
    if change == "running":
        pass
    elif change == "matched":
        go_on(store, was, 1, {"PatientID": "1"}, "picked", "anna")
    else:
        operate(store, job_id, Operation("release", "anna"))
    if change not in {"released", "running"}:
        running = claim(store)
        if change == "held again":
            running.hold("several matches", "2 entries")
    before = look.show(store, job_id)
    with pytest.raises(JobStateError, match="changed meanwhile"):
        go_on(store, was, 1, {"PatientID": "2"}, "picked", "erna")
    assert look.show(store, job_id) == before


@pytest.mark.parametrize("state", ["done", "discarded"])
def test_other_states_are_refused(store: Store, state: str) -> None:
    job_id = submit(store, 1, QUERY)
    running = claim(store)
    if state == "done":
        running.finish()
    elif state == "discarded":
        running.discard("x", "y")
    with pytest.raises(JobStateError, match=state):
        seen(store, job_id)


def test_a_film_that_may_have_come_out_is_another_question(store: Store) -> None:
    job_id = submit(store, 1, QUERY)
    claim(store).hold("outcome unknown", "the answer did not come")
    with pytest.raises(JobStateError, match="film"):
        seen(store, job_id)


def test_no_such_job(store: Store) -> None:
    assert table.claim(store) is None
    with pytest.raises(NoSuchJobError):
        seen(store, "0" * 32)


SEEN = Seen("1" * 32, 0, [{"action": "query", "return_keys": ["PatientComments"]}], {}, 0, 0.0)


def test_nothing_of_the_first_patient_stays_with_the_second() -> None:
    first = mapping.entry(worklist_entry(PatientComments="deaf"), ["PatientComments"])
    own: dict[str, Value] = {**first.attributes, "SeriesDescription": "Brief"}
    own |= {"StudyID": "7", "PatientBirthDate": "19000101"}
    second = worklist_entry(
        PatientID="4799", PatientName="Other^Adam", AccessionNumber="ACC9", PatientSex="",
        PatientBirthDate="", StudyInstanceUID="", RequestedProcedureID="",
        ScheduledProcedureStepID="", RequestedProcedureDescription="", ReferencedStudySequence=[],
        RequestedProcedureCodeSequence=[], ReferringPhysicianName="",
    )  # fmt: skip
    text = take_over(SEEN, own, mapping.entry(second), "ris", ["StudyID", "PatientBirthDate"])
    assert own == {
        "PatientID": "4799", "PatientName": "Other^Adam", "AccessionNumber": "ACC9",
        "Modality": "CR", "StudyID": "7", "SeriesDescription": "Brief",
    }  # fmt: skip
    assert "replaced: PatientName, PatientID, AccessionNumber" in text
    assert "taken away: PatientBirthDate, PatientComments, PatientSex, ProcedureCode" in text


def test_another_entry_of_the_same_patient_takes_nothing_else_away() -> None:
    own: dict[str, Value] = {"PatientID": "4711", "PatientComments": "deaf"}
    text = take_over(SEEN, own, mapping.entry(worklist_entry()), "ris", [])
    assert own["PatientComments"] == "deaf"
    assert text == "matched with an entry of ris, picked by a person"
