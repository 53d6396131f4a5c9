"""``recover``: a job table that was lost or damaged is rebuilt, and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jobs_made import commit

from dicom_printer.cli import main
from dicom_printer.jobs import look, table
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.journal import FILE_NAME
from dicom_printer.spool import JOBS, REJECTED, Spool
from dicom_printer.ticket import FILE_NAME as TICKET

CONFIG = """
[service]
spool = "spool"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = 104

[printer.DICOM_Printer]
workflow = "to_pacs"

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
"""
STATES = ("done", "discarded", "held", "begun", "new")


@pytest.fixture
def ids(spool: Spool) -> dict[str, str]:
    """A job in every state, as a service left them that has ended."""
    Path("dicom-printer.toml").write_text(CONFIG)
    engine = open_database(spool.database)
    store = Store(engine, journal=spool.journal)
    steps = Snapshot(defaults={}, steps=[{"action": "store", "remote": "pacs"}])
    made = {}
    for state in STATES:
        ticket = commit(spool, title=state, dedup=f"cups:{state}")
        spool.adopt(ticket.id)
        table.submit(store, ticket, steps, {})
        made[state] = ticket.id
        if state == "discarded":
            operate(store, ticket.id, Operation("discard", "anna", "not needed"))
        elif state != "new":
            running = table.claim(store)
            assert running is not None
            running.accept("pacs", 1, f"2.25.{len(made)}", 0)
            if state == "done":
                running.finish()
            elif state == "held":
                running.hold("remote refused", "no")
    engine.dispose()
    return made


def states(spool: Spool) -> dict[str, str]:
    engine = open_database(spool.database)
    found = {job["title"]: job["state"] for job in look.listing(Store(engine))}
    engine.dispose()
    return found


EXPECTED = {
    "done": "done", "discarded": "discarded", "held": "held", "begun": "ready", "new": "ready",
}  # fmt: skip


def test_damaged_table_is_kept_and_a_new_one_built(
    ids: dict[str, str], spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    spool.database.write_bytes(os.urandom(8192))
    assert main(["status"]) == 3
    assert "dicom-printer recover" in capsys.readouterr().err
    assert main(["recover"]) == 0
    out = capsys.readouterr().out
    assert "is damaged (file is not a database); it is kept as" in out
    for line in ("2 ready", "1 held", "1 done", "1 discarded"):
        assert f"rebuilt: {line}\n" in out
    assert f"{ids['held'][:8]} held: remote refused" in out
    assert states(spool) == EXPECTED
    (kept,) = spool.root.glob("jobs.sqlite3.damaged-*")
    assert kept.stat().st_size == 8192


def test_lost_table(ids: dict[str, str], spool: Spool, capsys: pytest.CaptureFixture[str]) -> None:
    spool.database.unlink()
    assert main(["recover"]) == 0
    assert "there is no job table" in capsys.readouterr().out
    assert states(spool) == EXPECTED
    assert main(["recover"]) == 0
    assert "nothing was missing: 5 jobs" in capsys.readouterr().out


def test_same_print_handed_over_again_is_known_after_it(ids: dict[str, str], spool: Spool) -> None:
    spool.database.unlink()
    assert main(["recover"]) == 0
    for state in ("done", "discarded"):
        spool.adopt(commit(spool, title=f"{state} again", dedup=f"cups:{state}").id)
    assert main(["recover"]) == 0
    # Handed over twice it is one print; what was discarded may be printed anew.
    assert states(spool) == EXPECTED | {"discarded again": "ready"}


def test_what_cannot_be_rebuilt_is_named_and_stays(
    ids: dict[str, str], spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    (spool.root / JOBS / ids["new"] / TICKET).write_text("{}")
    (spool.root / JOBS / ids["done"] / TICKET).write_text("{}")
    journal = spool.root / JOBS / ids["begun"] / FILE_NAME
    journal.unlink()
    journal.symlink_to("/dev/null")
    spool.database.unlink()
    assert main(["recover"]) == 1
    err = capsys.readouterr().err
    assert f"journal of job {ids['begun'][:8]} cannot be read" in err
    assert f"rejected/{ids['new']}" in err
    assert (spool.root / REJECTED / ids["new"] / "document.pdf").exists()
    assert states(spool) == {"done": "done", "discarded": "discarded", "held": "held"}
    journal.unlink()
    assert main(["recover"]) == 1
    assert states(spool)["begun"] == "ready"


def test_row_without_its_directory_is_named(
    ids: dict[str, str], spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    spool.remove(ids["held"])
    assert main(["recover"]) == 1
    assert f"job {ids['held'][:8]} has no directory" in capsys.readouterr().out


def test_not_while_the_service_runs(
    ids: dict[str, str], spool: Spool, capsys: pytest.CaptureFixture[str]
) -> None:
    with spool.only_service():
        assert main(["recover"]) == 3
    assert "stop it first" in capsys.readouterr().err
