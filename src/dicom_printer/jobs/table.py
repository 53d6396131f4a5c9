"""What the service does with the job table as a whole."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_printer.errors import OutcomeUnknownError, SpoolError
from dicom_printer.jobs import due, films
from dicom_printer.jobs.record import record
from dicom_printer.jobs.remotes import free_slot, used_slots
from dicom_printer.jobs.running import Running
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import Snapshot, State, Store, log
from dicom_printer.ticket import Ticket

logger = logging.getLogger(__name__)

CRASHES_ALLOWED = 3
"""How often the service may die while it works on a job, until the job is held."""

# Made once: SQLAlchemy takes longer to make a statement than SQLite to carry it out.
_SAME = sa.select(job.c.id).where(
    sa.or_(job.c.id == sa.bindparam("this"), job.c.dedup == sa.bindparam("print"))
)
_INSERT = sa.insert(job)


def submit(
    store: Store,
    ticket: Ticket,
    snapshot: Snapshot,
    attributes: Mapping[str, str],
    held: tuple[str, str] | None = None,
    remote: str | None = None,
) -> str | None:
    """Insert a job for a ticket whose directory lies in ``jobs``.

    Parameters
    ----------
    held : tuple of str, optional
        Reason and error with which to hold it from the start.
    remote : str, optional
        The remote that it needs first, so that it is not claimed before that has an
        association left.

    Returns
    -------
    str or None
        The id of the earlier job that this one repeats; None where it is new.
    """
    with store.writing() as (c, now):
        # One that has no `dedup` is as no other: no column is equal to NULL.
        earlier = c.execute(_SAME, {"this": ticket.id, "print": ticket.dedup or None}).scalar()
        if earlier is not None:
            if earlier != ticket.id:
                log(c, now, earlier, "repeated", "the same print was handed over again")
            return str(earlier)
        reason, error = held or ("", "")
        # When it was printed: the service may have been down since.
        created = min(now, _received(ticket) or now)
        values = {
            "id": ticket.id,
            "dedup": ticket.dedup or None,
            "printer": ticket.printer,
            "title": ticket.title,
            "user": ticket.user,
            "source": ticket.source,
            "state": State.HELD if held else State.READY,
            "reason": reason,
            "error": error,
            "snapshot": snapshot,
            "attributes": dict(attributes),
            "remote": None if held else remote,
            "created": created,
            "updated": now,
        }
        c.execute(_INSERT, values)
        log(c, now, ticket.id, "accepted", f"from {ticket.source}")
        if held:
            log(c, now, ticket.id, "held", error)
    return None


def first_remote(workflow: Snapshot) -> str | None:
    """Return the remote of the first step, None where it has none or may be skipped."""
    first = workflow["steps"][0] if workflow["steps"] else {}
    name = first.get("remote")
    return name if isinstance(name, str) and "when" not in first else None


def _received(ticket: Ticket) -> float | None:
    try:
        return datetime.fromisoformat(ticket.received).timestamp()
    except (ValueError, OverflowError):
        return None


def known(store: Store, ids: list[str]) -> set[str]:
    """Return those of `ids` that have a row."""
    with store.reading() as c:
        return set(c.execute(sa.select(job.c.id).where(job.c.id.in_(ids))).scalars())


_CLAIM = (
    sa.update(job)
    .where(job.c.seq == sa.bindparam("this"))
    .values(state=State.RUNNING, not_before=None, attempt=job.c.attempt + 1, fence=job.c.fence + 1)
)


def claim(store: Store) -> Running | None:
    """Take the next job that is due, and the association it waits for, if there is any.

    A job that has not failed yet goes before one that has, so that a document which a
    remote chokes on never stands in the way of the others.
    """
    with store.writing() as (c, now):
        due.wake(c, now)
        used = used_slots(c)
        full = [name for name in used if free_slot(c, store, name, used[name]) is None]
        row = c.execute(due.NEXT, {"full": full}).first()
        if row is None:
            return None
        slot = free_slot(c, store, row.remote, used.get(row.remote, set())) if row.remote else None
        taken = {"slot": slot, "owner": store.node, "updated": now}
        c.execute(_CLAIM, {"this": row.seq, **taken})
    return _running(store, row, slot)


def _running(store: Store, row: Any, slot: int | None) -> Running:
    return Running(
        store=store,
        id=row.id,
        printer=row.printer,
        snapshot=row.snapshot,
        step=row.step,
        attributes=dict(row.attributes),
        failures=row.failures,
        give_up_at=row.give_up_at,
        fence=row.fence + 1,
        remote=row.remote,
        created=row.created,
        updated=row.updated,
        reason=row.reason,
        error=row.error,
        pages=row.pages,
        sent_as=row.sent_as,
        slot=slot,
    )


def recover(store: Store, owners: Collection[str] | None = None) -> int:
    """Bring back what was running when its service died.

    Parameters
    ----------
    owners : collection of str, optional
        The nodes that died; every one where this service works alone.

    Returns
    -------
    int
        How many jobs were running.
    """
    dead = job.c.state == State.RUNNING
    if owners is not None:
        dead = sa.and_(dead, job.c.owner.in_(owners))
    with store.writing() as (c, now):
        # Whoever of them lives after all and writes for a job this moment, writes it first.
        rows = c.execute(sa.select(job).where(dead).with_for_update()).all()
        for row in rows:
            crashes = row.crashes + 1
            values: dict[str, Any] = {"state": State.READY, "remote": None}
            who = "the service" if row.owner in {None, store.node} else f"the node {row.owner}"
            why = f"{who} ended while it worked on this job, {crashes} times so far"
            if crashes >= CRASHES_ALLOWED:
                why += "; see the service's log, then `dicom-printer retry JOB`, or discard it"
                values |= {"state": State.HELD, "reason": "service died", "error": why}
            in_doubt = films.in_doubt(c, row.id)
            if in_doubt:
                # Whatever else is known: this must not be repeated by itself.
                error = films.unknown(in_doubt, "the service ended before the answer came")
                why, values["error"] = str(error), str(error)
                values |= {"state": State.HELD, "reason": OutcomeUnknownError.reason}
            c.execute(
                sa.update(job)
                .where(job.c.id == row.id)
                .values(slot=None, fence=row.fence + 1, crashes=crashes, updated=now, **values)
            )
            if values["state"] is State.HELD:
                _hold(store, c, now, row.id, why)
            else:
                log(c, now, row.id, "recovered", why)
    return len(rows)


def _hold(store: Store, c: sa.Connection, now: float, job_id: str, why: str) -> None:
    """Write down that a job is held; one whose journal takes nothing keeps no other waiting.

    Where the table is lost before it does, the films that it has in doubt hold the job again.
    """
    try:
        record(store, c, now, job_id, "held", why)
    except SpoolError as error:
        logger.warning("job %s: %s", job_id[:8], error)


def finished_before(store: Store, limit: float) -> list[str]:
    """Return the ids of at most 1000 jobs that ended before `limit`, oldest first."""
    with store.reading() as c:
        ended = job.c.state.in_([State.DONE, State.DISCARDED])
        query = sa.select(job.c.id).where(ended, job.c.updated < limit).order_by(job.c.seq)
        return list(c.execute(query.limit(1000)).scalars())


def forget(store: Store, ids: list[str]) -> None:
    """Delete the rows of jobs whose directories are gone."""
    with store.writing() as (c, _):
        c.execute(sa.delete(job).where(job.c.id.in_(ids)))
