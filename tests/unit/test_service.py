"""How the service begins where its job table does not let it; the rest is in the e2e tests."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from jobs_made import claim, submit

from dicom_printer.config import Config
from dicom_printer.errors import SpoolError
from dicom_printer.jobs import look, table
from dicom_printer.jobs.nodes import Node
from dicom_printer.jobs.store import Store
from dicom_printer.service import Service, _look_after
from dicom_printer.spool import Spool


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (
            sqlite3.OperationalError("database or disk is full"),
            SpoolError,
            "disk is full; see `df`",
        ),
        (sqlite3.ProgrammingError("no such column"), sa.exc.ProgrammingError, "no such column"),
    ],
)
def test_table_that_cannot_be_written_when_the_service_begins(
    error: sqlite3.Error, raised: type[Exception], said: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(_self: Node) -> None:
        kind = getattr(sa.exc, type(error).__name__)
        raise kind("UPDATE node", {}, error)

    monkeypatch.setattr(Node, "join", full)
    config = Config.model_validate({"service": {"spool": tmp_path / "spool"}})
    with pytest.raises(raised, match=said):
        Service(config).run()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_table_that_is_damaged_holds_no_job(store: Store) -> None:
    submit(store, 1)
    running = claim(store)
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with pytest.raises(sa.exc.DatabaseError):
        _look_after(running, sa.exc.DatabaseError("UPDATE job", {}, damage))
    assert [job["state"] for job in look.listing(store)] == ["running"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_turn_deletes_no_more_than_the_watchdog_waits_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = iter([["one"], ["two"], []])
    removed: list[str] = []
    monkeypatch.setattr(table, "finished_before", lambda *_: next(batches))

    def remove(_self: Spool, job_id: str) -> bool:
        removed.append(job_id)
        return True

    monkeypatch.setattr(Spool, "remove", remove)
    service = Service(Config.model_validate({"service": {"spool": tmp_path / "spool"}}))
    service._spool.create()
    service._store = store
    for wanted in (["one"], ["one", "two"]):
        service._next_housekeeping = 600.0
        service._keep_house()
        assert removed == wanted
        assert service._next_housekeeping == 0.0  # the next turn goes on
    service._next_housekeeping = 600.0
    service._keep_house()
    assert service._next_housekeeping == 600.0
