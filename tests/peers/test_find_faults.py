"""The ``query`` action against an SCP whose answers and faults are scripted.

Nothing that it does files a document under the wrong patient: each test looks at what the
job has afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from find_peers import worklist_entry
from find_scp import PATIENT_ROOT, UNCOMPRESSED, WORKLIST, FindSCP
from pydicom import Dataset
from real_peers import wait_until
from scp import SilentListener
from scripted_job import job

from dicom_printer import network
from dicom_printer.actions import Job, query
from dicom_printer.config import Remote
from dicom_printer.errors import (
    BadValueError,
    NoAnswerError,
    NoMatchError,
    RemoteBusyError,
    RemoteRefusedError,
    RemoteUnreachableError,
    SeveralMatchesError,
    StepError,
    ValueMissingError,
)

OWN = {"AccessionNumber": "ACC1"}


@pytest.fixture
def scp() -> Iterator[FindSCP]:
    with FindSCP(answers=[worklist_entry()]) as made:
        yield made


def remote(port: int, **more: Any) -> Remote:
    address = {"name": "ris", "ae_title": "RIS", "host": "127.0.0.1", "port": port}
    return Remote.model_validate({**address, "dimse_timeout": "1s", **more})


def step(**settings: Any) -> query.Settings:
    keys = {"AccessionNumber": "{AccessionNumber}"}
    common = {"action": "query", "remote": "ris", "model": "worklist", "keys": keys}
    return query.Settings.model_validate({**common, **settings})


def job_for(scp: FindSCP, attributes: dict[str, str] | None = None, **more: Any) -> Job:
    own = OWN if attributes is None else attributes
    return job(attributes=own, remotes={"ris": remote(scp.port, **more)})


def refused(scp: FindSCP, kind: type[StepError], **settings: Any) -> StepError:
    """Run the step, see it fail, and see the job as it was."""
    made = job_for(scp)
    with pytest.raises(kind) as caught:
        query.run(step(**settings), made)
    assert made.attributes == OWN, "nothing of an entry is in the job"
    assert not any(word in str(caught.value) for word in ("ACC1", "4711", "Muster", "2.25."))
    return caught.value


def test_one_entry_is_taken_over(scp: FindSCP) -> None:
    made = job_for(scp)
    assert query.run(step(), made) == "matched with an entry of ris"
    assert made.attributes["PatientID"] == "4711"
    assert made.attributes["StudyInstanceUID"] == "2.25.4711"
    wait_until(lambda: scp.ended == ["released"], "the association is released")
    assert scp.models == [WORKLIST]
    (asked,) = scp.queries
    assert asked.AccessionNumber == "ACC1"
    assert asked.PatientID == ""
    assert "SpecificCharacterSet" in asked


@pytest.mark.parametrize("model", ["worklist", "patient-root"])
def test_one_context_with_the_three_uncompressed_syntaxes(scp: FindSCP, model: str) -> None:
    """The seed's Table 3.5."""
    query.run(step(model=model), job_for(scp))
    ((context,),) = scp.contexts
    assert context.abstract_syntax == (WORKLIST if model == "worklist" else PATIENT_ROOT)
    assert tuple(map(str, context.transfer_syntax)) == UNCOMPRESSED


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
def test_each_syntax_is_understood(syntax: str) -> None:
    name = "Παπαδόπουλος^Γιώργος"
    with FindSCP(answers=[worklist_entry(PatientName=name)], transfer_syntaxes=(syntax,)) as scp:
        made = job_for(scp)
        query.run(step(), made)
    assert made.attributes["PatientName"] == name


# -- wrong patients --


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([worklist_entry(AccessionNumber="ACC2")], id="a neighbour"),
        pytest.param([worklist_entry(AccessionNumber="acc1")], id="another case"),
        pytest.param([worklist_entry(AccessionNumber="ACC11")], id="a longer one"),
        pytest.param([worklist_entry(AccessionNumber="")], id="an empty key"),
        pytest.param(
            [worklist_entry(AccessionNumber=f"X{n}") for n in range(20)], id="ignores keys"
        ),
        pytest.param([], id="nothing"),
    ],
)
def test_what_is_not_the_entry_is_not_taken(scp: FindSCP, answers: list[Dataset]) -> None:
    scp.answers = answers
    error = refused(scp, NoMatchError)
    assert error.reason == "no match"
    assert error.policy == "suspend"
    assert error.remedy


def test_an_entry_without_the_key_is_not_taken(scp: FindSCP) -> None:
    del scp.answers[0].AccessionNumber
    refused(scp, NoMatchError)


def test_the_right_one_among_those_that_were_not_asked_for(scp: FindSCP) -> None:
    others = [worklist_entry(AccessionNumber=f"X{n}", PatientID=f"{n}") for n in range(5)]
    scp.answers = [*others[:3], worklist_entry(), *others[3:]]
    made = job_for(scp)
    query.run(step(), made)
    assert made.attributes["PatientID"] == "4711"


