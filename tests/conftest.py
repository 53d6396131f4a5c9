"""What all tests share: a spool, a job table with a clock that stands still, and a guard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_made import Clock

from dicom_printer.jobs.schema import open_database
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool


@pytest.fixture(autouse=True)
def _no_strangers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep every test away from the machine's own configuration and CUPS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DICOM_PRINTER_CONFIG", str(tmp_path / "dicom-printer.toml"))
    monkeypatch.setenv("CUPS_SERVER", str(tmp_path / "no-cups"))
    for name in ("NOTIFY_SOCKET", "DICOM_PRINTER_SPOOL"):
        monkeypatch.delenv(name, raising=False)
    assert os.environ["CUPS_SERVER"].startswith(str(tmp_path))


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    """Give the umask back: a verb that runs in the test's process narrows it for good."""
    was = os.umask(0o022)
    os.umask(was)
    yield
    os.umask(was)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.create()
    return made


@pytest.fixture
def store(spool: Spool, clock: Clock) -> Iterator[Store]:
    engine = open_database(spool.database)
    yield Store(engine, {"pacs": 1, "wide": 3}, clock, spool.journal)
    engine.dispose()
