"""What an examination brings: what was looked at, how it is, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from dicom_printer.errors import DicomPrinterError


class Grade(StrEnum):
    """How what was looked at is."""

    FINE = "fine"
    WARNING = "warning"
    """It works, and yet it is no good."""
    WRONG = "wrong"
    """It does not work, or will not."""
    UNSEEN = "not seen"
    """It could not be looked at, for want of a right or of a program."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check : str
        What was looked at.
    found : str
        What was found; no patient's data.
    remedy : str
        What to do; empty where it is fine.
    """

    check: str
    grade: Grade
    found: str
    remedy: str = ""


def fine(check: str, found: str) -> Finding:
    """Return that something is in order."""
    return Finding(check, Grade.FINE, found)


def warning(check: str, found: str, remedy: str) -> Finding:
    """Return that something works, and is no good."""
    return Finding(check, Grade.WARNING, found, remedy)


def wrong(check: str, found: str, remedy: str) -> Finding:
    """Return that something does not work."""
    return Finding(check, Grade.WRONG, found, remedy)


def unseen(check: str, found: str, remedy: str) -> Finding:
    """Return that something could not be looked at."""
    return Finding(check, Grade.UNSEEN, found, remedy)


def whatever(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Return `findings`; what ends them early is a finding too, and hides no other examination."""
    try:
        yield from findings
    except DicomPrinterError as error:
        yield wrong(check, error.message, error.remedy)
    except OSError as error:
        yield unseen(check, f"{error.strerror or error}", "run this as root (sudo)")