def test_two_entries_are_one_too_many(scp: FindSCP) -> None:
    scp.answers = [worklist_entry(), worklist_entry(PatientID="4712")]
    error = refused(scp, SeveralMatchesError)
    assert error.policy == "hold"
    assert refused(scp, SeveralMatchesError, on_many="discard").policy == "discard"


@pytest.mark.parametrize(("on_many", "chosen"), [("first", "RP1"), ("last", "RP3")])
def test_first_and_last_of_one_patient(scp: FindSCP, on_many: str, chosen: str) -> None:
    scp.answers = [
        worklist_entry(RequestedProcedureID=f"RP{n}", ScheduledProcedureStepStartDate=f"2026030{n}")
        for n in (2, 1, 3)
    ]
    made = job_for(scp)
    query.run(step(on_many=on_many, order_by="ScheduledProcedureStepStartDate"), made)
    assert made.attributes["StudyID"] == chosen


@pytest.mark.parametrize(
    "second",
    [
        {"PatientID": "4712", "ScheduledProcedureStepStartDate": "20260302"},
        {"ScheduledProcedureStepStartDate": "20260301"},
        {"ScheduledProcedureStepStartDate": ""},
    ],
    ids=["of another patient", "level", "without a date"],
)
def test_first_is_no_guess(scp: FindSCP, second: dict[str, str]) -> None:
    scp.answers = [worklist_entry(), worklist_entry(**second)]
    settings = {"on_many": "first", "order_by": "ScheduledProcedureStepStartDate"}
    assert refused(scp, SeveralMatchesError, **settings).policy == "hold"


def test_a_thousand_answers_are_cut_off(scp: FindSCP) -> None:
    scp.answers = [worklist_entry(AccessionNumber=f"X{n}") for n in range(1000)]
    error = refused(scp, SeveralMatchesError, max_matches=50)
    assert "more than 50 answers" in error.message
    assert "max_matches" in error.remedy
    wait_until(lambda: bool(scp.ended), "the association ends")
    assert (scp.cancelled, scp.ended) == (1, ["released"])


def test_one_that_does_not_heed_the_cancel(scp: FindSCP) -> None:
    scp.answers = [worklist_entry()] * 400
    scp.heeds_cancel, scp.pause_s = False, 0.01
    start = time.monotonic()
    refused(scp, SeveralMatchesError, max_matches=3)
    assert time.monotonic() - start < 10


def test_exactly_as_many_as_are_taken(scp: FindSCP) -> None:
    query.run(step(max_matches=1), job_for(scp))


@pytest.mark.parametrize(
    ("own", "wrong"),
    [
        ({"PatientID": "4712"}, "PatientID"),
        ({"PatientName": "Muster^Adam"}, "PatientName"),
        ({"PatientBirthDate": "19700103"}, "PatientBirthDate"),
        ({"PatientSex": "M"}, "PatientSex"),
        ({"StudyInstanceUID": "2.25.1"}, "StudyInstanceUID"),
    ],
)
def test_an_entry_of_somebody_else_than_was_typed(
    scp: FindSCP, own: dict[str, str], wrong: str
) -> None:
    made = job_for(scp, OWN | own)
    with pytest.raises(BadValueError, match=wrong) as caught:
        query.run(step(), made)
    assert caught.value.reason == "values contradict"
    assert made.attributes == OWN | own


def test_an_entry_without_a_patient_id_is_nobody(scp: FindSCP) -> None:
    scp.answers[0].PatientID = ""
    assert refused(scp, BadValueError).reason == "value missing"


@pytest.mark.parametrize("value", ["", " ", "*", "ACC?", "ACC*", "ACC1\\ACC2"])
def test_a_value_never_becomes_a_wildcard(scp: FindSCP, value: str) -> None:
    made = job_for(scp, {"AccessionNumber": value})
    with pytest.raises((ValueMissingError, BadValueError)):
        query.run(step(), made)
    assert scp.queries == [], "it was not even asked"


# -- the seed's Tables 3.6 and 3.7 --


@pytest.mark.parametrize("pending", [0xFF00, 0xFF01])
def test_both_pending_statuses_bring_answers(scp: FindSCP, pending: int) -> None:
    scp.pending = pending
    query.run(step(), job_for(scp))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0xA700, RemoteBusyError),
        (0xA900, RemoteRefusedError),
        (0xC000, RemoteRefusedError),
        (0xC001, RemoteRefusedError),
        (0xFE00, RemoteRefusedError),
        (0x0122, RemoteRefusedError),
        (0xB000, RemoteRefusedError),
    ],
)
def test_any_other_status_is_a_failure(scp: FindSCP, status: int, kind: type[StepError]) -> None:
    """And the association is aborted, though an entry came before it."""
    scp.status = status
    error = refused(scp, kind)
    assert f"0x{status:04X}" in error.message
    wait_until(lambda: bool(scp.ended), "the association ends")
    assert scp.ended == ["aborted"]


