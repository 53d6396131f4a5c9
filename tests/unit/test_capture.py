"""Attributes by VR, and the dataset that a page becomes."""

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_checks import assert_dciodvfy_clean
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_printer import capture
from dicom_printer.errors import BadValueError, DocumentError

CREATED = datetime(2026, 3, 29, 14, 5, 9).astimezone()
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def page(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def make(
    attributes: dict[str, str] | None = None,
    pixels: np.ndarray | None = None,
    spacing_mm: float | None = 25.4 / 150,
    created: datetime = CREATED,
    variant: str = "",
) -> Dataset:
    pixels = page(6, 4) if pixels is None else pixels
    return capture.dataset(
        "job1", 3, 2, pixels, spacing_mm, attributes or {}, created=created, variant=variant
    )


def written(ds: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    ds.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def read(ds: Dataset, syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    return pydicom.dcmread(io.BytesIO(written(ds, syntax)))


# UIDs


def test_a_uid_is_the_same_for_ever() -> None:
    # written down: whoever changes how they are derived sends every waiting page twice
    assert capture.uid("job1", "study") == "2.25.259066047357876983147898262948600069940"
    assert capture.uid("job1", "page", 3) == "2.25.276268763595323576081660203059268609140"


def test_uids_differ_and_are_valid() -> None:
    parts = [("study",), ("series",), ("page", 1), ("page", 11), ("page", 1, 1), ("page", 1, "a")]
    uids = {capture.uid(job, *each) for job in ("a", "b") for each in parts}
    assert len(uids) == 12
    assert all(UID(uid).is_valid for uid in uids)


def test_the_same_page_is_the_same_instance_and_another_rendering_is_not() -> None:
    assert make().SOPInstanceUID == make().SOPInstanceUID == capture.uid("job1", "page", 3)
    other = make(variant="300-gray")
    assert other.SOPInstanceUID == capture.uid("job1", "page", 3, "300-gray")
    assert other.SeriesInstanceUID != make().SeriesInstanceUID
    assert other.StudyInstanceUID == make().StudyInstanceUID


def test_what_is_put_into_one_page_is_not_in_the_next() -> None:
    before = make().to_json()
    changed = make()
    changed.add_new("PatientName", "PN", "Other")
    changed.add_new("Rows", "US", 1)
    changed.file_meta.add_new("TransferSyntaxUID", "UI", ExplicitVRBigEndian)
    del changed.Columns, changed.Modality
    assert make().to_json() == before
    assert make().file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


# values


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Kovač^Ana"),
        ("PatientName", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("PatientBirthDate", "19640229"),
        ("PatientBirthDate", ""),
        ("PatientAge", "045Y"),
        ("StudyTime", "1405"),
        ("StudyTime", "140509.123456"),
        ("SeriesNumber", "12"),
        ("PatientWeight", "72.5"),
        ("OtherPatientIDs", "1\\2\\3"),
        ("ImageComments", "one line\r\nand a \\ backslash"),
        ("StudyInstanceUID", "1.2.840.113619.2.1"),
        ("(0010,0020)", "4711"),
        ("(0018,1000)", "serial"),
        ("InstitutionName", "x" * 64),
        ("PregnancyStatus", "4"),
        ("PatientSex", "O"),
    ],
)
def test_values_that_fit(keyword: str, value: str) -> None:
    capture.check_value(keyword, value)


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PatientBirthDate", "29.02.1964", "YYYYMMDD"),
        ("PatientBirthDate", "19650229", "YYYYMMDD"),
        ("StudyDate", "20240101-20240131", "YYYYMMDD"),
        ("StudyTime", "25", "HHMMSS"),
        ("StudyTime", "1000-1100", "HHMMSS"),
        ("PatientAge", "45 years", "045Y"),
        ("SeriesNumber", "twelve", "whole number"),
        ("SeriesNumber", "4294967296", "whole number"),
        ("PatientWeight", "72,5", "number"),
        ("PregnancyStatus", "65536", "whole number"),
        ("PregnancyStatus", "1_0", "whole number"),
        ("Modality", "Other", "capitals"),
        ("AccessionNumber", "x" * 17, "at most 16"),
        ("PatientID", "x" * 65, "at most 64"),
        ("PatientID", "one\ntwo", "one line"),
        ("PatientID", "one\x9dtwo", "one line"),
        ("PatientID", "half \ud800", "one line"),
        ("PatientID", "one\\two", "at most 1 value"),
        ("PatientName", "x" * 65, "Family^Given"),
        ("PatientSex", "X", "one of M, F, O"),
        ("(0010,0040)", "X", "one of M, F, O"),
        ("StudyInstanceUID", "1.02.3", "a UID"),
        ("StudyInstanceUID", "1." + "2" * 63, "a UID"),
        ("Modality", "ÖT", "capitals"),
    ],
)
def test_values_that_do_not_fit(keyword: str, value: str, expected: str) -> None:
    with pytest.raises(BadValueError) as caught:
        capture.check_value(keyword, value)
    said = str(caught.value)
    assert expected in said
    assert ("PatientSex" if keyword.startswith("(") else keyword) in said
    assert value not in said, "the value is the patient's"
    # neither does a traceback show it
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("keyword", "why"),
    [
        ("PatientNme", "not a DICOM keyword"),
        ("(0009,1001)", "private"),
        ("Rows", "cannot be stated"),
        ("(0028,0010)", "cannot be stated"),
        ("(7fe0,0010)", "cannot be stated"),
        ("PixelData", "cannot be stated"),
        ("SOPClassUID", "cannot be stated"),
        ("SOPInstanceUID", "cannot be stated"),
        ("(0008,0018)", "cannot be stated"),
        ("SeriesInstanceUID", "cannot be stated"),
        ("InstanceNumber", "cannot be stated"),
        ("SpecificCharacterSet", "cannot be stated"),
        ("TransferSyntaxUID", "cannot be stated"),
        ("WindowCenter", "cannot be stated"),
        ("(6000,0010)", "cannot be stated"),
        ("RequestAttributesSequence", "VR SQ"),
    ],
)
def test_attributes_that_are_not_for_stating(keyword: str, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        capture.check_value(keyword, "1")
    with pytest.raises(BadValueError, match=why):
        make({keyword: "1"})


@given(st.text(max_size=200))
def test_shortened_text_always_fits(text: str) -> None:
    for keyword in ("SeriesDescription", "StudyID", "ImageComments", "PatientName"):
        if keyword == "PatientName" and text.count("=") > 2:
            continue
        capture.check_value(keyword, capture.shortened(keyword, text))


def test_shortened_counts_bytes_and_never_cuts_a_character() -> None:
    assert capture.shortened("SeriesDescription", "ü" * 64) == "ü" * 32
    assert capture.shortened("SeriesDescription", "a" + "ü" * 64) == "a" + "ü" * 31


def test_shortened_leaves_what_is_not_free_text() -> None:
    assert capture.shortened("Modality", "not a modality") == "not a modality"
    assert capture.shortened("SeriesDescription", " a\tb \\ c\n") == "a b / c"


# the dataset


def test_what_a_page_is_without_any_attribute() -> None:
    ds = read(make())
    assert ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert ds.ImageType == ["DERIVED", "SECONDARY"]
    assert (ds.Modality, ds.ConversionType, ds.BurnedInAnnotation) == ("OT", "WSD", "YES")
    assert (ds.InstanceNumber, ds.SeriesNumber) == (2, 1)
    assert (ds.StudyDate, ds.StudyTime) == ("20260329", "140509")
    assert ds.SpecificCharacterSet == "ISO_IR 100"
    assert [float(each) for each in ds.NominalScannedPixelSpacing] == pytest.approx(
        [25.4 / 150] * 2
    )
    assert "PixelSpacing" not in ds, "millimetres of paper are not the patient's"
    assert "LossyImageCompression" not in ds, "nobody knows what the page was made of"
    assert "NominalScannedPixelSpacing" not in make(spacing_mm=None)


def test_attributes_go_before_defaults_but_never_empty_what_must_have_a_value() -> None:
    ds = make({"Modality": "DOC", "(0020,000D)": "1.2.3", "SeriesNumber": "7"})
    assert (ds.Modality, ds.StudyInstanceUID, ds.SeriesNumber) == ("DOC", "1.2.3", 7)
    assert ds.StudyID == "", "a study of somebody else's has its own"
    ds = make({"Modality": "", "StudyInstanceUID": "", "StudyID": ""})
    assert (ds.Modality, ds.StudyInstanceUID) == ("OT", capture.uid("job1", "study"))
    assert ds.StudyID == ""


def test_the_hour_of_printing_is_not_put_to_a_stated_day() -> None:
    ds = make({"StudyDate": "20200101"})
    assert (ds.StudyDate, ds.StudyTime) == ("20200101", "")
    assert (ds.SeriesDate, ds.SeriesTime) == ("20260329", "140509")


def test_dates_are_local() -> None:
    elsewhere = CREATED.astimezone(timezone(timedelta(hours=13)))
    assert make(created=elsewhere).StudyDate == "20260329"
    assert make(created=elsewhere).StudyTime == "140509"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Müller^Zoë", "ISO_IR 100"),
        ("Kovač^Ana", "ISO_IR 192"),
        ("Παπαδόπουλος^Γιώργος", "ISO_IR 192"),
        ("Yamada^Tarou=山田^太郎", "ISO_IR 192"),
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_characters_survive(name: str, expected: str, syntax: UID) -> None:
    ds = read(make({"PatientName": name, "SeriesDescription": "für Žižka" * 2}), syntax)
    assert str(ds.PatientName) == name
    assert ds.SeriesDescription == "für Žižka" * 2
    assert read(make({"PatientName": name})).SpecificCharacterSet == expected


@pytest.mark.parametrize("shape", [(7, 5), (6, 4), (7, 5, 3), (6, 4, 3), (1, 1), (1, 1, 3)])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_pixels_are_exact_in_each_syntax(shape: tuple[int, ...], syntax: UID) -> None:
    pixels = page(*shape)
    made = make(pixels=pixels)
    assert len(made.PixelData) % 2 == 0
    ds = read(made, syntax)
    assert np.array_equal(ds.pixel_array, pixels)
    assert len(ds.PixelData) % 2 == 0
    assert ds.PixelData[: pixels.size] == pixels.tobytes()


def test_pixels_need_not_be_contiguous() -> None:
    pixels = page(8, 6, 3)[::2, ::-1]
    assert np.array_equal(read(make(pixels=pixels)).pixel_array, pixels)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_gray_of_twelve_bits(tmp_path: Path, syntax: UID) -> None:
    pixels = np.arange(35, dtype=np.uint16).reshape(7, 5) * 117
    ds = make(pixels=pixels)
    assert (ds.BitsAllocated, ds.BitsStored, ds.HighBit) == (16, 12, 11)
    assert (ds.SamplesPerPixel, ds.PhotometricInterpretation) == (1, "MONOCHROME2")
    assert ds["PixelData"].VR == "OW"
    assert np.array_equal(read(ds).pixel_array, pixels)
    file = tmp_path / "page.dcm"
    file.write_bytes(written(ds, syntax))
    assert_dciodvfy_clean(file)


def test_an_image_has_at_most_65535_pixels_a_side() -> None:
    with pytest.raises(DocumentError, match="65536"):
        make(pixels=np.zeros((1, 65536), np.uint8))
    assert make(pixels=np.zeros((1, 65535), np.uint8)).Columns == 65535


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2, 3), np.uint16),
        np.full((2, 2), 4096, np.uint16),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((2, 2), bool),
    ],
)
def test_other_pixels_are_a_mistake_of_the_caller(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not gray of 8 or 12 bits or RGB of 8"):
        make(pixels=pixels)


@pytest.mark.parametrize("shape", [(7, 5), (6, 4, 3)])
@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"PatientName": "Παπαδόπουλος^Γιώργος", "PatientID": "1", "PatientBirthDate": "19640229"},
        {"BodyPartExamined": "CHEST", "StudyInstanceUID": "1.2.3", "StudyDate": "20200101"},
        {"BodyPartExamined": "HAND"},
        {"BodyPartExamined": "HAND", "Laterality": "R", "Modality": "DOC", "ConversionType": "SD"},
        {"PatientWeight": "72.5", "PregnancyStatus": "4", "AcquisitionDateTime": "20200101120000"},
    ],
)
def test_dciodvfy_finds_no_error(
    tmp_path: Path, attributes: dict[str, str], shape: tuple[int, ...], syntax: UID
) -> None:
    file = tmp_path / "page.dcm"
    file.write_bytes(written(make(attributes, page(*shape)), syntax))
    assert_dciodvfy_clean(file)


def test_dciodvfy_finds_nothing_at_all_where_everything_is_known(tmp_path: Path) -> None:
    file = tmp_path / "page.dcm"
    known = {"PatientName": "A^B", "PatientID": "1", "BodyPartExamined": "CHEST"}
    file.write_bytes(written(make(known)))
    assert_dciodvfy_clean(file, allow_warnings=False)


@pytest.mark.filterwarnings("error")
def test_pydicom_has_nothing_to_remark() -> None:
    # its warnings quote values
    written(make({"PatientName": "A" * 64, "StudyTime": "140509.123456", "PatientWeight": "72.50"}))
