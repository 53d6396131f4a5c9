"""The tables of the job store, and how its database is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event

from dicom_printer.errors import SpoolError
from dicom_printer.jobs import damage

VERSION = 2
"""Of the schema, kept in SQLite's ``user_version``; a newer file is refused, what an older one
lacks is added. 2 brought the films."""

metadata = sa.MetaData()

job = sa.Table(
    "job",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    # Two prints with the same text here are one print, handed over twice.
    sa.Column("dedup", sa.String(512), unique=True),
    sa.Column("printer", sa.String(128), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("user", sa.String(256), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False, default=""),
    sa.Column("error", sa.Text, nullable=False, default=""),
    # The workflow as it was when the job came in: {"defaults": {...}, "steps": [{...}]}.
    sa.Column("snapshot", sa.JSON, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("attributes", sa.JSON, nullable=False),
    # The remote this job waits for (ready) or holds an association of (running).
    sa.Column("remote", sa.String(128)),
    sa.Column("slot", sa.Integer),
    sa.Column("not_before", sa.Float),
    sa.Column("give_up_at", sa.Float),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("crashes", sa.Integer, nullable=False, default=0),
    sa.Column("fence", sa.Integer, nullable=False, default=0),
    # What an operator asked of a running job; its worker carries it out.
    sa.Column("request", sa.JSON),
    sa.Column("pages", sa.Integer),
    # Whose its pages are, as a digest, from before the first went out: none may go to another.
    sa.Column("sent_as", sa.String(64)),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    # The limit of a remote, enforced where nothing can get around it.
    sa.Index(
        "one_job_a_slot",
        "remote",
        "slot",
        unique=True,
        sqlite_where=sa.text("state = 'running' AND slot IS NOT NULL"),
        postgresql_where=sa.text("state = 'running' AND slot IS NOT NULL"),
    ),
    sa.Index("due", "state", "remote", "failures", "seq"),
)

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("remote", sa.String(128), primary_key=True),
    sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

film = sa.Table(
    "film",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    # Which film it is, not a SOP Instance UID: those are made anew for each attempt.
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("remote", sa.String(128), nullable=False),
    # Of several print steps for this remote, which; from 0.
    sa.Column("nth", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("pages", sa.JSON, nullable=False),
    # Written before the request to print goes out; from then on it may have been printed.
    sa.Column("sent", sa.Float, nullable=False),
    # The printer's answer; NULL while it is not known. A failure deletes the row.
    sa.Column("status", sa.Integer),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), index=True, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("what", sa.String(32), nullable=False),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.Column("user", sa.String(256), nullable=False, default=""),
)

remote = sa.Table(
    "remote",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("down_until", sa.Float, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)

node = sa.Table(
    "node",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("troubles", sa.JSON, nullable=False),
)


def open_database(path: Path) -> sa.Engine:
    """Open the embedded job table, making it where it is missing.

    Raises
    ------
    SpoolError
        Where it cannot be opened, is damaged, or was written by a newer version.
    """
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
    try:
        # Only read where there is nothing to make: who looks must not wait for who writes.
        with engine.connect().execution_options(reading=True) as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > VERSION:
            raise SpoolError(
                f"{path} was written by a newer version of DICOM Printer",
                "install that version again",
            )
        if version < VERSION:
            with engine.begin() as connection:
                metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    except sa.exc.DatabaseError as error:
        engine.dispose()
        in_order = "see that the disk is in order and that the file belongs to the service's user"
        raise SpoolError(
            f"{path} cannot be used: {error.orig}",
            damage.REMEDY if damage.is_damage(error.orig) else in_order,
        ) from None
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
