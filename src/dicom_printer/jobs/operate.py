"""What a person does to a job: hold, release, retry, cancel, discard. Each is recorded.

A job that is running belongs to its worker: it is asked, and the worker carries it out
at the next page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.errors import JobStateError, NoSuchJobError, OutcomeUnknownError
from dicom_printer.jobs import films, rebuild
from dicom_printer.jobs.record import record
from dicom_printer.jobs.schema import job, remote
from dicom_printer.jobs.store import Snapshot, State, Store

BY_PERSON = "by a person"

_FROM = {
    "hold": {State.READY, State.RUNNING},
    "release": {State.HELD},
    "retry": {State.HELD, State.READY, State.DISCARDED},
    "cancel": {State.READY, State.RUNNING, State.HELD},
    "discard": {State.READY, State.RUNNING, State.HELD},
}


@dataclass(frozen=True)
class Operation:
    """What is to be done, who wants it, and why.

    Attributes
    ----------
    verb : str
        One of hold, release, retry, cancel, discard.
    user : str
        The name of the person, for the job's history.
    reason : str
        Their words; ``discard`` cannot do without.
    """

    verb: str
    user: str
    reason: str = ""

    @property
    def text(self) -> str:
        """The sentence for the job's history."""
        return f"{self.verb} {BY_PERSON}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Fresh:
    """What a job that begins anew begins with.

    Attributes
    ----------
    snapshot : Snapshot
        The workflow as it is configured now.
    attributes : mapping of str to str
        What the job came with, as it is read now.
    """

    snapshot: Snapshot
    attributes: Mapping[str, str]


def operate(store: Store, job_id: str, operation: Operation, fresh: Fresh | None = None) -> bool:
    """Carry an operation out on one job.

    Parameters
    ----------
    fresh : Fresh, optional
        With ``retry``: what to begin anew with.

    Returns
    -------
    bool
        True where it is done; False where a running job was asked and its worker will do it.

    Raises
    ------
    NoSuchJobError, JobStateError
    """
    rebuild.caught_up(store, job_id)
    with store.writing() as (c, now):
        row = c.execute(sa.select(job).where(job.c.id == job_id).with_for_update()).first()
        if row is None:
            raise NoSuchJobError(f"there is no job {job_id}")
        if row.state not in _FROM[operation.verb]:
            states = {str(state) for state in _FROM[operation.verb]}
            # Suspended is ready with a time of its own; to a person it is a state.
            allowed = " or ".join(sorted(states | ({"suspended"} if "ready" in states else set())))
            raise JobStateError(
                f"job {job_id[:8]} is {row.state} and cannot be given to `{operation.verb}`",
                f"it takes a job that is {allowed}",
            )
        if row.state == State.RUNNING:
            request = {"verb": operation.verb, "user": operation.user, "reason": operation.reason}
            c.execute(sa.update(job).where(job.c.id == job_id).values(request=request))
            record(store, c, now, job_id, "asked", operation.text, operation.user)
            return False
        c.execute(
            sa.update(job)
            .where(job.c.id == job_id)
            .values(updated=now, request=sa.null(), **_values(operation))
        )
        settled: list[str] = []
        if row.reason == OutcomeUnknownError.reason:
            settled = films.settle(c, now, job_id, operation.verb, operation.user)
        if fresh is not None:
            begin: dict[str, Any] = {
                "snapshot": fresh.snapshot,
                "attributes": dict(fresh.attributes),
            }
            begin |= {"step": 0, "remote": None}
            c.execute(sa.update(job).where(job.c.id == job_id).values(begin))
        if operation.verb in {"release", "retry"}:
            # The person knows better than our last attempt whether the remote is there.
            name = row.remote or _remote_of_step(row.snapshot["steps"], row.step)
            c.execute(sa.update(remote).where(remote.c.name == name).values(down_until=now))
        by = operation.user
        record(store, c, now, job_id, operation.verb, operation.text, by, films=settled)
    return True


def _remote_of_step(steps: list[dict[str, Any]], step: int) -> str | None:
    return steps[step].get("remote") if step < len(steps) else None


def _values(operation: Operation) -> dict[str, Any]:
    if operation.verb in {"release", "retry"}:
        return {
            "state": State.READY, "reason": "", "error": "", "not_before": None,
            "give_up_at": None, "failures": 0, "crashes": 0,
        }  # fmt: skip
    # What is discarded may be printed again: that is not the same print, handed over twice.
    again: dict[str, Any] = {} if operation.verb == "hold" else {"dedup": None}
    return again | {
        "state": State.HELD if operation.verb == "hold" else State.DISCARDED,
        "reason": "cancelled" if operation.verb == "cancel" else f"{_past(operation)} {BY_PERSON}",
        "error": operation.text,
        "not_before": None,
        "give_up_at": None,
    }


def _past(operation: Operation) -> str:
    return {"hold": "held", "discard": "discarded"}[operation.verb]
