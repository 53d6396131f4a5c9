"""Keys of a query: what is a mistake, what is filled, what is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_printer.errors import BadValueError, StepError, ValueMissingError
from dicom_printer.keys import checked, filled, identifier

NOW = datetime(2026, 3, 1, 14, 5, 6, tzinfo=UTC)
STEP = "ScheduledProcedureStepSequence"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"PatientName": "{PatientName}"}, "identifies"),
        ({}, "identifies"),
        ({"PatientBirthDate": "20260101", STEP: {"Modality": "CR"}}, "identifies"),
        ({"PatientID": "1*", "PatientName": "{PatientName}"}, "placeholder"),
        ({"PatientID": "{PatientID}*"}, "placeholder"),
        ({"PatientID": "{PatientID}?"}, "placeholder"),
        ({"PatientID": "{PatientID}\\1"}, "placeholder"),
        ({"PatientID": "{PatientID:-1}"}, "placeholder"),
        ({"PatientID": "4711", "PatientName": "{PatientName}"}, "placeholder"),
        ({"AccessionNumber": "{today}"}, "placeholder"),
        ({STEP: {"ScheduledProcedureStepID": "1", "Modality": "{Modality}"}}, "placeholder"),
        ({"AccessionNumer": "1"}, 'did you mean "AccessionNumber"'),
        ({"AccessionNumber": "{AccessionNumer}"}, 'did you mean "AccessionNumber"'),
        ({"AccessionNumber": "{job.titel}"}, "job.title"),
        ({"AccessionNumber": ""}, "return_keys"),
        ({"AccessionNumber": "*"}, "return_keys"),
        ({"AccessionNumber": "1", "PatientName": "*^?"}, "return_keys"),
        ({"AccessionNumber": "1", STEP: "CR"}, "sequence"),
        ({"AccessionNumber": {"Modality": "CR"}}, "no sequence"),
        ({"AccessionNumber": 1}, "string"),
        ({"AccessionNumber": "1", STEP: {"Modalty": "CR"}}, "Modality"),
        ({"AccessionNumber": "1", "SpecificCharacterSet": "ISO_IR 6"}, "not for you"),
        ({"AccessionNumber": "1", "(0009,0010)": "x"}, "dictionary"),
    ],
)
def test_mistakes(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"AccessionNumber": "{AccessionNumber}"},
        {"(0008,0050)": "{AccessionNumber}", "PatientID": "A*"},
        {"(0008,0050)": "{AccessionNumber}"},
        {STEP: {"ScheduledProcedureStepID": "{job.title}", "Modality": "CR"}},
        {"AccessionNumber": "A{AccessionNumber}", "PatientID": "1"},
    ],
)
def test_in_order(keys: dict[str, Any]) -> None:
    assert checked(keys) == keys


def test_filled_at_every_depth() -> None:
    keys = {
        "AccessionNumber": " {AccessionNumber} ",
        STEP: {"Modality": "CR", "ScheduledProcedureStepStartDate": "{today-1d}-{today}"},
    }
    assert filled(keys, {"AccessionNumber": "A-1"}, NOW) == {
        "AccessionNumber": "A-1",
        STEP: {"Modality": "CR", "ScheduledProcedureStepStartDate": "20260228-20260301"},
    }


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{AccessionNumber}", None),
        ("{AccessionNumber}", " "),
        ("{AccessionNumber:-}", None),
        ("{AccessionNumber:-}*", None),
    ],
)
def test_a_key_without_a_value(template: str, value: str | None) -> None:
    values = {"AccessionNumber": value} if value else {}
    with pytest.raises(ValueMissingError):
        filled({"AccessionNumber": template}, values, NOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientID", "4*"),
        ("PatientID", "4?"),
        ("PatientID", "4\\5"),
        ("PatientBirthDate", "19700101-"),
        ("PatientBirthDate", "yesterday"),
        ("PatientID", "4\x1b5"),
        ("PatientID", "x" * 65),
        ("StudyInstanceUID", "1.2.x"),
    ],
)
def test_a_value_that_would_widen_the_key_or_does_not_fit(name: str, value: str) -> None:
    with pytest.raises(BadValueError, match=name) as caught:
        filled({name: f"{{{name}}}"}, {name: value}, NOW)
    assert value not in str(caught.value)


def test_a_hyphen_is_a_range_in_a_date_only() -> None:
    assert filled({"PatientID": "{PatientID}"}, {"PatientID": "4-5"}, NOW) == {"PatientID": "4-5"}


@given(st.text())
def test_whatever_is_typed_is_a_key_that_matches_that_only_or_a_failure(value: str) -> None:
    try:
        found = filled({"PatientID": "{PatientID}"}, {"PatientID": value}, NOW)
    except StepError:
        return
    assert found["PatientID"] == value.strip()
    assert found["PatientID"].strip()
    assert not set("*?\\") & set(found["PatientID"])


def test_the_identifier_has_keys_and_what_is_asked_for() -> None:
    keys = {"AccessionNumber": "A1", STEP: {"Modality": "CR"}}
    returned = {"PatientID": "", STEP: {"Modality": "", "ScheduledProcedureStepID": ""}}
    ds = identifier(keys, {**returned, "SeriesNumber": "", "Rows": ""}, "ISO_IR 100")
    assert (ds.AccessionNumber, ds.PatientID, ds.SpecificCharacterSet) == ("A1", "", "")
    (item,) = ds.ScheduledProcedureStepSequence
    assert (item.Modality, item.ScheduledProcedureStepID) == ("CR", "")
    assert ds.Rows is None


@pytest.mark.parametrize(
    ("name", "remote", "stated"),
    [
        ("Eva", "ISO_IR 192", ""),
        ("Müller", "ISO_IR 100", "ISO_IR 100"),
        ("Müller", "ISO_IR 192", "ISO_IR 192"),
        ("Kovač", "ISO_IR 100", "ISO_IR 192"),
        ("Kovač", "ISO_IR 101", "ISO_IR 101"),
        ("Γιώργος", "ISO_IR 101", "ISO_IR 192"),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", "ISO_IR 13", "ISO_IR 13"),
        ("山田^太郎", "ISO_IR 13", "ISO_IR 192"),
        ("ﾔﾏﾀﾞ¥", "ISO_IR 13", "ISO_IR 192"),
    ],
)
def test_the_character_set_of_the_keys(name: str, remote: str, stated: str) -> None:
    ds = identifier(
        {"PatientID": "1", STEP: {"ScheduledPerformingPhysicianName": name}}, {}, remote
    )
    assert ds.SpecificCharacterSet == stated
