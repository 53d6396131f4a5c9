"""The machine: the programs that the service calls, fonts, the clock."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dicom_printer
from dicom_printer.cli.doctor.bounded import Look, ended
from dicom_printer.cli.doctor.finding import Finding, fine, unseen, warning, wrong

_FONTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_TIME_ERROR = 5  # of adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # more than struct timex has on any machine
_DAY_S = 86400.0


def look() -> Iterator[Finding]:
    """Look at what the operating system has to bring."""
    yield from ended([
        Look("poppler", poppler),
        Look("fonts", lambda: [fonts()]),
        Look("date", lambda: [clock(time.time(), _installed())]),
        Look("clock", lambda: [synchronised()]),
    ])  # fmt: skip


def poppler() -> Iterator[Finding]:
    """Look for the programs of poppler."""
    missing = [name for name in ("pdftoppm", "pdftotext") if shutil.which(name) is None]
    if missing:
        yield wrong(
            "poppler",
            f"{' and '.join(missing)} cannot be found: no second engine, no `parse` of text",
            "`apt-get install poppler-utils`",
        )
    else:
        yield fine("poppler", "pdftoppm and pdftotext are there")


def fonts() -> Finding:
    """Look for any font: CUPS's texttopdf, which prints plain text, brings none."""
    for place in _FONTS:
        if any(name.endswith((".ttf", ".otf", ".pfb")) for *_, n in os.walk(place) for name in n):
            return fine("fonts", f"there are some in {place}")
    return warning(
        "fonts", "there are none: plain text cannot be printed, and some PDFs lack letters",
        "`apt-get install fonts-dejavu-core`",
    )  # fmt: skip


def _installed() -> float:
    """Return when this program was put here, at the latest."""
    return Path(dicom_printer.__file__).stat().st_mtime


def clock(now: float, installed: float) -> Finding:
    """Compare the date with a day that has certainly been.

    Parameters
    ----------
    now, installed : float
        Seconds since 1970.
    """
    date = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now))
    if now < installed - _DAY_S:
        return wrong(
            "date", f"{date} is before this program was installed",
            "set the clock: dates of studies, retries and certificates go by it",
        )  # fmt: skip
    return fine("date", date)


def synchronised() -> Finding:
    """Ask the kernel whether somebody keeps its clock right (NTP)."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        return unseen("clock", "the kernel does not say whether it is right", "see `timedatectl`")
    if state == _TIME_ERROR:
        return warning(
            "clock", "nothing keeps it right (NTP)",
            "`timedatectl set-ntp true`, or the time service of the house",
        )  # fmt: skip
    return fine("clock", "kept right by NTP")
