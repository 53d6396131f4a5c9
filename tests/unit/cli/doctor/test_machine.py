from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dicom_printer.cli.doctor import machine
from dicom_printer.cli.doctor.finding import Grade


def test_poppler_that_is_there_and_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert [f.grade for f in machine.poppler()] == [Grade.FINE]
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "pdftotext" else name)
    (found,) = machine.poppler()
    assert (found.grade, found.found[:28]) == (Grade.WRONG, "pdftotext cannot be found: n")
    assert "poppler-utils" in found.remedy


def test_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_FONTS", (tmp_path / "none", tmp_path))
    (tmp_path / "README").touch()
    assert machine.fonts().grade is Grade.WARNING
    (tmp_path / "truetype").mkdir()
    (tmp_path / "truetype" / "a.ttf").touch()
    assert machine.fonts().grade is Grade.FINE


def test_a_date_that_cannot_be() -> None:
    installed = 1_800_000_000.0
    assert machine.clock(installed + 1, installed).grade is Grade.FINE
    assert machine.clock(installed - 3600, installed).grade is Grade.FINE, "a clock that is set"
    assert machine.clock(0, installed).grade is Grade.WRONG


@pytest.mark.parametrize(
    ("state", "grade"), [(0, Grade.FINE), (5, Grade.WARNING), (-1, Grade.UNSEEN)]
)
def test_what_the_kernel_says_of_its_clock(
    monkeypatch: pytest.MonkeyPatch, state: int, grade: Grade
) -> None:
    class Library:
        def __init__(self, _: object) -> None:
            self.adjtimex = lambda _: state

    monkeypatch.setattr("ctypes.CDLL", Library)
    assert machine.synchronised().grade is grade
