from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dicom_printer import queues
from dicom_printer.cli.doctor import printing
from dicom_printer.cli.doctor.finding import Finding, Grade
from dicom_printer.config import Config
from dicom_printer.errors import QueueError
from dicom_printer.queues import Queue

QUEUE = Queue("P", "P", "", (), Path("/spool"))
DISCREET = """
LogLevel warn
PreserveJobFiles No
PreserveJobHistory Off   # nor titles
<Policy default>
  JobPrivateValues all
</Policy>
"""


def seen(**fields: object) -> dict[str, Any]:
    usual = {"state": "idle", "accepting": True, "jobs": 0, "held": [], "stopped": []}
    return usual | {"hidden": 0, "message": ""} | fields


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, Path]:
    """Return a backend in its place, and ours that it came from."""
    source, target = tmp_path / "ours", tmp_path / "backend" / "dicom"
    target.parent.mkdir()
    source.write_text("#!")
    target.write_text("#!")
    target.chmod(0o700)
    return target, source


def test_a_backend_in_order(installed: tuple[Path, Path]) -> None:
    assert printing.backend(*installed).grade is Grade.FINE


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o770, 0o500])
def test_a_backend_of_another_mode(installed: tuple[Path, Path], mode: int) -> None:
    installed[0].chmod(mode)
    found = printing.backend(*installed)
    assert (found.grade, f"{mode:04o}" in found.found) == (Grade.WRONG, True)
    assert "install -o root -g root -m 0700" in found.remedy


def test_a_backend_that_is_missing_a_link_or_of_another_version(
    installed: tuple[Path, Path],
) -> None:
    target, source = installed
    target.write_text("#! older")
    assert "of another version" in printing.backend(target, source).found
    target.unlink()
    assert printing.backend(target, source).found == "is missing"
    target.symlink_to(source)
    assert "is no regular file" in printing.backend(target, source).found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_backend_of_another_owner(installed: tuple[Path, Path]) -> None:
    os.chown(installed[0], 1, 1)
    assert "belongs to user 1" in printing.backend(*installed).found


@pytest.mark.parametrize(
    ("different", "fields", "said"),
    [
        ([], {}, ["idle, as the configuration has it"]),
        (["PPD"], {}, ["is not as the configuration has it: the fields of its print dialog (PPD)"]),
        (["job-sheets-default"], {}, ["is not as the configuration has it: job-sheets-default"]),
        (
            [],
            {"state": "stopped", "message": "spool", "jobs": 2, "accepting": False},
            ["CUPS has stopped it (spool)", "CUPS takes no jobs for it"],
        ),
        ([], {"jobs": 1, "stopped": [7]}, ["CUPS has stopped at job 7, and tries no more"]),
        (None, {}, ["is not installed in CUPS"]),
    ],
)  # fmt: skip
def test_a_queue(
    monkeypatch: pytest.MonkeyPatch, different: list[str] | None, fields: dict[str, object],
    said: list[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(queues, "differences", lambda _: different)
    found = list(printing.queue(QUEUE, seen(**fields)))
    assert [f.found for f in found] == said
    assert all((f.grade is Grade.FINE) == (not f.remedy) for f in found)


def test_a_queue_of_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Queue) -> list[str]:
        raise QueueError("the queue P in CUPS belongs to another program", "rename it")

    monkeypatch.setattr(queues, "differences", refuse)
    (found,) = printing.queue(QUEUE, None)
    assert (found.grade, found.remedy) == (Grade.WRONG, "rename it")


def grades(found: list[Finding]) -> list[Grade]:
    return [f.grade for f in found]


def test_a_cups_that_keeps_nothing() -> None:
    assert grades(list(printing.privacy(DISCREET))) == [Grade.FINE]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("PreserveJobFiles No", "", "PreserveJobFiles"),
        ("PreserveJobFiles No", "PreserveJobFiles 3600", "PreserveJobFiles"),
        ("PreserveJobHistory Off", "#", "PreserveJobHistory"),
        ("LogLevel warn", "LogLevel debug2", "LogLevel"),
        ("JobPrivateValues all", "JobPrivateValues default", "(policies default)"),
        ("<Policy default>", "<Policy a>\n</Policy>\n<Policy b>", "(policies a)"),
    ],
)
def test_a_cups_that_tells_of_patients(old: str, new: str, said: str) -> None:
    (found,) = printing.privacy(DISCREET.replace(old, new))
    assert (found.grade, said in found.found) == (Grade.WARNING, True)


def test_cupsd_confined_by_apparmor(tmp_path: Path) -> None:
    profiles, profile = tmp_path / "profiles", tmp_path / "usr.sbin.cupsd"
    assert printing.apparmor(profiles, profile).found == "is not in use"
    profiles.write_text("/usr/sbin/cupsd (complain)\n")
    assert printing.apparmor(profiles, profile).found == "does not confine cupsd"
    profiles.write_text("/usr/sbin/cupsd (enforce)\n")
    assert printing.apparmor(profiles, profile).grade is Grade.WARNING
    profile.write_text("/usr/lib/cups/backend/* Cx -> third_party,")
    assert printing.apparmor(profiles, profile).grade is Grade.FINE


def test_without_cups_and_with_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = Config.model_validate({"service": {"spool": tmp_path}})
    monkeypatch.setattr(queues, "cups_backends", lambda: None)
    assert grades(list(printing.look(config))) == [Grade.WARNING]

    def refuse() -> Any:
        raise QueueError("CUPS cannot be reached")

    monkeypatch.setattr(queues, "cups_backends", lambda: tmp_path)
    monkeypatch.setattr(queues, "listing", refuse)
    assert list(printing.look(config))[-1].found == "CUPS cannot be reached"
    monkeypatch.setattr(queues, "listing", list)
    monkeypatch.setattr(queues, "server_configuration", refuse)
    assert grades(list(printing.look(config)))[-2:] == [Grade.FINE, Grade.UNSEEN]
