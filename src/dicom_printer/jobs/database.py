"""The database of the job table: opened, made where it is missing, brought up to date.

SQLite in the spool where one service works alone; PostgreSQL where several nodes share the
jobs. Both are used by the same statements.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from dicom_printer import installed
from dicom_printer.config import Service
from dicom_printer.errors import ConfigError, SpoolError
from dicom_printer.jobs import damage
from dicom_printer.jobs.schema import alembic_version, metadata
from dicom_printer.jobs.versions import HEAD, OLDER

TROUBLES = (
    sa.exc.OperationalError,
    # PostgreSQL's answers that it ended the session or is a standby, and the driver's own.
    sa.exc.InternalError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
)
"""What passes by itself: a full disk, a lock, a server that is gone. Nothing was written."""

_SQLITE_VERSION = 3
"""``user_version`` of a file whose real version is in ``alembic_version``: an older service,
which looks at nothing else, refuses it."""

_LOCK_KEY = int.from_bytes(b"DICOMPRT")
LOCK = sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY))
"""Makes the transactions that decide over several rows serial, as SQLite's are anyway."""

# A node that is stopped in the middle of a transaction holds the others up for so long.
_SESSION = {
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "15s",
    "statement_timeout": "30s",
}
# Of libpq: a server whose machine is gone is noticed within half a minute.
_CONNECTION = {
    "application_name": "dicom-printer",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
}


def said(error: sa.exc.SQLAlchemyError) -> str:
    """Return what the database answered, and what to do about it; no value of a row."""
    cause: BaseException = getattr(error, "orig", None) or error
    # The lines behind the first may quote the row.
    text = str(cause).strip().partition("\n")[0]
    if type(cause).__module__.startswith("psycopg") or isinstance(error, sa.exc.TimeoutError):
        return (
            f"{text}; see that PostgreSQL runs and takes connections, and that [service] database "
            "names its host, user and database; the password may stand in ~/.pgpass"
        )
    if damage.is_damage(cause):
        return f"{text}; {damage.REMEDY}"
    return f"{text}; see `df`, what else has the job table open, and to whom it belongs"


def unusable(error: sa.exc.SQLAlchemyError, embedded: Path) -> Exception:
    """Return with what a service ends that cannot wait for its table; a bug as it is."""
    cause = getattr(error, "orig", None)
    if damage.is_damage(cause):
        return SpoolError(f"the job table {embedded} is damaged: {cause}", damage.REMEDY)
    if isinstance(error, TROUBLES):
        text, _, remedy = said(error).partition("; ")
        return SpoolError(f"the job table cannot be written: {text}", remedy)
    return error


def place(service: Service, embedded: Path) -> Path | str:
    """Return where the job table is: the spool's own file, unless an address is configured."""
    return service.database.get_secret_value() or embedded


def open_database(where: Path | str, *, upgrade: bool = False) -> sa.Engine:
    """Open the job table, making it where it is missing.

    Parameters
    ----------
    where : Path or str
        The file of SQLite, or the address of a PostgreSQL database.
    upgrade : bool
        Whether a table of an older version is brought up to date. Only the service does
        that: an older one may still run on it.

    Raises
    ------
    SpoolError
        Where it cannot be opened, is damaged, or was written by another version.
    ConfigError
        Where the address is none, or its driver is not installed.
    """
    engine = _sqlite(where) if isinstance(where, Path) else _postgresql(where)
    name = where if isinstance(where, Path) else "the job table in PostgreSQL"
    try:
        # Only read where there is nothing to make: who looks must not wait for who writes.
        with engine.connect().execution_options(reading=True) as c:
            found = _version(c)
        if found != HEAD:
            _refuse(found, str(name), upgrade)
            with engine.begin() as c:
                _bring_up(c, str(name), upgrade)
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        engine.dispose()
        text, _, remedy = said(error).partition("; ")
        raise SpoolError(f"{name} cannot be used: {text}", remedy) from None
    except SpoolError:
        engine.dispose()
        raise
    return engine


def _version(c: sa.Connection) -> str | None:
    """Return the version of the tables; None where there are none, "" of before versions."""
    tables = set(sa.inspect(c).get_table_names())
    if alembic_version.name in tables:
        return str(c.execute(sa.select(alembic_version.c.version_num)).scalar() or "")
    if c.dialect.name == "sqlite":
        number = c.exec_driver_sql("PRAGMA user_version").scalar_one()
        if number >= _SQLITE_VERSION:
            return f"SQLite {number}"
    return "" if "job" in tables else None


def _refuse(found: str | None, name: str, upgrade: bool) -> None:
    if found in OLDER and not upgrade:
        raise SpoolError(
            f"{name} was written by an older version of DICOM Printer",
            "(re)start the service: it brings the table up to date",
        )
    if found is not None and found not in OLDER | {HEAD}:
        raise SpoolError(
            f"{name} was written by a newer version of DICOM Printer",
            "install that version again",
        )


def _bring_up(c: sa.Connection, name: str, upgrade: bool) -> None:
    """Make the tables, or bring them up to date: one process at a time."""
    if c.dialect.name == "postgresql":
        c.exec_driver_sql("SET LOCAL lock_timeout = 0")
        c.exec_driver_sql("SET LOCAL statement_timeout = 0")
        c.execute(LOCK)
    found = _version(c)  # again: another one may have been faster
    if found is None:
        metadata.create_all(c)
        c.execute(sa.insert(alembic_version).values(version_num=HEAD))
    elif found != HEAD:
        _refuse(found, name, upgrade)
        from dicom_printer.jobs import migrations  # on use: looking must not pay for it

        migrations.upgrade(c)
    if c.dialect.name == "sqlite":
        c.exec_driver_sql(f"PRAGMA user_version = {_SQLITE_VERSION}")


def _sqlite(path: Path) -> sa.Engine:
    if not path.exists():
        # Made here and not by SQLite, so that it is never readable by anyone else.
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise SpoolError(f"{path} cannot be made: {error.strerror}") from None
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": 30}, hide_parameters=True
    )
    sa_event.listen(engine, "connect", _prepare)
    sa_event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin alone
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # NORMAL lost acknowledged jobs in a simulated power cut
        "busy_timeout = 30000",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A reader that became a writer later would fail at once with SQLITE_BUSY.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgresql(address: str) -> sa.Engine:
    try:
        url = sa.make_url(address).set(drivername="postgresql+psycopg")
    except (sa.exc.ArgumentError, ValueError):
        # Not the library's own words: they quote the address, and the password in it.
        raise ConfigError(
            "[service] database is no address of a database",
            "write postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; of the password, every "
            "character but letters and digits as %XX",
        ) from None
    arguments = {k: v for k, v in _CONNECTION.items() if k not in url.query}
    try:
        engine = sa.create_engine(
            url,
            connect_args=arguments,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
        )
    except ImportError:
        raise ConfigError(
            "[service] database needs the driver psycopg, which is not installed",
            installed.without_extra("postgresql"),
        ) from None
    sa_event.listen(engine, "connect", _limit)
    return engine


def _limit(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        for name, value in _SESSION.items():
            cursor.execute(f"SET {name} = '{value}'")
    connection.commit()
