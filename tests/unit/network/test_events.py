"""What a printer says unasked is answered and logged, and nothing else of it is."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from pydicom import Dataset

from dicom_printer.network import events

PRINTER, PRINT_JOB = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.14"


class Event:
    """As pynetdicom hands it over."""

    def __init__(self, sop_class: str, kind: int, said: Dataset | Exception) -> None:
        self.request = SimpleNamespace(AffectedSOPClassUID=sop_class, EventTypeID=kind)
        self.assoc = SimpleNamespace(acceptor=SimpleNamespace(ae_title="IMAGER"))
        self._said = said

    @property
    def event_information(self) -> Dataset:
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


def saying(**values: str) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    ("event", "level", "said"),
    [
        (Event(PRINTER, 1, Dataset()), logging.INFO, "Printer: NORMAL"),
        (Event(PRINTER, 2, saying(PrinterStatusInfo="SUPPLY LOW")), logging.WARNING,
         "Printer: WARNING (SUPPLY LOW)"),
        (Event(PRINTER, 3, saying(PrinterStatusInfo="FILM JAM")), logging.WARNING,
         "Printer: FAILURE (FILM JAM)"),
        (Event(PRINT_JOB, 3, Dataset()), logging.INFO, "Print Job: DONE"),
        (Event(PRINT_JOB, 4, saying(ExecutionStatusInfo="NO SUPPLY")), logging.WARNING,
         "Print Job: FAILURE (NO SUPPLY)"),
        (Event(PRINTER, 77, Dataset()), logging.INFO, "event 77"),
        (Event(PRINTER, 3, ValueError("damaged")), logging.WARNING, "Printer: FAILURE"),
    ],
)  # fmt: skip
def test_an_event_is_answered_and_logged(
    event: Event, level: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert events.heard(event) == (0x0000, None)
    (record,) = caplog.records
    assert record.levelno == level
    assert said in record.getMessage()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("SUPPLY LOW", "SUPPLY LOW"), ("low\nsupply;", "LOWSUPPLY"), (None, ""), ("X" * 99, "X" * 16)],
)
def test_only_a_term_is_taken_over(value: object, expected: str) -> None:
    assert events.term(value) == expected
