"""A person says what a job is: its attributes are corrected, or it goes on behind its query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.errors import JobStateError, NoSuchJobError, OutcomeUnknownError
from dicom_printer.jobs import rebuild
from dicom_printer.jobs.record import record
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import State, Store

_FROM = {State.HELD, State.READY}
_SHOWN = _FROM | {State.RUNNING}


@dataclass(frozen=True)
class Seen:
    """A job as it stood when a person looked at it.

    Attributes
    ----------
    step : int
        The position in `steps` that comes next.
    updated : float
        When it was last written; whoever changed it meanwhile changed this.
    """

    id: str
    step: int
    steps: list[dict[str, Any]]
    attributes: dict[str, Any]
    fence: int
    updated: float


def seen(store: Store, job_id: str) -> Seen:
    """Return a job that has not ended, for a person to decide on.

    Raises
    ------
    NoSuchJobError, JobStateError
    """
    rebuild.caught_up(store, job_id)
    with store.reading() as c:
        row = c.execute(sa.select(job).where(job.c.id == job_id)).first()
    if row is None:
        raise NoSuchJobError(f"there is no job {job_id}")
    if row.state not in _SHOWN:
        raise JobStateError(
            f"job {job_id[:8]} is {row.state} and cannot be given to `match`",
            "it takes a job that is held or suspended",
        )
    if row.reason == OutcomeUnknownError.reason:
        raise JobStateError(
            f"job {job_id[:8]} may have printed a film, and nobody knows",
            "look at the printer, then `dicom-printer release` or `retry` it first",
        )
    steps = row.snapshot["steps"]
    return Seen(row.id, row.step, steps, dict(row.attributes), row.fence, row.updated)


def go_on(
    store: Store, was: Seen, step: int, attributes: Mapping[str, Any], text: str, user: str
) -> None:
    """Let a job go on at `step` with other attributes.

    Parameters
    ----------
    was : Seen
        What the person decided on.
    text : str
        For the job's history; never a value of the patient's.

    Raises
    ------
    JobStateError
        The job changed since it was looked at; nothing is done.
    """
    with store.writing() as (c, now):
        done = c.execute(
            sa.update(job)
            .where(
                job.c.id == was.id,
                job.c.state.in_(_FROM),
                job.c.fence == was.fence,
                job.c.updated == was.updated,
            )
            .values(
                updated=now, request=sa.null(), state=State.READY, reason="", error="",
                remote=None, not_before=None, give_up_at=None, failures=0, crashes=0,
                step=step, attributes=dict(attributes),
            )
        )  # fmt: skip
        if done.rowcount != 1:
            raise JobStateError(
                f"job {was.id[:8]} changed meanwhile, or is running",
                "look again: `dicom-printer show JOB`; a running one must be held first",
            )
        record(store, c, now, was.id, "match", text, user)
