"""Who only looks sees through sqlite3 what the service sees through SQLAlchemy."""

from __future__ import annotations

from pathlib import Path

from jobs_made import claim, submit

from dicom_printer.jobs import look
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.embedded import embedded
from dicom_printer.jobs.remotes import remote_down
from dicom_printer.jobs.store import Store


def filled(path: Path) -> Store:
    store = Store(open_database(path))
    submit(store, 1)
    submit(store, 2, printer="other")
    job = claim(store)
    job.pages = 2
    job.accept("pacs", 1, "2.25.1", 0xB000)
    remote_down(store, "pacs", "no answer", lambda _: 3600.0)
    job.suspend(store.clock() + 60, store.clock() + 3600, "remote unreachable", "no", counts=True)
    claim(store).hold("held by a person", "hold by a person", "anna")
    return store


def test_both_see_the_same(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = filled(path)
    with embedded(path) as reader:
        assert reader is not None
        assert look.listing(reader) == look.listing(store)
        assert len(look.listing(reader)) == 2
        assert look.counts(reader) == look.counts(store)
        assert look.remotes(reader) == look.remotes(store)
        assert look.last_error(reader) == look.last_error(store)
        assert look.nodes(reader) == look.nodes(store)
        for job in look.listing(store):
            assert look.show(reader, job["id"]) == look.show(store, job["id"])
            assert look.resolve(reader, job["id"].upper()) == job["id"]
    store.engine.dispose()


def test_what_is_not_this_version_is_left_to_who_knows(tmp_path: Path) -> None:
    with embedded(tmp_path / "missing.sqlite3") as reader:
        assert reader is None
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"no database" * 1000)
    with embedded(broken) as reader:
        assert reader is None
    older = tmp_path / "jobs.sqlite3"
    store = filled(older)
    with store.engine.begin() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with embedded(older) as reader:
        assert reader is None
    store.engine.dispose()
