from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_printer import logs
from dicom_printer.errors import SpoolError

PATIENT = "Doe^Jane"
own = logging.getLogger("dicom_printer.test")


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root, pynetdicom = logging.getLogger(), logging.getLogger("pynetdicom")
    was = root.level, list(root.handlers), pynetdicom.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    with warnings.catch_warnings():
        yield
    root.setLevel(was[0])
    root.handlers[:] = was[1]
    pynetdicom.setLevel(was[2])


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def broken() -> None:
    raise KeyError(PATIENT)


def test_a_line_of_text_has_level_and_logger() -> None:
    logs.set_up(logging.INFO, stream=(out := io.StringIO()))
    own.info("job %s: done", "1234")
    own.debug("not this")
    assert lines(out) == ["INFO dicom_printer.test: job 1234: done"]


def test_a_line_of_json_says_what_it_is_about() -> None:
    logs.set_up(logging.INFO, "json", out := io.StringIO())
    with logs.about(job="1234", printer="P"):
        own.warning("it failed", extra={"event": "failed", "remote": "pacs"})
    own.info("done", extra={"remote": ""})
    first, second = map(json.loads, lines(out))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "warning", "logger": "dicom_printer.test", "job": "1234", "printer": "P",
        "remote": "pacs", "event": "failed", "message": "it failed",
    }  # fmt: skip
    assert set(second) == {"time", "level", "logger", "message"}, "what is not known is absent"


def test_another_thread_is_about_something_else() -> None:
    logs.set_up(logging.INFO, "json", out := io.StringIO())
    with logs.about(job="1234"):
        thread = threading.Thread(target=lambda: own.info("x"))
        thread.start()
        thread.join()
    assert "job" not in json.loads(lines(out)[0])


def test_the_journal_gets_a_priority_on_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        s = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{s.st_dev}:{s.st_ino}")
        logs.set_up(logging.DEBUG, stream=stream)
        for level in ("debug", "info", "warning", "error", "critical"):
            getattr(own, level)("x")
        try:
            broken()
        except KeyError:
            own.exception("broken")
        logs.set_up(logging.INFO, "json", stream)
        own.error("x")
        stream.seek(0)
        found = stream.read().splitlines()
    assert [line[:3] for line in found[:5]] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert found[0] == "<7>dicom_printer.test: x", "the journal shows the level by itself"
    assert {line[:3] for line in found[5:]} == {"<3>"}
    assert json.loads(found[-1][3:])["message"] == "x"


def test_a_terminal_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    logs.set_up(logging.INFO, stream=(out := io.StringIO()))
    own.info("x")
    assert lines(out) == ["INFO dicom_printer.test: x"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_says_where_and_not_what(form: logs.Form) -> None:
    logs.set_up(logging.INFO, form, out := io.StringIO())
    try:
        try:
            broken()
        except KeyError as error:
            raise ValueError(f"{PATIENT} again") from error
    except ValueError:
        own.exception("broken")
    shown = out.getvalue()
    assert PATIENT not in shown
    assert shown.count("Traceback (most recent call last):") == 2
    assert "builtins.KeyError" in shown and "builtins.ValueError" in shown
    assert f"{Path(__file__).name}" in shown and "in broken" in shown


def test_our_own_exceptions_say_what_they_are_made_to_say() -> None:
    logs.set_up(logging.INFO, stream=(out := io.StringIO()))
    try:
        raise SpoolError("no room", "make some")
    except SpoolError:
        own.exception("broken")
    assert lines(out)[-1] == "dicom_printer.errors.SpoolError: no room; make some"


def test_what_a_library_says_is_left_out_at_every_level() -> None:
    logs.set_up(logging.DEBUG, stream=(out := io.StringIO()))
    logging.getLogger("PIL.x").warning("Invalid value for VR UI: %r", PATIENT)
    logging.getLogger("PIL.PngImagePlugin").debug(PATIENT)
    logging.getLogger("pynetdicom").setLevel(logging.DEBUG)
    pynetdicom = logging.getLogger("pynetdicom.assoc")
    pynetdicom.error("aborting")
    pynetdicom.exception(ValueError(PATIENT))
    found = lines(out)
    assert found[0].startswith("WARNING PIL.x: what it says may quote a document")
    assert found[1] == "ERROR pynetdicom.assoc: aborting"
    assert found[2].startswith("ERROR pynetdicom.assoc: what it says may quote a document")
    assert PATIENT not in out.getvalue()


def test_python_itself_says_nothing_of_a_value() -> None:
    logs.set_up(logging.INFO, stream=(out := io.StringIO()))
    logs.nothing_else()
    warnings.warn(PATIENT, stacklevel=1)
    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    try:
        broken()
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    assert PATIENT not in out.getvalue()
    assert out.getvalue().count("CRITICAL dicom_printer: ended by an error; report it") == 2


def test_a_name_cannot_begin_a_line_of_its_own() -> None:
    logs.set_up(logging.INFO, stream=(out := io.StringIO()))
    own.info("file %s", "a\n<0>forged\x1b[2J")
    assert lines(out) == ["INFO dicom_printer.test: file a�<0>forged�[2J"]
