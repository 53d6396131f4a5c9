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
from dicom_printer.config import Remote, of_model
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


def at_the_end(
    monkeypatch: pytest.MonkeyPatch, on_many: str, order_by: str, *answers: Dataset
) -> str:
    """Return the StudyID of the entry that was chosen; what was asked for has the order."""
    fake = FakeNetwork(monkeypatch, *answers)
    made = job(attributes={"AccessionNumber": "ACC1"}, remotes={"ris": RIS})
    try:
        query.run(step(on_many=on_many, order_by=order_by), made)
    finally:
        identifier = fake.asked[0][1]
        (item,) = identifier.ScheduledProcedureStepSequence
        assert order_by in identifier or order_by in item
    return str(made.attributes["StudyID"])


@pytest.mark.parametrize(("on_many", "chosen"), [("first", "9"), ("last", "10")])
def test_numbers_are_ordered_as_numbers(
    monkeypatch: pytest.MonkeyPatch, on_many: str, chosen: str
) -> None:
    answers = [worklist_entry(SeriesNumber=n, RequestedProcedureID=n) for n in ("10", "9")]
    assert at_the_end(monkeypatch, on_many, "SeriesNumber", *answers) == chosen


@pytest.mark.parametrize(("on_many", "chosen"), [("first", "A"), ("last", "B")])
def test_times_are_ordered_by_their_moment(
    monkeypatch: pytest.MonkeyPatch, on_many: str, chosen: str
) -> None:
    answers = [
        worklist_entry(ScheduledProcedureStepStartTime=time, RequestedProcedureID=name)
        for time, name in (("12", "B"), ("1159", "A"), ("115959.9", "C"))
    ]
    order_by = "ScheduledProcedureStepStartTime"
    assert at_the_end(monkeypatch, on_many, order_by, answers[0], answers[1]) == chosen
    if on_many == "first":
        with pytest.raises(SeveralMatchesError, match="does not order"):
            at_the_end(monkeypatch, on_many, order_by, *answers)


@pytest.mark.parametrize(
    "second", [{"PatientName": "Muster^Adam"}, {"PatientBirthDate": "19700103"}], ids=str
)
def test_one_number_is_not_one_patient(
    monkeypatch: pytest.MonkeyPatch, second: dict[str, str]
) -> None:
    answers = [worklist_entry(SeriesNumber="1"), worklist_entry(SeriesNumber="2", **second)]
    with pytest.raises(SeveralMatchesError, match="2 patients"):
        at_the_end(monkeypatch, "last", "SeriesNumber", *answers)


@pytest.mark.parametrize("value", ["", "1"])
def test_a_number_that_is_missing_or_level_orders_nothing(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    answers = [worklist_entry(SeriesNumber="1"), worklist_entry(SeriesNumber=value)]
    with pytest.raises(SeveralMatchesError, match="does not order") as caught:
        at_the_end(monkeypatch, "last", "SeriesNumber", *answers)
    assert caught.value.policy == "hold"


@pytest.mark.parametrize("name", ["(0009,0001)", "RequestAttributesSequence"])
def test_what_nothing_is_ordered_by(name: str) -> None:
    with pytest.raises(ValidationError, match="order_by"):
        step(on_many="first", order_by=name)


@pytest.mark.parametrize(
    "settings", [{"level": "Muster^Eva"}, {"order_by": "Muster^Eva", "on_many": "first"}], ids=str
)
def test_a_mistake_may_be_told_without_the_value(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        step(**settings)
    told, untold = (
        "; ".join(map(str, of_model(query.Settings, caught.value, quoting=quoting)))
        for quoting in (True, False)
    )
    assert "Muster^Eva" in told
    assert untold
    assert "Muster^Eva" not in untold
