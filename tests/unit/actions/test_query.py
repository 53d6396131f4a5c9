"""The settings of ``query``, and what they make of the answers; the network is held elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from find_peers import worklist_entry
from pydantic import ValidationError
from pydicom import Dataset
from scripted_job import job

from dicom_printer import network
from dicom_printer.actions import query
from dicom_printer.config import Remote
from dicom_printer.errors import NoMatchError, SeveralMatchesError

COMMON: dict[str, Any] = {
    "action": "query",
    "remote": "ris",
    "model": "worklist",
    "keys": {"AccessionNumber": "{AccessionNumber}"},
}
RIS = Remote(name="ris", ae_title="RIS", host="h", port=1)


class FakeNetwork:
    """Answers the same to every query, and keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Dataset) -> None:
        self.answers = list(answers)
        self.is_complete = True
        self.asked: list[tuple[str, Dataset, int]] = []
        monkeypatch.setattr(network, "query", self.query)

    def query(self, remote: Remote, model: str, identifier: Dataset, most: int) -> network.Found:
        assert remote is RIS
        self.asked.append((model, identifier, most))
        return network.Found(self.answers, self.is_complete)


def step(**settings: Any) -> query.Settings:
    return query.Settings.model_validate(COMMON | settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "study-root"}, "model"),
        ({"level": "study"}, "level"),
        ({"keys": {"PatientName": "x"}}, "identifies"),
        ({"keys": {"AccessionNumber": "{"}}, "twice"),
        ({"return_keys": ["Nonsense"]}, "return_keys"),
        ({"on_no_match": "first"}, "on_no_match"),
        ({"on_many": "any"}, "on_many"),
        ({"on_many": "first"}, "order_by"),
        ({"order_by": "StudyDate"}, "order_by"),
        ({"on_many": "last", "order_by": "StudyDat"}, "StudyDate"),
        ({"max_matches": 0}, "max_matches"),
    ],
)
def test_mistakes(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        step(**settings)


@pytest.mark.parametrize("level", ["PATIENT", "STUDY", "SERIES", "IMAGE"])
def test_a_patient_root_query_says_its_level(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    fake = FakeNetwork(monkeypatch, worklist_entry())
    query.ask(step(model="patient-root", level=level), RIS, {"AccessionNumber": "ACC1"})
    ((model, identifier, most),) = fake.asked
    assert (model, identifier.QueryRetrieveLevel, most) == (network.PATIENT_ROOT, level, 200)
    assert ("StudyInstanceUID" in identifier) is (level != "PATIENT")
    assert ("SOPInstanceUID" in identifier) is (level == "IMAGE")


def test_a_worklist_query_has_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNetwork(monkeypatch, worklist_entry())
    query.ask(step(), RIS, {"AccessionNumber": "ACC1"})
    ((model, identifier, _),) = fake.asked
    assert model == network.WORKLIST
    assert "QueryRetrieveLevel" not in identifier


@pytest.mark.parametrize("policy", ["suspend", "hold", "continue", "discard"])
def test_the_policies(monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    fake = FakeNetwork(monkeypatch)
    made = job(attributes={"AccessionNumber": "ACC1"}, remotes={"ris": RIS})
    with pytest.raises(NoMatchError) as none:
        query.run(step(on_no_match=policy), made)
    fake.answers = [worklist_entry(), worklist_entry()]
    with pytest.raises(SeveralMatchesError) as many:
        query.run(step(on_many=policy), made)
    assert none.value.policy == many.value.policy == policy


def test_one_that_matches_among_more_than_were_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeNetwork(monkeypatch, worklist_entry())
    fake.is_complete = False
    made = job(attributes={"AccessionNumber": "ACC1"}, remotes={"ris": RIS})
    with pytest.raises(SeveralMatchesError):
        query.run(step(), made)


def test_what_was_left_out_stands_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNetwork(monkeypatch, worklist_entry(PatientSex="U"))
    made = job(attributes={"AccessionNumber": "ACC1"}, remotes={"ris": RIS})
    assert query.run(step(), made).endswith("left out, as they do not fit: PatientSex")
    assert "PatientSex" not in made.attributes


def test_a_value_of_an_entry_or_of_its_step() -> None:
    ds = worklist_entry()
    assert query.value_of(ds, "PatientID") == "4711"
    assert query.value_of(ds, "Modality") == "CR"
    assert query.value_of(ds, "StudyDate") == ""
