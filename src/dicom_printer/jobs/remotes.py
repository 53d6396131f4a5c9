"""The remotes in the job table: their associations in use, which of them are down, which up.

A remote has a row from when it was first asked: with failures while it is down, with none
since it answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.jobs.schema import CONNECTED, job, remote
from dicom_printer.jobs.store import AHEAD_S, WAITS_FOR_REMOTE, State, Store

# Made once: SQLAlchemy takes longer to make a statement than SQLite to carry it out.
_USED = sa.select(job.c.remote, job.c.slot).where(CONNECTED)
_REMOTE = sa.select(remote).where(remote.c.name == sa.bindparam("remote"))
_FAILING = sa.select(remote.c.name).where(
    remote.c.name == sa.bindparam("remote"), remote.c.failures > 0
)


@dataclass(frozen=True)
class Down:
    """A remote that did not answer when it was last asked."""

    until: float
    error: str


def down(c: sa.Connection, name: str, now: float) -> Down | None:
    """Return whether a remote is known to be down, so that it need not be asked again yet."""
    row = c.execute(_REMOTE, {"remote": name}).first()
    if row is None or row.down_until <= now or row.updated > now + AHEAD_S:
        return None
    return Down(row.down_until, row.error)


def used_slots(c: sa.Connection) -> dict[str, set[int]]:
    """Return the associations in use, by remote."""
    used: dict[str, set[int]] = {}
    for row in c.execute(_USED):
        used.setdefault(row.remote, set()).add(row.slot)
    return used


def free_slot(c: sa.Connection, store: Store, name: str, used: set[int]) -> int | None:
    """Return the lowest association of a remote that is not in use, None where all are."""
    # A remote that failed is tried by one job at a time until it answers again.
    failing = c.execute(_FAILING, {"remote": name}).first()
    limit = 1 if failing else store.limits.get(name, 1)
    return next((slot for slot in range(limit) if slot not in used), None)


def remote_down(store: Store, name: str, error: str, delay: Callable[[int], float]) -> float:
    """Record that a remote did not answer, and put off the jobs that wait for it.

    Parameters
    ----------
    delay : callable
        Seconds to wait after so many failures in a row.

    Returns
    -------
    float
        When it is tried again, in seconds since the epoch.
    """
    with store.writing() as (c, now):
        row = c.execute(_REMOTE, {"remote": name}).first()
        failures = row.failures + 1 if row else 1
        until = now + delay(failures)
        values = {"failures": failures, "down_until": until, "error": error, "updated": now}
        _put(c, row, name, values if row and row.failures else values | {"since": now})
        c.execute(
            sa.update(job)
            # Those too that were woken, by the clock or by an answer, and had no turn since.
            .where(_waits_for(name), sa.func.coalesce(job.c.not_before, now) < until)
            .values(not_before=until, updated=now)
        )
    return until


def remote_up(store: Store, name: str) -> None:
    """Record that a remote answers, and let every job come that waits for it."""
    with store.reading() as c:
        row = c.execute(_REMOTE, {"remote": name}).first()
        if row is not None and row.failures == 0:
            return  # as nearly always: nothing to write
    with store.writing() as (c, now):
        row = c.execute(_REMOTE, {"remote": name}).first()
        _put(c, row, name, {"failures": 0, "down_until": 0.0, "since": now, "error": ""})
        c.execute(sa.update(job).where(_waits_for(name)).values(not_before=None, updated=now))


def _put(c: sa.Connection, row: object, name: str, values: dict[str, Any]) -> None:
    if row:
        c.execute(sa.update(remote).where(remote.c.name == name).values(values))
    else:
        c.execute(sa.insert(remote).values(name=name, **values))


def _waits_for(name: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        job.c.state == State.READY, job.c.remote == name, job.c.reason == WAITS_FOR_REMOTE
    )
