"""The PPD is valid for CUPS, with and without questions; what was typed is unwrapped."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import require

from dicom_printer.errors import ConfigError
from dicom_printer.ppd import MARKER, base_ppd, typed_value, with_questions

ASK = ["PatientID", "PatientName", "AccessionNumber", "RequestedProcedureDescription"]


@pytest.mark.parametrize("ask", [[], ASK])
def test_cups_finds_no_fault_in_it(ask: list[str]) -> None:
    require("cupstestppd")
    text = with_questions(base_ppd(), ask)
    done = subprocess.run(
        ["cupstestppd", "-v", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "NO ERRORS FOUND" in done.stdout
    assert "WARN" not in done.stdout


def test_pdf_passes_untouched_and_files_come_one_by_one() -> None:
    lines = base_ppd().splitlines()
    assert '*cupsFilter2: "application/pdf application/pdf 0 -"' in lines
    assert '*cupsFilter2: "application/vnd.cups-pdf application/pdf 10 -"' in lines
    assert "*cupsSingleFile: True" in lines
    assert not any(line.startswith("*cupsManualCopies") for line in lines)


def test_a_question_is_a_custom_string_option_with_a_readable_label() -> None:
    text = with_questions(base_ppd(), ["PatientID", "PatientID"])
    assert text.count("*OpenUI *PatientID/Patient ID: PickOne\n") == 1
    assert "*ParamCustomPatientID Text/Patient ID: 1 string 0 64\n" in text
    assert "*DefaultPatientID: None\n" in text
    assert text.index("*OpenGroup: DICOM") < text.index("*OpenUI *PatientID")
    assert text.index("*CloseUI: *PatientID") < text.index("*CloseGroup: DICOM")


def test_without_questions_the_base_stays_as_it_is() -> None:
    assert with_questions(base_ppd(), []) == base_ppd()


@pytest.mark.parametrize(
    "keyword", ["PatientId", "(0010,0020)", "", "ScheduledProcedureStepDescription"]
)
def test_what_cannot_be_asked_for_is_named(keyword: str) -> None:
    with pytest.raises(ConfigError, match="ask: "):
        with_questions(base_ppd(), [keyword])


def test_a_ppd_without_the_marker_is_refused() -> None:
    with pytest.raises(ConfigError, match="no place"):
        with_questions(base_ppd().replace(MARKER, ""), ["PatientID"])


@pytest.mark.parametrize(
    ("raw", "typed"),
    [
        ("Custom.PID 4711-Ü", "PID 4711-Ü"),
        ("4711", "4711"),
        ("None", ""),
        ("", ""),
        ("Custom.", ""),
        ("Custom.None", "None"),
    ],
)
def test_typed_value(raw: str, typed: str) -> None:
    assert typed_value(raw) == typed


@given(st.text())
def test_a_typed_value_survives_the_dialog(value: str) -> None:
    assert typed_value(f"Custom.{value}") == value
