import sqlite3
import stat

import pytest

from dicom_printer.errors import SpoolError
from dicom_printer.jobs.schema import VERSION, open_database
from dicom_printer.spool import Spool


def test_the_database_is_for_its_owner_and_survives_a_power_cut(spool: Spool) -> None:
    engine = open_database(spool.database)
    with engine.begin() as c:
        assert c.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert c.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert c.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    for path in spool.root.glob("jobs.sqlite3*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    engine.dispose()


def test_a_newer_database_is_refused(spool: Spool) -> None:
    open_database(spool.database).dispose()
    with sqlite3.connect(spool.database) as c:
        c.execute(f"PRAGMA user_version = {VERSION + 1}")
    c.close()
    with pytest.raises(SpoolError, match="newer version"):
        open_database(spool.database)


def test_what_is_no_database_is_refused(spool: Spool) -> None:
    spool.database.write_bytes(b"not a database" * 100)
    with pytest.raises(SpoolError, match="cannot be used"):
        open_database(spool.database)


def test_an_older_database_gets_what_it_lacks(spool: Spool) -> None:
    open_database(spool.database).dispose()
    with sqlite3.connect(spool.database) as c:
        c.execute("DROP TABLE film")
        c.execute("PRAGMA user_version = 1")
    c.close()
    engine = open_database(spool.database)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM film").scalar_one() == 0
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == VERSION
    engine.dispose()
