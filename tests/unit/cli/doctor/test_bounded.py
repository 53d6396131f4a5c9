from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from dicom_printer.cli.doctor.bounded import Look, Unended, ended
from dicom_printer.cli.doctor.finding import Finding, Grade, fine
from dicom_printer.errors import QueueError


def silent() -> Iterator[Finding]:
    yield fine("share", "begins well")
    threading.Event().wait()


def test_a_look_that_does_not_end_is_a_finding_and_the_others_go_on() -> None:
    looks = [
        Look("share", silent, patience=5, cure="see its mount"),
        Look("next", lambda: [fine("next", f"{os.getpid()}")]),
    ]
    first, late, after = ended(looks)
    assert (first.found, after.check) == ("begins well", "next")
    assert isinstance(late, Unended)
    assert (late.check, late.grade, late.remedy) == ("share", Grade.WRONG, "see its mount")
    assert late.found == "the look at it did not end within 5 s"
    assert after.found != str(os.getpid()), "what a look changes of its process is its own"


def test_those_that_are_waited_for_are_waited_for_together() -> None:
    begin = time.monotonic()
    found = list(ended([Look("share", silent, patience=5) for _ in range(4)], at_once=4))
    assert [type(f) for f in found] == [Finding, Unended] * 4
    assert time.monotonic() - begin < 18


def test_one_that_cannot_be_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that stands still in the kernel: no signal reaches it."""
    spared: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: spared.append(pid))
    *_, late = ended([Look("share", silent, patience=5)])
    monkeypatch.undo()
    assert isinstance(late, Unended)
    os.kill(spared[0], signal.SIGKILL)
    os.waitpid(spared[0], 0)


def test_what_a_look_raises_is_a_finding_or_comes_out_here() -> None:
    def refuse() -> Iterator[Finding]:
        yield from ()
        raise QueueError("CUPS refused", "do this")

    def fault() -> Iterator[Finding]:
        return iter([fine("x", str(1 // 0))])

    (found,) = ended([Look("CUPS", refuse)])
    assert (found.check, found.grade, found.remedy) == ("CUPS", Grade.WRONG, "do this")
    with pytest.raises(RuntimeError, match=r"(?s)the look at sums:.*ZeroDivisionError"):
        list(ended([Look("sums", fault)]))


def test_one_that_is_killed_from_outside_is_a_finding() -> None:
    def killed() -> Iterator[Finding]:
        os.kill(os.getpid(), signal.SIGKILL)
        return iter([fine("x", "no")])

    (found,) = ended([Look("remote pacs", killed)])
    assert (found.check, found.found) == ("remote pacs", "the look at it was ended from outside")
