from typing import Any

import pytest
from scripted_job import job

from dicom_printer.actions import parse
from dicom_printer.errors import BadValueError, ValueMissingError

PATTERN = r"ACC(?P<AccessionNumber>\w+)(?: ID(?P<PatientID>\d+))?"


def step(**settings: object) -> parse.Settings:
    return parse.Settings.model_validate({"action": "parse", "pattern": PATTERN, **settings})


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"title": "Befund ACC77"}),
        ({"from": "title"}, {"title": "ACC77"}),
        ({"from": "filename"}, {"filename": "dir/ACC77.pdf"}),
        ({"from": "text"}, {"text": "line\nACC77\n"}),
    ],
)
def test_named_groups_become_attributes(
    settings: dict[str, object], fields: dict[str, Any]
) -> None:
    found = job(**fields)
    said = parse.run(step(**settings), found)
    assert found.attributes == {"AccessionNumber": "77"}
    assert "AccessionNumber" in said
    assert "77" not in said, "a job's history names no value of the patient's"


def test_no_match_goes_on_unless_it_is_required() -> None:
    found = job(title="nothing")
    parse.run(step(), found)
    assert found.attributes == {}
    with pytest.raises(ValueMissingError, match="title does not match"):
        parse.run(step(required=True), found)


def test_what_is_known_already_is_never_overwritten() -> None:
    found = job(title="ACC77 ID12", attributes={"PatientID": "13"})
    with pytest.raises(BadValueError) as caught:
        parse.run(step(), found)
    assert caught.value.reason == "values contradict"
    assert found.attributes == {"PatientID": "13"}
    same = job(title="ACC77 ID12", attributes={"PatientID": "12"})
    parse.run(step(), same)


def test_of_two_values_none_is_chosen() -> None:
    found = job(title="ACC77 and ACC78")
    with pytest.raises(BadValueError, match="more than one AccessionNumber") as caught:
        parse.run(step(), found)
    assert caught.value.reason == "values contradict"
    assert found.attributes == {}
    repeated = job(title="ACC77 and again ACC77")
    parse.run(step(), repeated)
    assert repeated.attributes == {"AccessionNumber": "77"}


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadValueError, match="AccessionNumber"):
        parse.run(step(), job(title="ACC" + "7" * 17))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("ACC(\\w+)", "no named group"),
        ("(?P<AccesionNumber>.)", 'did you mean "AccessionNumber"'),
        ("(unclosed", "not a regular expression"),
        ("(?P<SOPInstanceUID>.)", "cannot be stated"),
    ],
)
def test_patterns_that_cannot_work(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        step(pattern=pattern)
