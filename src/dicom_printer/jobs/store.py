"""What every part of the job table stands on: the connection, the clock, the words used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import sqlalchemy as sa

from dicom_printer.figures import Figures
from dicom_printer.jobs.database import LOCK
from dicom_printer.jobs.embedded import Rows
from dicom_printer.jobs.schema import event
from dicom_printer.journal import Journal

AHEAD_S = 5.0
"""What was written this far in the future was written before the clock was set back."""

BELL = "dicom_printer"
"""The channel on which PostgreSQL tells that something changed; it is no more than a doorbell."""

_ASKED_EVERY_S = 20.0
_TURN_S = 1.0
_EVENT = sa.insert(event)
_CLOCK = sa.select(sa.extract("epoch", sa.func.clock_timestamp()))

WAITS_FOR_REMOTE = "remote unreachable"
"""The reason of the jobs that are woken together when their remote answers again."""


class State(StrEnum):
    """Where a job stands. Suspended is ready with a time before which it is not due."""

    READY = "ready"
    RUNNING = "running"
    HELD = "held"
    DONE = "done"
    DISCARDED = "discarded"


class Snapshot(TypedDict):
    """The workflow as it was when the job came in."""

    defaults: dict[str, str]
    steps: list[dict[str, Any]]


@dataclass
class Store:
    """The database, with the limits it enforces.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        From :func:`dicom_printer.jobs.database.open_database`.
    limits : mapping of str to int
        How many associations each remote admits; 1 for a remote that is not named.
    clock : callable
        Seconds since the epoch. Left as it is, it is the database's own on PostgreSQL.
    journal : Journal, optional
        What is written beside the documents, so that the database can be rebuilt.
    node : str
        The name of the service that claims jobs; empty for who claims none.
    figures : Figures
        Where what is done with this table is counted.
    """

    engine: sa.Engine
    limits: Mapping[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    journal: Journal | None = None
    figures: Figures = field(default_factory=Figures)
    node: str = ""

    def __post_init__(self) -> None:
        options: dict[str, Any] = {"reading": True}
        self._server: ServerClock | None = None
        if self.shared:
            # What is read in one go belongs together, as on SQLite.
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            if self.clock is time.time:
                self.clock = self._server = ServerClock(self.engine)
        self._turn = threading.Lock()
        self._reader = self.engine.execution_options(**options)

    @property
    def shared(self) -> bool:
        """Whether several nodes may work on this database."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def writing(self) -> Iterator[tuple[sa.Connection, float]]:
        """Begin a transaction that decides over several rows, and tell its time.

        Only one of these goes on at a time, whichever process or node began it.
        """
        with self._in_turn(), self.engine.begin() as c:
            if self.shared:
                c.execute(LOCK)
            yield c, self._now(c)

    @contextmanager
    def fenced(self) -> Iterator[tuple[sa.Connection, float]]:
        """Begin a transaction that writes for one claimed job, and tell its time.

        Its first statement must be the update that proves the claim: from there on, the job's
        row is locked, and who takes the job back waits for the end.
        """
        with self._in_turn(), self.engine.begin() as c:
            yield c, self._now(c)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait for the other threads that write: SQLite looks again only after up to 0.1 s.

        Its own lock is the one that counts, and has the time-out.
        """
        has_turn = not self.shared and self._turn.acquire(timeout=_TURN_S)
        try:
            yield
        finally:
            if has_turn:
                self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Begin a transaction that only reads, and never waits for a writer."""
        with self._reader.connect() as c:
            yield c

    @contextmanager
    def snapshot(self) -> Iterator[Rows]:
        """Begin a transaction that only reads, for statements as text."""
        with self.reading() as c:
            yield lambda statement, **named: [
                dict(row) for row in c.execute(sa.text(statement), named).mappings()
            ]

    def _now(self, c: sa.Connection) -> float:
        return self._server.read(c) if self._server else self.clock()


class ServerClock:
    """The database's clock, the same for all nodes; asked every few seconds, reckoned between.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of PostgreSQL.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._asked: tuple[float, float] | None = None

    def __call__(self) -> float:
        """Return the time, in seconds since the epoch."""
        asked = self._asked
        if asked is None or time.monotonic() - asked[0] > _ASKED_EVERY_S:
            with self._engine.connect() as c:
                return self.read(c)
        return asked[1] + time.monotonic() - asked[0]

    def read(self, c: sa.Connection) -> float:
        """Ask the database in a transaction that is going on."""
        now = float(c.execute(_CLOCK).scalar_one())
        self._asked = time.monotonic(), now
        return now


def log(
    c: sa.Connection, now: float, job_id: str, what: str, detail: str = "", user: str = ""
) -> None:
    """Add an event to a job's history, and ring the bell of the other nodes."""
    values = {"job": job_id, "at": now, "what": what, "detail": detail, "user": user}
    c.execute(_EVENT, values)
    if c.dialect.name == "postgresql":
        c.execute(sa.select(sa.func.pg_notify(BELL, "")))
