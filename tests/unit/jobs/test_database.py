import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import Postgres

from dicom_printer.errors import ConfigError, SpoolError
from dicom_printer.jobs.database import open_database, said
from dicom_printer.jobs.schema import alembic_version
from dicom_printer.jobs.versions import HEAD
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


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_newer_database_is_refused(database: Path | str, upgrade: bool) -> None:
    engine = open_database(database)
    with engine.begin() as c:
        c.execute(sa.update(alembic_version).values(version_num="9999"))
    engine.dispose()
    with pytest.raises(SpoolError, match="newer version"):
        open_database(database, upgrade=upgrade)


def test_a_file_of_a_newer_version_that_has_no_alembic_is_refused(spool: Spool) -> None:
    with sqlite3.connect(spool.database) as c:
        c.execute("PRAGMA user_version = 4")
    c.close()
    with pytest.raises(SpoolError, match="newer version"):
        open_database(spool.database)


def test_an_older_service_refuses_the_file(spool: Spool) -> None:
    open_database(spool.database).dispose()
    with sqlite3.connect(spool.database) as c:
        assert c.execute("PRAGMA user_version").fetchone() == (3,)
    c.close()


def test_what_is_no_database_is_refused(spool: Spool) -> None:
    spool.database.write_bytes(b"not a database" * 100)
    with pytest.raises(SpoolError, match="cannot be used"):
        open_database(spool.database)


def test_it_is_opened_again_as_it_was(database: Path | str) -> None:
    open_database(database).dispose()
    engine = open_database(database)
    with engine.begin() as c:
        assert c.execute(sa.select(alembic_version.c.version_num)).scalar_one() == HEAD
    engine.dispose()


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(SpoolError) as caught:
        open_database("postgresql://anna:geheim@127.0.0.1:1/jobs")
    assert "see that PostgreSQL runs" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("address", ["postgresql://anna:ge@heim:x@y/z", "postgresql://"])
def test_an_address_that_cannot_be_read_is_not_quoted(address: str) -> None:
    with pytest.raises((ConfigError, SpoolError)) as caught:
        open_database(address)
    assert "heim" not in str(caught.value)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install .*psycopg\[binary\]"):
        open_database("postgresql+psycopg://anna@127.0.0.1/jobs")


def test_what_the_database_says_of_a_row_is_not_repeated(postgres: Postgres) -> None:
    address = postgres.create()
    engine = sa.create_engine(address, hide_parameters=True)
    with engine.connect() as c:
        c.exec_driver_sql("CREATE TABLE t (name TEXT UNIQUE)")
        c.exec_driver_sql("INSERT INTO t VALUES ('Meier^Anna')")
        with pytest.raises(sa.exc.IntegrityError) as caught:
            c.exec_driver_sql("INSERT INTO t VALUES ('Meier^Anna')")
    engine.dispose()
    postgres.drop(address)
    assert "Meier" in str(caught.value.orig)
    assert "Meier" not in said(caught.value)


def test_a_transaction_that_hangs_is_ended_by_the_server(postgres: Postgres) -> None:
    engine = open_database(postgres.address("made"))
    with engine.connect() as c:
        for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
            assert c.exec_driver_sql(f"SHOW {name}").scalar_one() in {"5s", "15s", "30s"}
        assert c.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
    engine.dispose()
