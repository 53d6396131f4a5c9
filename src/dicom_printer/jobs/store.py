"""What every part of the job table stands on: the connection, the clock, the words used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import sqlalchemy as sa

from dicom_printer.figures import Figures
from dicom_printer.jobs.schema import event
from dicom_printer.journal import Journal

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
        From :func:`dicom_printer.jobs.open_database`.
    limits : mapping of str to int
        How many associations each remote admits; 1 for a remote that is not named.
    clock : callable
        Seconds since the epoch.
    journal : Journal, optional
        What is written beside the documents, so that the database can be rebuilt.
    figures : Figures
        Where what is done with this table is counted.
    """

    engine: sa.Engine
    limits: Mapping[str, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    journal: Journal | None = None
    figures: Figures = field(default_factory=Figures)

    @contextmanager
    def writing(self) -> Iterator[tuple[sa.Connection, float]]:
        """Begin a transaction that writes, and tell its time."""
        with self.engine.begin() as connection:
            yield connection, self.clock()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Begin a transaction that only reads, and never waits for a writer."""
        with self.engine.connect() as connection:
            yield connection.execution_options(reading=True)


def log(
    c: sa.Connection, now: float, job_id: str, what: str, detail: str = "", user: str = ""
) -> None:
    """Add an event to a job's history."""
    c.execute(sa.insert(event).values(job=job_id, at=now, what=what, detail=detail, user=user))
