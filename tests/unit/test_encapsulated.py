"""A PDF as an instance: its attributes, its bytes, its UIDs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from dicom_checks import assert_dciodvfy_clean
from pydicom import Dataset

from dicom_printer import capture, encapsulated

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def made(pdf: bytes = b"%PDF-1.4 x", title: str = "A title", **attributes: str) -> Dataset:
    return encapsulated.dataset("job", pdf, title, attributes, created=CREATED)


@pytest.mark.parametrize("pdf", [b"%PDF even", b"%PDF-odd."[:8] + b"!"])
@pytest.mark.parametrize(
    "attributes",
    [{}, {"PatientName": "Kovač^Žofie", "PatientID": "1", "Modality": "OT", "Laterality": "R"}],
)
def test_dciodvfy_finds_no_error(tmp_path: Path, pdf: bytes, attributes: dict[str, str]) -> None:
    file = tmp_path / "pdf.dcm"
    made(pdf, **attributes).save_as(file, enforce_file_format=True)
    assert_dciodvfy_clean(file)


def test_the_bytes_are_even_and_the_length_is_the_document_s() -> None:
    for pdf in (b"12345", b"123456"):
        ds = made(pdf)
        assert bytes(ds.EncapsulatedDocument) == pdf + b"\0" * (len(pdf) % 2)
        assert ds.EncapsulatedDocumentLength == len(pdf)


def test_it_stands_in_a_series_of_its_own_in_the_study_of_the_pages() -> None:
    import numpy as np

    page = capture.dataset("job", 1, 1, np.zeros((2, 2), np.uint8), None, {}, created=CREATED)
    ds = made()
    assert ds.StudyInstanceUID == page.StudyInstanceUID
    assert ds.SeriesInstanceUID != page.SeriesInstanceUID
    assert (ds.SeriesNumber, page.SeriesNumber) == (2, 1)
    assert ds.SOPInstanceUID == encapsulated.uid("job") == made().SOPInstanceUID
    assert ds.SOPInstanceUID != page.SOPInstanceUID


@pytest.mark.parametrize(
    "keyword", ["ImageType", "PatientOrientation", "Laterality", "(0020,0060)"]
)
def test_what_describes_an_image_is_left_out(keyword: str) -> None:
    value = "DERIVED\\SECONDARY" if keyword == "ImageType" else "R"
    ds = encapsulated.dataset("job", b"%PDF", "", {keyword: value}, created=CREATED)
    assert not {"ImageType", "PatientOrientation", "Laterality"} & {e.keyword for e in ds}


def test_the_title() -> None:
    assert made(title="Befund Žofie").DocumentTitle == "Befund Žofie"
    assert made(title="Befund Žofie").SpecificCharacterSet == "ISO_IR 192"
    assert made(DocumentTitle="Stated").DocumentTitle == "Stated"
    assert len(made(title="x" * 4000).DocumentTitle) <= 1024
    assert made(title="").DocumentTitle == ""
