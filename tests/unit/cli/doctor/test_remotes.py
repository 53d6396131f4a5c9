from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from dicom_printer import network
from dicom_printer.cli.doctor import remotes
from dicom_printer.cli.doctor.finding import Grade
from dicom_printer.config import Config, Remote
from dicom_printer.errors import (
    NoAnswerError,
    RemoteRefusedError,
    RemoteUnreachableError,
    StepError,
)
from dicom_printer.network import Found

THERE = Remote(name="ris", ae_title="RIS", host="ris.example", port=104)


def config(*steps: dict[str, Any], **remote: Any) -> Config:
    stated = {"ae_title": "RIS", "host": "ris.example", "port": 104, **remote}
    return Config.model_validate(
        {"service": {"spool": "/s"}, "remote": {"ris": stated}, "workflow": {"w": list(steps)}}
    )


def row(**fields: Any) -> dict[str, Any]:
    return {"state": "up", "ms": 12, "tls": None, "printer": "", "error": ""} | fields


@pytest.mark.parametrize(
    ("fields", "grade"),
    [
        ({}, Grade.FINE),
        ({"ms": 4000}, Grade.WARNING),
        ({"printer": "NORMAL"}, Grade.FINE),
        ({"printer": "WARNING (SUPPLY LOW)"}, Grade.WARNING),
        ({"printer": "FAILURE (SUPPLY EMPTY)"}, Grade.WRONG),
    ],
)
def test_an_answer(fields: dict[str, Any], grade: Grade) -> None:
    (found,) = remotes.answer("remote ris", row(**fields))
    assert found.grade is grade


def test_a_certificate_that_ends_soon() -> None:
    tls = {"version": "TLSv1.3", "cipher": "X", "days": 29}
    assert "expires in 29 days" in list(remotes.answer("r", row(tls=tls)))[-1].found
    assert len(list(remotes.answer("r", row(tls=tls | {"days": 30})))) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RemoteUnreachableError("refused"), "no firewall"),
        (RemoteRefusedError("calling AE title"), "enter our AE title WE"),
        (NoAnswerError("nothing came"), '"no answer" in docs/errors.md'),
    ],
)
def test_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: StepError, said: str
) -> None:
    def refuse(*_: object) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(remotes, "asked", refuse)
    (found,) = remotes.look(config(calling_ae_title="WE"))
    assert (found.check, found.grade) == ("remote ris", Grade.WRONG)
    assert said in found.remedy


def test_time_outs_that_are_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remotes, "asked", lambda *_: row())
    found = list(remotes.look(config(dimse_timeout="1s")))
    assert [f.grade for f in found] == [Grade.WARNING, Grade.FINE]
    assert "dimse_timeout is 1s" in found[0].found
    assert [f.grade for f in remotes.look(config())] == [Grade.FINE]


def test_only_what_a_workflow_queries_is_queried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Dataset]] = []

    def query(_: Remote, model: str, identifier: Dataset, most: int) -> Found:
        asked.append((model, identifier))
        return Found([], is_complete=True)

    monkeypatch.setattr(remotes, "asked", lambda *_: row())
    monkeypatch.setattr(network, "query", query)
    list(remotes.remote(config({"action": "store", "remote": "ris"}), "ris"))
    assert asked == []
    steps = [{"action": "query", "remote": "ris", "model": m} for m in ("worklist", "patient-root")]
    found = list(remotes.remote(config(*steps), "ris"))
    assert [f.check for f in found] == ["remote ris", "patient-root of ris", "worklist of ris"]
    assert [model for model, _ in asked] == [network.PATIENT_ROOT, network.WORKLIST]
    first, second = (ds.AccessionNumber for _, ds in asked)
    assert len(first) == 16
    assert first != second
    assert asked[0][1].QueryRetrieveLevel == "STUDY"


def test_a_worklist_that_ignores_keys_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Dataset()
    entry.PatientID = "4711"
    monkeypatch.setattr(network, "query", lambda *_: Found([entry], is_complete=False))
    (found,) = remotes.query("worklist of ris", THERE, "worklist")
    assert (found.grade, "4711" in str(found)) == (Grade.WARNING, False)

    def refuse(*_: object) -> Found:
        raise RemoteRefusedError("it has no worklist")

    monkeypatch.setattr(network, "query", refuse)
    (found,) = remotes.query("worklist of ris", THERE, "worklist")
    assert (found.grade, "it has no worklist" in found.found) == (Grade.WRONG, True)
