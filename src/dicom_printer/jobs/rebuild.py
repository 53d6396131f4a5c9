"""Rows from journals: where the table lost a job, or is older than what happened to it.

A database that was lost, or restored from a copy, or whose write-ahead log is gone, knows less
than the journals beside the documents. To carry its jobs on from there would send again what
was sent, and print again what was printed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from dicom_printer.errors import OutcomeUnknownError, SpoolError
from dicom_printer.jobs import films
from dicom_printer.jobs.record import record
from dicom_printer.jobs.running import Running
from dicom_printer.jobs.schema import event, film, instance, job
from dicom_printer.jobs.store import State, Store, log
from dicom_printer.journal import History
from dicom_printer.journal import State as Written

logger = logging.getLogger(__name__)

_SLACK_S = 2.0
_ENDED = {State.DONE, State.DISCARDED}


def insert(store: Store, job_id: str) -> State | None:
    """Insert the row of a job as its journal has it; films in doubt hold the job.

    Returns
    -------
    State or None
        How it stands; None where it has a row already, or no journal that says how it stood.

    Raises
    ------
    SpoolError
        Where the journal cannot be read.
    """
    history = store.journal.read(job_id) if store.journal else None
    if history is None or history.job is None:
        return None
    with store.writing() as (c, now):
        if c.execute(sa.select(job.c.id).where(job.c.id == job_id)).first() is not None:
            return None
        c.execute(sa.insert(job).values(id=job_id, **_columns(c, job_id, history, history.job)))
        for each in history.events:
            c.execute(sa.insert(event).values(job=job_id, **each.model_dump()))
        log(c, now, job_id, "rebuilt", "the job table did not have this job; its journal did")
        return _complete(store, c, now, job_id, history)


def catch_up(store: Store, ids: Iterable[str]) -> list[str]:
    """Bring the rows up to date that are older than their journals, and begin missing journals.

    Called before anything is taken up again: that would make the rows look new. A journal that
    cannot be read concerns only its own job: :func:`overtaken` asks for it again.

    Returns
    -------
    list of str
        The ids of the jobs whose rows were behind.
    """
    if store.journal is None:
        return []
    with store.reading() as c:
        query = sa.select(job.c.id, job.c.updated, job.c.state, job.c.attempt, job.c.fence)
        rows = {row.id: row for row in c.execute(query)}
    behind = []
    for job_id in ids:
        try:
            if job_id in rows and _looked_after(store, rows[job_id]):
                behind.append(job_id)
        except SpoolError as error:
            # Nothing of this job goes out before its journal can be read: the others go on.
            logger.warning("%s", error)
    return behind


def _looked_after(store: Store, row: Any) -> bool:
    """Begin a missing journal; tell whether a row was behind the one that it has."""
    written = store.journal.written(row.id) if store.journal else None
    if written is None:
        if row.attempt or row.state != State.READY:
            with store.writing() as (c, now):  # a job of a version that had no journals
                record(store, c, now, row.id, durable=False)
        return False
    if row.state in _ENDED and written <= row.updated + _SLACK_S:
        return False  # nearly all: theirs need not be read
    return caught_up(store, row.id)


def overtaken(running: Running) -> bool:
    """Bring a claimed row up to date where it is older than its journal; tell whether it was.

    A table may be replaced by a copy while a service is at work on it, PostgreSQL's above all.
    The worker has lost the job then: it is claimed again as it stands.

    Raises
    ------
    SpoolError
        Where the journal cannot be read: nothing may be sent before it can.
    """
    store = running.store
    history = store.journal.read(running.id) if store.journal else None
    # The claim itself has counted up the fence, and written the row.
    if history is None or not _is_behind((running.fence - 1, running.updated), history):
        return False
    with store.writing() as (c, now):
        running.confirm(c, now)
        _bring_up(store, c, now, running.id, history)
    return True


def _is_behind(row: tuple[int, float], history: History) -> bool:
    """Tell whether a row with this fence and time is older than its journal."""
    return history.job is not None and row < (history.fence, history.job.updated)


def caught_up(store: Store, job_id: str) -> bool:
    """Bring one row up to date, before a person decides on it; False where it was."""
    history = store.journal.read(job_id) if store.journal else None
    with store.reading() as c:
        row = c.execute(_MOMENT.where(job.c.id == job_id)).first()
    if row is None or history is None or not _is_behind((row.fence, row.updated), history):
        return False
    with store.writing() as (c, now):
        # A line is written under the lock of its row, so what is read now is one moment.
        row = c.execute(_MOMENT.where(job.c.id == job_id).with_for_update()).first()
        history = store.journal.read(job_id) if store.journal else None
        if row is None or history is None or not _is_behind((row.fence, row.updated), history):
            return False
        _bring_up(store, c, now, job_id, history)
    return True


_MOMENT = sa.select(job.c.fence, job.c.updated)


def _bring_up(store: Store, c: sa.Connection, now: float, job_id: str, history: History) -> None:
    columns = _columns(c, job_id, history, history.job) if history.job else {}
    c.execute(sa.update(job).where(job.c.id == job_id).values(columns))
    log(c, now, job_id, "rebuilt", "the job table was older than the job's journal")
    _complete(store, c, now, job_id, history)


def _columns(c: sa.Connection, job_id: str, history: History, was: Written) -> dict[str, Any]:
    """Return the values of a row: what was running or suspended comes at once."""
    columns = was.model_dump() | {"fence": history.fence + 1, "slot": None, "not_before": None}
    columns["request"] = was.request or sa.null()
    if was.state not in {State.HELD, *_ENDED}:
        columns |= {"state": State.READY, "remote": None}
    same = sa.and_(job.c.dedup == was.dedup, job.c.id != job_id)
    if was.dedup and c.execute(sa.select(job.c.id).where(same)).first() is not None:
        columns["dedup"] = None  # the other one stands for this print as well
    return columns


def _complete(store: Store, c: sa.Connection, now: float, job_id: str, history: History) -> State:
    """Add instances and films to a row, and hold a job of which something is not known."""
    _add_instances(c, job_id, history)
    c.execute(sa.delete(film).where(film.c.job == job_id))
    for key, each in history.films.items():
        c.execute(sa.insert(film).values(job=job_id, key=key, **each.model_dump()))
    state = State(c.execute(sa.select(job.c.state).where(job.c.id == job_id)).scalar_one())
    doubtful = films.in_doubt(c, job_id)
    if state is not State.READY or not (doubtful or history.damaged):
        return state
    values: dict[str, Any] = {"state": State.HELD, "updated": now}
    if doubtful:
        error = str(films.unknown(doubtful, "the job table was lost before the answer came"))
        values |= {"reason": OutcomeUnknownError.reason}
    else:
        error = _damage(history)
        values |= {"reason": "journal damaged"}
    values["error"] = error
    c.execute(sa.update(job).where(job.c.id == job_id).values(values))
    record(store, c, now, job_id, "held", error)
    return State.HELD


def unreadable(store: Store, job_id: str) -> tuple[str, str] | None:
    """Return with what to hold a job whose journal says only that there was something.

    To begin it as a new one would print again what was printed. None where there is nothing
    that cannot be read.
    """
    history = store.journal.read(job_id) if store.journal else None
    if history is None or not history.damaged:
        return None
    reason = "journal damaged"
    return reason, _damage(history)


def _damage(history: History) -> str:
    lines = ", ".join(map(str, history.damaged[:5]))
    return (
        f"its journal cannot be read in line {lines}: pages or films may go out again; "
        "see what has arrived, then `dicom-printer retry JOB`, or discard it"
    )


def _add_instances(c: sa.Connection, job_id: str, history: History) -> None:
    query = sa.select(instance.c.remote, instance.c.sop_instance_uid)
    known = {tuple(row) for row in c.execute(query.where(instance.c.job == job_id))}
    for key, each in history.accepted.items():
        if key not in known:
            c.execute(sa.insert(instance).values(job=job_id, **each.model_dump()))
