"""Jobs for the tests: tickets, rows and committed directories with invented content."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from dicom_printer.jobs import table
from dicom_printer.jobs.running import Running
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.spool import Spool
from dicom_printer.ticket import Ticket


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


STORE_STEP: dict[str, Any] = {"action": "store", "remote": "pacs"}


def ticket(number: int = 1, **fields: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": f"{number:032x}",
        "received": "2026-01-02T03:04:05+00:00",
        "source": "test",
        "printer": "DICOM_Printer",
        "document": "document.pdf",
        "size": 4,
        "sha256": "0" * 64,
    }
    return Ticket.model_validate(values | fields)


def submit(store: Store, number: int = 1, *steps: dict[str, Any], **fields: Any) -> str:
    made = ticket(number, **fields)
    table.submit(store, made, Snapshot(defaults={}, steps=list(steps or [STORE_STEP])), {})
    return made.id


def claim(store: Store) -> Running:
    running = table.claim(store)
    assert running is not None
    return running


def commit(spool: Spool, content: bytes = b"%PDF-1.4 invented", **fields: Any) -> Ticket:
    values = {"printer": "DICOM_Printer", "source": "test"} | fields
    return spool.commit(io.BytesIO(content), "document.pdf", lambda: True, **values)
