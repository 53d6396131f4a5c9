"""Jobs go through their steps; the actions are scripted, the job table is real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import scripted_action
import sqlalchemy as sa
from jobs_made import Clock, commit

from dicom_printer import actions, expressions
from dicom_printer.actions import Job
from dicom_printer.config import Pages, Remote
from dicom_printer.errors import (
    NoAnswerError,
    NoMatchError,
    OutcomeUnknownError,
    RemoteRefusedError,
    RemoteUnreachableError,
    SpoolError,
    StepError,
    ValueMissingError,
)
from dicom_printer.jobs import look, table
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.remotes import remote_down
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.kept import Kept
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool
from dicom_printer.workflow import Workflow

REMOTE = {"action": "scripted_remote", "remote": "pacs"}
RETRY = {"first": "10s", "longest": "40s", "give_up": "100s"}


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = actions.find

    def find(name: str) -> Any:
        return {"scripted": scripted_action, "scripted_remote": scripted_action.Remote}.get(
            name
        ) or real(name)

    monkeypatch.setattr(actions, "find", find)
    scripted_action.script.clear()
    scripted_action.ran.clear()


@pytest.fixture
def workflow(spool: Spool) -> Iterator[Workflow]:
    renderer = Renderer(Pages())
    remotes = {"pacs": Remote(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)}
    yield Workflow(spool, remotes, renderer, Kept(keeps=True), lambda: False)
    renderer.close()


def add(
    spool: Spool, store: Store, *steps: dict[str, Any], attributes: dict[str, str] | None = None,
    defaults: dict[str, str] | None = None, **ticket: Any,
) -> str:  # fmt: skip
    made = commit(spool, **ticket)
    spool.adopt(made.id)
    snapshot = Snapshot(defaults=defaults or {}, steps=list(steps))
    table.submit(store, made, snapshot, attributes or {})
    return made.id


def carry_on(workflow: Workflow, store: Store) -> bool:
    running = table.claim(store)
    if running is None:
        return False
    workflow.carry_on(running)
    return True


def shown(store: Store, job_id: str) -> dict[str, Any]:
    return look.show(store, job_id)


def failing(error: StepError) -> Callable[[Any, Job], str]:
    def run(_step: Any, _job: Job) -> str:
        raise error

    return run


UNREACHABLE = RemoteUnreachableError("pacs: connection refused")


def test_steps_run_in_their_order_and_then_the_job_is_done(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    job_id = add(
        spool, store, {"action": "scripted", "text": "1"}, {"action": "scripted", "text": "2"}
    )
    carry_on(workflow, store)
    assert [s.text for s in scripted_action.ran] == ["1", "2"]
    assert shown(store, job_id)["state"] == "done"


def test_job_whose_row_is_older_than_its_journal_does_nothing_before_it_is_caught_up_with(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    job_id = add(spool, store, {"action": "scripted", "text": "1"})
    with store.reading() as c:
        was = dict(c.execute(sa.select(job).where(job.c.id == job_id)).mappings().one())
    carry_on(workflow, store)
    with store.engine.begin() as c:  # the table is replaced by a copy, the service goes on
        c.execute(sa.update(job).where(job.c.id == job_id).values(was))
    scripted_action.ran.clear()
    carry_on(workflow, store)
    assert scripted_action.ran == []
    assert shown(store, job_id)["state"] == "done"


def test_placeholders_are_filled_from_job_and_attributes(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    step = {"action": "scripted", "text": "{job.title}/{AccessionNumber}/{StudyID:-none}"}
    add(spool, store, step, attributes={"AccessionNumber": "A1"}, title="x\\y {PatientID}")
    carry_on(workflow, store)
    assert scripted_action.ran[0].text == "x/y {PatientID}/A1/none"


def test_a_placeholder_without_a_value_holds_the_job(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    job_id = add(spool, store, {"action": "scripted", "text": "{PatientID}"})
    carry_on(workflow, store)
    assert scripted_action.ran == []
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("held", "value missing")
    assert "{PatientID} has no value" in found["error"]


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ({"Modality": "^(CR|DX)$"}, True),
        ({"Modality": "^CT$"}, False),
        ({"StudyID": "^$"}, True),  # absent is ""
        ({"Modality": "CR", "StudyID": "."}, False),
        ({"job.title": "Befund"}, True),
    ],
)
def test_when(
    workflow: Workflow, spool: Spool, store: Store, when: dict[str, str], runs: bool
) -> None:
    step = {"action": "scripted", "when": when}
    job_id = add(spool, store, step, attributes={"Modality": "CR"}, title="Befund")
    carry_on(workflow, store)
    assert bool(scripted_action.ran) is runs
    assert shown(store, job_id)["state"] == "done"


def test_an_expression_that_runs_wild_holds_its_job(
    workflow: Workflow, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "TIMEOUT_S", 0.3)
    step = {"action": "scripted", "when": {"job.title": "(?:a|aa)+$"}}
    job_id = add(spool, store, step, title="a" * 4000 + "b")
    carry_on(workflow, store)
    assert scripted_action.ran == []
    assert shown(store, job_id)["state"] == "held"
    assert shown(store, job_id)["reason"] == "expression too slow"


def test_a_transient_failure_suspends_and_comes_back(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock
) -> None:
    job_id = add(spool, store, {**REMOTE, "retry": RETRY})
    scripted_action.script.append(failing(UNREACHABLE))
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("suspended", "remote unreachable")
    assert found["next_attempt"] == clock() + 10
    assert "connection refused" in found["error"]
    clock.forward(10)
    carry_on(workflow, store)
    assert shown(store, job_id)["state"] == "done"


def test_the_wait_doubles_and_then_the_job_is_given_up(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock
) -> None:
    job_id = add(spool, store, {**REMOTE, "retry": RETRY})
    waits = []
    for _ in range(10):
        scripted_action.script.append(failing(UNREACHABLE))
        carry_on(workflow, store)
        found = shown(store, job_id)
        if found["state"] != "suspended":
            break
        waits.append(found["next_attempt"] - clock())
        clock.forward(waits[-1])
    assert waits == [10, 20, 40, 40]
    assert found["state"] == "held"
    assert "given up after 2m" in found["error"]


def test_then_discard(workflow: Workflow, spool: Spool, store: Store, clock: Clock) -> None:
    retry = {"first": "10s", "longest": "10s", "give_up": "10s"}
    job_id = add(spool, store, {**REMOTE, "retry": retry, "then": "discard"})
    for _ in range(2):
        scripted_action.script.append(failing(UNREACHABLE))
        carry_on(workflow, store)
        clock.forward(10)
    assert shown(store, job_id)["state"] == "discarded"


def test_a_remote_that_is_down_costs_one_attempt_in_turn(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock
) -> None:
    ids = [add(spool, store, {**REMOTE, "retry": RETRY}) for _ in range(5)]
    scripted_action.script.append(failing(UNREACHABLE))
    while carry_on(workflow, store):
        pass
    assert len(scripted_action.ran) == 1
    assert {shown(store, i)["state"] for i in ids} == {"suspended"}
    assert {shown(store, i)["next_attempt"] for i in ids} == {clock() + 10}
    clock.forward(10)
    scripted_action.script.append(failing(UNREACHABLE))
    while carry_on(workflow, store):
        pass
    assert len(scripted_action.ran) == 2, "one attempt for all of them"
    clock.forward(20)
    while carry_on(workflow, store):
        pass
    assert {shown(store, i)["state"] for i in ids} == {"done"}
    assert len(scripted_action.ran) == 7


def test_a_document_that_a_peer_chokes_on_blocks_nobody(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock
) -> None:
    poison = add(spool, store, {**REMOTE, "retry": RETRY}, title="poison")
    others = [add(spool, store, {**REMOTE, "retry": RETRY}) for _ in range(3)]

    def choke(_step: Any, job: Job) -> str:
        if job.ticket.title == "poison":
            raise NoAnswerError("pacs: the answer did not come")
        return "fine"

    for _ in range(4):
        scripted_action.script.extend([choke] * 20)
        while carry_on(workflow, store):
            pass
        clock.forward(10)
    assert {shown(store, i)["state"] for i in others} == {"done"}
    assert shown(store, poison)["state"] == "suspended"
    assert shown(store, poison)["reason"] == "no answer"


def test_a_permanent_failure_holds(workflow: Workflow, spool: Spool, store: Store) -> None:
    job_id = add(spool, store, REMOTE)
    scripted_action.script.append(failing(RemoteRefusedError("called AE title not recognised")))
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("held", "remote refused")
    assert "administrator of the remote" in found["error"]


@pytest.mark.parametrize(
    ("policy", "error", "state"),
    [
        ("continue", UNREACHABLE, "done"),
        ("discard", UNREACHABLE, "discarded"),
        ("hold", UNREACHABLE, "held"),
        ("suspend", RemoteRefusedError("no"), "suspended"),
        ({"transient": "hold", "permanent": "discard"}, UNREACHABLE, "held"),
        ({"transient": "hold", "permanent": "discard"}, ValueMissingError("no"), "discarded"),
    ],
)
def test_on_error(
    workflow: Workflow, spool: Spool, store: Store, policy: Any, error: StepError, state: str
) -> None:
    job_id = add(spool, store, {**REMOTE, "on_error": policy, "retry": RETRY})
    scripted_action.script.append(failing(error))
    carry_on(workflow, store)
    assert shown(store, job_id)["state"] == state


def test_continue_with_a_remote_that_is_down_does_not_ask_it(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    first = add(spool, store, REMOTE)
    second = add(spool, store, {**REMOTE, "on_error": "continue"})
    scripted_action.script.append(failing(UNREACHABLE))
    while carry_on(workflow, store):
        pass
    assert len(scripted_action.ran) == 1
    assert shown(store, first)["state"] == "suspended"
    assert shown(store, second)["state"] == "done"


def test_an_operators_wish_is_carried_out_between_pages(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    def asked(_step: Any, job: Job) -> str:
        operate(store, job.id, Operation("cancel", "anna", "twice"))
        job.interruption()
        return "not reached"

    job_id = add(spool, store, REMOTE)
    scripted_action.script.append(asked)
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("discarded", "cancelled")
    assert found["events"][-1]["user"] == "anna"


def test_a_service_that_must_stop_puts_the_job_back(spool: Spool, store: Store) -> None:
    stopping = Workflow(spool, {}, Renderer(Pages()), Kept(keeps=True), lambda: True)
    job_id = add(spool, store, {"action": "scripted"})
    carry_on(stopping, store)
    assert shown(store, job_id)["state"] == "ready"
    assert shown(store, job_id)["failures"] == 0
    assert scripted_action.ran == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"action": "nonsense"}, "action unknown"),
        ({"action": "scripted", "txet": "typo"}, "step unusable"),
        ({"action": "scripted", "retry": {"frist": "1m"}}, "step unusable"),
        ({"action": "scripted_remote", "remote": "gone"}, "remote unknown"),
    ],
)
def test_a_snapshot_that_cannot_be_carried_out_holds_the_job(
    workflow: Workflow, spool: Spool, store: Store, step: dict[str, Any], reason: str
) -> None:
    job_id = add(spool, store, step)
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("held", reason)
    assert "retry" in found["error"]


def test_a_job_whose_document_is_gone_is_held(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    job_id = add(spool, store, {"action": "scripted"})
    spool.remove(job_id)
    carry_on(workflow, store)
    assert (shown(store, job_id)["state"], shown(store, job_id)["reason"]) == (
        "held",
        "spool damaged",
    )


def test_defaults_are_filled_and_cut_and_one_without_a_value_is_left_out(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    seen: list[dict[str, str]] = []

    def look_at(_step: Any, job: Job) -> str:
        seen.append(dict(job.defaults))
        return ""

    defaults = {
        "SeriesDescription": "{job.title}",
        "StudyDescription": "{job.user}",
        "Modality": "DOC",
    }
    add(spool, store, {"action": "scripted"}, defaults=defaults, title="T" * 100)
    scripted_action.script.append(look_at)
    carry_on(workflow, store)
    assert seen == [{"SeriesDescription": "T" * 64, "Modality": "DOC"}]


def test_a_default_that_identifies_is_never_cut(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    seen: list[dict[str, str]] = []

    def look_at(_step: Any, job: Job) -> str:
        seen.append(dict(job.defaults))
        return ""

    defaults = {"AccessionNumber": "{job.title}"}
    add(spool, store, {"action": "scripted"}, defaults=defaults, title="ACC-2026-000012345")
    scripted_action.script.append(look_at)
    carry_on(workflow, store)
    assert seen == [{"AccessionNumber": "ACC-2026-000012345"}], "too long: it fails later, loudly"


def test_a_spool_that_cannot_be_read_for_now_suspends(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_self: Spool, _job_id: str, _directory: str = "") -> Any:
        raise SpoolError("Too many open files")

    job_id = add(spool, store, {"action": "scripted"})
    monkeypatch.setattr(Spool, "ticket", unreadable)
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("suspended", "spool unreadable")
    clock.forward(10 * 86400)
    carry_on(workflow, store)
    assert not carry_on(workflow, store), "it is never given up, nor asked for without a pause"


def test_logs_and_errors_name_no_patient(
    workflow: Workflow, spool: Spool, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    step = {"action": "set", "attributes": {"PatientBirthDate": "{job.title}"}}
    job_id = add(spool, store, step, title="Mustermann", attributes={"PatientID": "Geheim"})
    with caplog.at_level("DEBUG"):
        carry_on(workflow, store)
    error = shown(store, job_id)["error"]
    assert "PatientBirthDate" in error
    for text in (caplog.text, error):
        assert "Mustermann" not in text
        assert "Geheim" not in text


def test_the_path_of_a_job_is_in_its_spool(workflow: Workflow, spool: Spool, store: Store) -> None:
    paths: list[Path] = []

    def look_at(_step: Any, job: Job) -> str:
        paths.append(job.document)
        return ""

    job_id = add(spool, store, {"action": "scripted"})
    scripted_action.script.append(look_at)
    carry_on(workflow, store)
    assert paths == [spool.root / "jobs" / job_id / "document.pdf"]


@pytest.mark.parametrize("policy", ["suspend", "continue", "discard", "hold"])
def test_what_may_have_been_printed_is_held_whatever_the_policy(
    workflow: Workflow, spool: Spool, store: Store, policy: str
) -> None:
    job_id = add(spool, store, {**REMOTE, "on_error": policy}, {"action": "scripted"})
    scripted_action.script.append(failing(OutcomeUnknownError("film 1 (page 1): no answer")))
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"], found["step"]) == ("held", "outcome unknown", 1)
    assert "look at the printer" in found["error"]


def test_a_request_to_discard_does_not_hide_what_may_have_been_printed(
    workflow: Workflow, spool: Spool, store: Store
) -> None:
    job_id = add(spool, store, REMOTE)

    def asked_meanwhile(_step: Any, _job: Job) -> str:
        operate(store, job_id, Operation("cancel", "anna"))
        raise OutcomeUnknownError("film 1 (page 1): no answer")

    scripted_action.script.append(asked_meanwhile)
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert (found["state"], found["reason"]) == ("held", "outcome unknown")


@pytest.mark.parametrize(
    ("policy", "state"),
    [("suspend", "suspended"), ("hold", "held"), ("discard", "discarded"), ("continue", "done")],
)
def test_a_failure_to_match_goes_by_its_own_policy(
    workflow: Workflow, spool: Spool, store: Store, clock: Clock, policy: str, state: str
) -> None:
    other = "hold" if policy == "discard" else "discard"
    job_id = add(spool, store, {**REMOTE, "on_error": other, "retry": RETRY})
    remote_down(store, "pacs", "it was", lambda _: 1.0)
    clock.forward(2)
    scripted_action.script.append(failing(NoMatchError("no entry", policy=policy)))
    carry_on(workflow, store)
    found = shown(store, job_id)
    assert found["state"] == state
    assert look.remotes(store)["pacs"]["up"], "it answered"
    assert store.figures.failures == {("no match", "pacs"): 1}
