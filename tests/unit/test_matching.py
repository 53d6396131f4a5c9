"""Answers compared with the keys: what matches, and above all what does not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE

from dicom_printer.keys import tag_of, vr_of
from dicom_printer.matching import matches, place, step_of

STEP = "ScheduledProcedureStepSequence"


def answer(**values: Any) -> Dataset:
    ds = Dataset()
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = [answer(**item) for item in value]
        ds.add(DataElement(tag_of(name), vr_of(name), value, validation_mode=IGNORE))
    return ds


@pytest.mark.parametrize(
    ("name", "key", "value", "fits"),
    [
        ("PatientID", "4711", "4711", True),
        ("PatientID", "4711", "4711 ", True),
        ("PatientID", "4711", "04711", False),
        ("PatientID", "4711", "47110", False),
        ("PatientID", "ab", "AB", False),
        ("PatientID", "47*", "4711", True),
        ("PatientID", "47*", "147", False),
        ("PatientID", "471?", "4711", True),
        ("PatientID", "471?", "47111", False),
        ("PatientID", "4[7]11", "4711", False),
        ("PatientID", "4[7]*", "4[7]11", True),
        ("PatientID", "4711", "", False),
        ("PatientID", "4711", None, False),
        ("PatientID", "4711\\4712", "4712", True),
        ("PatientName", "müller^zoë", "MÜLLER^ZOË", True),
        ("PatientName", "Muller^Zoe", "Müller^Zoë", False),
        ("PatientName", "Muster^Eva^^", "Muster^Eva", True),
        ("PatientName", "Muster^E*", "MUSTER^EVA", True),
        ("PatientName", "Muster", "Muster^Eva", False),
        ("PatientName", "Yamada^Tarou", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("PatientName", "山田^太郎", "Yamada^Tarou=山田^太郎", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "Yamada^Tarou=山田^次郎", False),
        ("PatientName", "Yamada^Tarou=山田^太郎", "Yamada^Tarou", False),
        ("PatientName", "Zo\u00eb", "Zoe\u0308", True),
        ("StudyInstanceUID", "1.2.3", "1.2.3", True),
        ("StudyInstanceUID", "1.2.3", "1.2.34", False),
        ("StudyInstanceUID", "1.2.3\\1.2.4", "1.2.4", True),
        ("StudyInstanceUID", "1.2.*", "1.2.3", False),
        ("StudyDate", "20260301", "20260301", True),
        ("StudyDate", "20260301", "2026.03.01", True),
        ("StudyDate", "20260301", "20260302", False),
        ("StudyDate", "20260301-", "20260302", True),
        ("StudyDate", "-20260301", "20260302", False),
        ("StudyDate", "20260228-20260301", "20260301", True),
        ("StudyDate", "20260228-20260301", "20260302", False),
        ("StudyDate", "20260228-20260301", "no date", False),
        ("StudyTime", "10-11", "105900", True),
        ("StudyTime", "10-11", "11:59:59", True),
        ("StudyTime", "10-11", "120000", False),
        ("StudyTime", "1030", "103000.000", True),
        ("StudyTime", "1030", "103001", False),
        ("AcquisitionDateTime", "20260301-20260302", "20260302235959", True),
        ("AcquisitionDateTime", "20260301-20260302", "20260303", False),
        ("InstanceNumber", "1", "01", True),
        ("InstanceNumber", "1", "11", False),
        ("Rows", "512", 512, True),
        ("Modality", "CR", ["MR", "CR"], True),
        ("Modality", "CR", ["MR", "DX"], False),
    ],
)
def test_one_key(name: str, key: str, value: Any, fits: bool) -> None:
    assert matches(answer(**{name: value}), {name: key}) is fits


def test_an_answer_without_the_key() -> None:
    assert not matches(answer(PatientName="A"), {"PatientID": "1"})
    assert not matches(Dataset(), {"PatientID": "1"})


def test_every_key_has_to_match() -> None:
    ds = answer(PatientID="1", AccessionNumber="A")
    assert matches(ds, {"PatientID": "1", "AccessionNumber": "A"})
    assert not matches(ds, {"PatientID": "1", "AccessionNumber": "B"})


def test_within_a_sequence_one_item_has_to_have_all() -> None:
    keys = {STEP: {"Modality": "CR", "ScheduledProcedureStepID": "1"}}
    split = [
        {"Modality": "CR", "ScheduledProcedureStepID": "2"},
        {"Modality": "MR", "ScheduledProcedureStepID": "1"},
    ]
    assert not matches(answer(**{STEP: split}), keys)
    both = [*split, {"Modality": "CR", "ScheduledProcedureStepID": "1"}]
    assert matches(answer(**{STEP: both}), keys)
    assert not matches(answer(**{STEP: []}), keys)
    assert not matches(answer(PatientID="1"), keys)


IDS = st.text(st.characters(codec="latin-1", exclude_characters="\\*?", exclude_categories=["C"]))


@given(IDS, IDS)
def test_an_identifier_matches_itself_and_nothing_else(key: str, value: str) -> None:
    key, value = key.strip(), value.strip()
    assume(key and value)
    ds = answer(PatientID=value)
    assert matches(ds, {"PatientID": value})
    assert matches(ds, {"PatientID": key}) is (key == value)


DAYS = st.dates(min_value=date(1000, 1, 1))


@given(DAYS, DAYS, DAYS)
def test_a_range_is_what_lies_between(first: Any, last: Any, day: Any) -> None:
    key = f"{first:%Y%m%d}-{last:%Y%m%d}"
    assert matches(answer(StudyDate=f"{day:%Y%m%d}"), {"StudyDate": key}) is (first <= day <= last)


@given(
    st.text(max_size=70), st.sampled_from(["PatientName", "StudyDate", "StudyTime", "PatientID"])
)
def test_no_answer_breaks_it(value: str, name: str) -> None:
    matches(answer(**{name: value}), {name: "20260101"})


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("SeriesNumber", "9", "10"),
        ("SeriesNumber", "-1", "+1"),
        ("Rows", "64", "512"),
        ("PatientWeight", "9.5", "1.0E1"),
        ("StudyDate", "2026.03.01", "20260302"),
        ("StudyDate", "20260301", "2026.03.02"),
        ("StudyTime", "0959", "10"),
        ("StudyTime", "10:30:00", "1031"),
        ("StudyTime", "103000.5", "103001"),
        ("AcquisitionDateTime", "2025", "20260101"),
        ("StudyID", "A1", "A2"),
    ],
)
def test_what_stands_before_what(name: str, less: str, more: str) -> None:
    first, second = place(name, less), place(name, more)
    assert first is not None
    assert second is not None
    assert first[1] < second[0]


@pytest.mark.parametrize(
    ("one", "other"), [("1030", "103000"), ("10", "1030"), ("103000", "10:30:00.5")]
)
def test_times_that_may_be_the_same(one: str, other: str) -> None:
    first, second = place("StudyTime", one), place("StudyTime", other)
    assert first is not None
    assert second is not None
    assert first[1] >= second[0]
    assert second[1] >= first[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SeriesNumber", ""), ("SeriesNumber", "nine"), ("SeriesNumber", "nan"),
        ("SeriesNumber", "1\\2"), ("StudyDate", "no date"), ("StudyDate", "2026"),
        ("StudyDate", "2026301"), ("StudyTime", "930"), ("StudyTime", "9:30:00"),
        ("AcquisitionDateTime", "20260301103000+0100"), ("StudyID", ""),
    ],
)  # fmt: skip
def test_what_has_no_place(name: str, text: str) -> None:
    assert place(name, text) is None


@pytest.mark.parametrize("name", [STEP, "(0040,0100)"])
def test_the_step_that_has_the_keys(name: str) -> None:
    ds = answer(**{STEP: [{"Modality": "CR"}, {"Modality": "MR"}]})
    assert step_of(ds, {name: {"Modality": "MR"}}).Modality == "MR"
    assert step_of(ds, {"PatientID": "1"}).Modality == "CR"
    assert step_of(Dataset(), {}) == Dataset()
