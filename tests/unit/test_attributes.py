"""Values of attributes that are sequences; those that are text are held by test_capture."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pydicom
import pytest

from dicom_printer import capture
from dicom_printer.attributes import Value, check_value, element, texts
from dicom_printer.errors import BadValueError

REQUEST: Value = [
    {
        "RequestedProcedureID": "RP1",
        "RequestedProcedureDescription": "Θώρακας",
        "ScheduledProtocolCodeSequence": [
            {"CodeValue": "T-1", "CodingSchemeDesignator": "99X", "CodeMeaning": "Thorax"}
        ],
    }
]


def test_a_sequence_has_its_items_and_theirs() -> None:
    (item,) = element("RequestAttributesSequence", REQUEST).value
    assert item.RequestedProcedureID == "RP1"
    assert item.ScheduledProtocolCodeSequence[0].CodeMeaning == "Thorax"


def test_texts_are_found_at_every_depth() -> None:
    assert list(texts(REQUEST)) == ["RP1", "Θώρακας", "T-1", "99X", "Thorax"]
    assert list(texts("x")) == ["x"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", [{"PatientName": "A"}]),
        ("RequestAttributesSequence", "text"),
        ("RequestAttributesSequence", ""),
        ("RequestAttributesSequence", [{"RequestedProcedureID": "x" * 17}]),
        ("RequestAttributesSequence", [{"Nonsense": "x"}]),
    ],
)
def test_what_is_refused(keyword: str, value: Value) -> None:
    with pytest.raises(BadValueError) as caught:
        check_value(keyword, value)
    assert "x" * 17 not in str(caught.value)


def test_the_character_set_covers_what_stands_in_sequences() -> None:
    ds = capture.dataset(
        "0" * 32, 1, 1, np.zeros((2, 2), np.uint8), None,
        {"PatientID": "1", "RequestAttributesSequence": REQUEST}, created=datetime.now(UTC),
    )  # fmt: skip
    assert ds.SpecificCharacterSet == "ISO_IR 192"
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    file.seek(0)
    read = pydicom.dcmread(file).RequestAttributesSequence[0]
    assert read.RequestedProcedureDescription == "Θώρακας"
