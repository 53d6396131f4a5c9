"""What an instance is as bytes: the same as the library makes of it, however it was made."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset
from pydicom.uid import UID

from dicom_printer import capture, codec, encode
from dicom_printer.codec import Encoding
from dicom_printer.errors import BadValueError
from dicom_printer.network import UNCOMPRESSED
from dicom_printer.network.encoding import Encoder
from dicom_printer.network.syntaxes import in_byte_order

CREATED = datetime(2026, 3, 1, 8, 30).astimezone()
KINDS = {"gray": ((60, 80), "u1"), "colour": ((60, 80, 3), "u1"), "twelve": ((60, 80), "<u2")}


def page(number: int, kind: str = "colour", spacing: float | None = 0.2, **stated: Any) -> Dataset:
    shape, of = KINDS[kind]
    pixels = (np.arange(np.prod(shape)) * number % 251).astype(of).reshape(shape)
    return capture.dataset("a" * 32, number, number, pixels, spacing, stated, created=CREATED)


def by_the_library(ds: Dataset, syntax: str) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = UID(syntax).is_implicit_VR
    buffer.is_little_endian = UID(syntax).is_little_endian
    write_dataset(buffer, in_byte_order(ds, syntax))
    return buffer.getvalue()


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
def test_pages_of_a_job_are_what_the_library_makes_of_each(syntax: str) -> None:
    encoder = Encoder()
    stated: dict[str, Any] = {"PatientName": "Müller^Jürgen", "PatientID": "4711"}
    pages = [page(n, kind, **stated) for n, kind in enumerate([*KINDS, *KINDS], 1)]
    pages += [page(7, spacing=None, **stated), page(8, **stated), page(8, **stated)]
    for ds in pages:
        assert encoder.encoded(ds, syntax) == by_the_library(ds, syntax)


def test_compressed_pages_are_what_the_library_makes_of_each() -> None:
    encoder, of = Encoder(), Encoding(codec.JPEG_BASELINE, 90)
    for number in (1, 2, 3):
        plain = page(number)
        ds = encode.encoded(plain, codec.encoded(plain.pixel_array, of))
        data = encoder.encoded(ds, of.syntax)
        assert data == by_the_library(ds, of.syntax)


def test_another_character_set_or_syntax_makes_every_element_anew() -> None:
    encoder = Encoder()
    ds = page(1, PatientName="Müller^Jürgen")
    in_latin, in_utf8 = Dataset(), Dataset()
    for made, name in ((in_latin, "ISO_IR 100"), (in_utf8, "ISO_IR 192")):
        made.update(ds)
        made.add_new("SpecificCharacterSet", "CS", name)
    for made in (in_latin, in_utf8, in_latin):
        for syntax in UNCOMPRESSED:
            assert encoder.encoded(made, syntax) == by_the_library(made, syntax)


def test_sequences_and_values_whose_vr_depends_on_others() -> None:
    encoder = Encoder()
    item = {"CodeValue": "1", "CodingSchemeDesignator": "99", "CodeMeaning": "Übersicht"}
    ds = page(1, ProcedureCodeSequence=[item])
    ds.add_new("SmallestImagePixelValue", "US or SS", 3)
    for syntax in UNCOMPRESSED:
        data = encoder.encoded(ds, syntax)
        assert data == by_the_library(ds, syntax)
    made = dcmread(BytesIO(encoder.encoded(ds, UNCOMPRESSED[0])), force=True)
    assert made.SmallestImagePixelValue == 3
    assert made.ProcedureCodeSequence[0].CodeMeaning == "Übersicht"


def test_a_long_value_is_of_even_length() -> None:
    ds = page(1)
    ds.add_new("EncapsulatedDocument", "OB", b"x" * 20_001)
    for syntax in UNCOMPRESSED:
        assert Encoder().encoded(ds, syntax) == by_the_library(ds, syntax)


def test_what_cannot_be_encoded_is_said_without_the_value() -> None:
    ds = page(1)
    ds.add_new("InstanceNumber", "IS", 1)
    ds.add_new("Rows", "US", 70_000)
    with pytest.raises(BadValueError, match="cannot be encoded for C-STORE") as found:
        Encoder().encoded(ds, UNCOMPRESSED[1])
    assert "70" not in str(found.value)


def test_an_element_that_pages_share_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def noted(buffer: Any, element: Any, characters: Any) -> None:
        written.append(element.keyword)
        write_data_element(buffer, element, characters)

    monkeypatch.setattr("dicom_printer.network.encoding.write_data_element", noted)
    encoder = Encoder()
    encoder.encoded(page(1, PatientName="Doe^John"), UNCOMPRESSED[1])
    assert "PatientName" in written
    written.clear()
    encoder.encoded(page(2, PatientName="Doe^John"), UNCOMPRESSED[1])
    assert set(written) == {"SOPInstanceUID", "InstanceNumber", "PixelData"}
