"""What all tests share: a spool, a job table with a clock that stands still, and a guard."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_made import Clock
from postgres import Postgres
from somebody_else import python_for_others

from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool

__all__ = ["python_for_others"]


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


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A verb that is called within a test sets up the log of the whole process."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.create()
    return made


# What must be the same on both databases; the rest is tested on SQLite alone.
BOTH = {"test_workflow.py", "test_intake.py", "test_service.py"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let the tests of the job table, and of what decides by it, run on both databases."""
    path, marks = Path(metafunc.definition.path), metafunc.definition.iter_markers("parametrize")
    stated = any(mark.args[0] == "database" for mark in marks)
    both = path.name in BOTH or path.parent.name == "jobs"
    if "database" in metafunc.fixturenames and both and not stated:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, with the database ``made`` that has our tables."""
    with Postgres() as server:
        server.execute("CREATE DATABASE made")
        open_database(server.address("made")).dispose()
        yield server


@pytest.fixture
def database(request: pytest.FixtureRequest, spool: Spool) -> Iterator[Path | str]:
    """Where the job table is: a file, or an address of PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield spool.database
        return
    server: Postgres = request.getfixturevalue("postgres")
    address = server.create("made")
    yield address
    server.drop(address)


@pytest.fixture
def store(database: Path | str, spool: Spool, clock: Clock) -> Iterator[Store]:
    engine = open_database(database)
    yield Store(engine, {"pacs": 1, "wide": 3}, clock, spool.journal)
    engine.dispose()
