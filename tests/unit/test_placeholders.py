from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_made import ticket

from dicom_printer.errors import ValueMissingError
from dicom_printer.placeholders import fill, names, problems, values

NOW = datetime(2026, 3, 1, 14, 5, 6, tzinfo=UTC)
VALUES = {"PatientID": "4711", "job.title": "Befund {PatientName}", "(0008,0050)": "A1"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{PatientID}", "4711"),
        ("x{PatientID}-{(0008,0050)}y", "x4711-A1y"),
        ("{today}", "20260301"),
        ("{today-14d}-{today+1d}", "20260215-20260302"),
        ("{now}", "140506"),
        ("{StudyID:-none}", "none"),
        ("{StudyID:-}", ""),
        ("{{PatientID}}", "{PatientID}"),
        # A value is never looked at for placeholders again.
        ("{job.title}", "Befund {PatientName}"),
    ],
)
def test_filled(template: str, text: str) -> None:
    assert fill(template, VALUES, NOW) == text


def test_lists_and_tables_are_filled_and_numbers_stay() -> None:
    value = {"keys": {"a": ["{PatientID}", 5]}, "dpi": 150}
    assert fill(value, VALUES, NOW) == {"keys": {"a": ["4711", 5]}, "dpi": 150}


def test_no_value_is_an_error_and_not_an_empty_text() -> None:
    with pytest.raises(ValueMissingError, match=r"\{AccessionNumber\}"):
        fill("{AccessionNumber}", VALUES, NOW)


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{job.pages}", "{PatientID+1d}"])
def test_problems(text: str) -> None:
    assert problems(text)


def test_names_are_the_attributes_only() -> None:
    assert names("{PatientID} {job.title} {today-1d} {(0008,0050)} {{x}}") == [
        "PatientID",
        "(0008,0050)",
    ]


@given(st.text())
def test_a_value_comes_out_as_it_went_in(value: str) -> None:
    if value:
        assert fill("{PatientID}", {"PatientID": value}, NOW) == value


@given(st.text())
def test_no_template_breaks_the_parser(template: str) -> None:
    if not problems(template) and not names(template):
        fill(template, {f"job.{n}": "x" for n in ("id", "title")} | VALUES, NOW)


def test_only_text_can_be_named() -> None:
    attributes = {"PatientID": "1", "StudyID": "", "RequestAttributesSequence": [{"StudyID": "x"}]}
    found = values(ticket(title="a\nb\\c", user="erna"), attributes)
    assert found["PatientID"] == "1"
    assert found["job.title"] == "a b/c"
    assert found["job.user"] == "erna"
    assert not {"StudyID", "RequestAttributesSequence"} & set(found)
