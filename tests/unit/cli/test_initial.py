"""What ``init`` leaves behind; the conversation before it stands in test_init.py."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from dicom_printer import checks
from dicom_printer.cli import initial
from dicom_printer.cli.initial import Address, Answers
from dicom_printer.errors import ConfigError

ME = pwd.getpwuid(os.geteuid())
ANSWERS = Answers(Address("PACS", "::1", 104), "WE", "Q", "spool")


def test_one_that_appears_meanwhile_is_not_overwritten() -> None:
    path = Path("dicom-printer.toml").absolute()
    path.write_text("# another's\n")
    with pytest.raises(ConfigError, match="is there already"):
        initial.write(path, initial.text(ANSWERS), ME, replace=False)
    assert path.read_text() == "# another's\n"
    assert not list(path.parent.glob(".dicom-printer*")), "no draft is left"


@pytest.mark.parametrize("title", ['A"B', "A'B", "A B", "#"])
def test_an_answer_cannot_end_its_string(title: str) -> None:
    path = Path("dicom-printer.toml").absolute()
    answers = Answers(Address(title, "::1", 104), "WE", "Böse", "spool")
    initial.write(path, initial.text(answers), ME, replace=False)
    found = checks.load(path)
    assert found.remote["pacs"].ae_title == title
    assert list(found.printer) == ["Böse"]


def test_a_spool_keeps_what_is_in_it() -> None:
    initial.make_spool(Path("spool"), ME)
    (Path("spool") / "jobs" / "x").touch()
    initial.make_spool(Path("spool"), ME)
    assert (Path("spool") / "jobs" / "x").exists()


@pytest.mark.parametrize("text", ["[service", '[service]\nspool = "s"\n'])
def test_what_is_no_example(text: str) -> None:
    Path("a.toml").write_text(text)
    assert not initial.is_example(Path("a.toml"))
    assert not initial.is_example(Path("none.toml"))