@pytest.mark.parametrize("after", [0, 1])
def test_silence_is_ended_by_an_abort(scp: FindSCP, after: int) -> None:
    scp.hang_after = after
    error = refused(scp, NoAnswerError)
    assert "within 1 s" in error.message
    wait_until(lambda: bool(scp.ended), "the association ends")
    assert scp.ended == ["aborted"]


def test_answers_that_drip_come_to_an_end(scp: FindSCP) -> None:
    scp.answers, scp.pause_s = [worklist_entry()] * 1000, 0.2
    made = job(attributes=OWN, remotes={"ris": remote(scp.port, dimse_timeout="0.4s")})
    start = time.monotonic()
    with pytest.raises(NoAnswerError):
        query.run(step(), made)
    assert time.monotonic() - start < 8


@pytest.mark.parametrize("after", [0, 1])
def test_an_abort_by_the_peer(scp: FindSCP, after: int) -> None:
    scp.abort_after = after
    assert "aborted the association" in refused(scp, NoAnswerError).message


def test_a_ris_that_is_down() -> None:
    with FindSCP() as scp:
        pass
    refused(scp, RemoteUnreachableError)


def test_a_ris_that_says_nothing() -> None:
    with SilentListener() as listener:
        made = job(
            attributes=OWN, remotes={"ris": remote(listener.port, association_timeout="0.3s")}
        )
        with pytest.raises(RemoteUnreachableError):
            query.run(step(), made)


def test_a_peer_without_the_model() -> None:
    with FindSCP(sop_classes=(PATIENT_ROOT,)) as scp:
        assert "Modality Worklist" in refused(scp, RemoteRefusedError).message


def test_an_answer_without_a_dataset(scp: FindSCP) -> None:
    scp.answers = [Dataset()]
    refused(scp, RemoteRefusedError)


# -- what goes out, and what is said --


def test_keys_in_a_sequence_and_what_is_asked_for_beside(scp: FindSCP) -> None:
    keys = {
        "AccessionNumber": "{AccessionNumber}",
        "ScheduledProcedureStepSequence": {
            "Modality": "CR",
            "ScheduledProcedureStepStartDate": "20260201-20260331",
        },
    }
    made = job_for(scp)
    query.run(step(keys=keys, return_keys=["PatientComments"]), made)
    (asked,) = scp.queries
    (item,) = asked.ScheduledProcedureStepSequence
    assert (item.Modality, item.ScheduledProcedureStepStartDate) == ("CR", "20260201-20260331")
    assert item.ScheduledProcedureStepID == ""
    assert asked.PatientComments == ""
    keys["ScheduledProcedureStepSequence"] = {"Modality": "MR"}
    refused(scp, NoMatchError, keys=keys)


@pytest.mark.parametrize(
    ("name", "of_remote", "stated"),
    [
        ("Muster^Eva", "ISO_IR 100", None),
        ("Müller^Zoë", "ISO_IR 100", "ISO_IR 100"),
        ("Παπαδόπουλος^Γιώργος", "ISO_IR 100", "ISO_IR 192"),
        ("Παπαδόπουλος^Γιώργος", "ISO_IR 126", "ISO_IR 126"),
        ("Иванова^Ольга", "ISO_IR 144", "ISO_IR 144"),
        ("山田^太郎", "ISO 2022 IR 6\\ISO 2022 IR 87", "ISO_IR 192"),
    ],
)
def test_keys_in_other_scripts(scp: FindSCP, name: str, of_remote: str, stated: str | None) -> None:
    scp.answers = [worklist_entry(PatientName=name)]
    keys = {"PatientID": "{PatientID}", "PatientName": "{PatientName}"}
    made = job_for(scp, {"PatientID": "4711", "PatientName": name}, character_set=of_remote)
    query.run(step(keys=keys), made)
    (asked,) = scp.queries
    assert (asked.SpecificCharacterSet or None) == stated
    assert str(asked.PatientName) == name


def test_the_log_has_nothing_of_the_patient(
    scp: FindSCP, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    scp.answers[0].PatientWeight = "70"
    scp.answers.append(worklist_entry(AccessionNumber="X", PatientSex="unknown sex value"))
    with caplog.at_level(logging.INFO):
        query.run(step(), job_for(scp))
    out = capfd.readouterr()
    said = [r.getMessage() for r in caplog.records if r.name.split(".")[0] != "pynetdicom"]
    ours = "\n".join(said) + out.out + out.err
    for word in ("Muster", "4711", "19700102", "ACC1", "unknown sex"):
        assert word not in ours


def test_identifiers_are_kept_out_of_the_log() -> None:
    from pynetdicom import _config

    assert network is not None
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS


def test_many_queries_at_once_keep_their_answers_apart(scp: FindSCP) -> None:
    scp.answers = [worklist_entry(AccessionNumber=f"A{n}", PatientID=f"{n}") for n in range(6)]
    jobs = [job_for(scp, {"AccessionNumber": f"A{n}"}) for n in range(6)]
    threads = [threading.Thread(target=query.run, args=(step(), made)) for made in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [made.attributes["PatientID"] for made in jobs] == [f"{n}" for n in range(6)]
