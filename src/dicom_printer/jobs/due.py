"""Which job comes next, found by index: however many wait, are suspended or have ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.jobs.schema import SUSPENDED, WAITING, job
from dicom_printer.jobs.store import AHEAD_S, Store

_NOW: sa.BindParameter[float] = sa.bindparam("now", type_=sa.Float)
_AHEAD = _NOW + AHEAD_S


SOONEST = sa.select(
    sa.select(sa.func.min(job.c.not_before)).where(SUSPENDED).scalar_subquery().label("due"),
    sa.select(sa.func.min(job.c.give_up_at)).where(SUSPENDED).scalar_subquery().label("end"),
    sa.select(sa.func.max(job.c.updated)).where(SUSPENDED).scalar_subquery().label("updated"),
)
WAKE = [
    # Each by its index; "or" between them would look at all that is suspended.
    sa.update(job).where(SUSPENDED, condition).values(not_before=None)
    for condition in (
        job.c.not_before <= _NOW,
        job.c.give_up_at <= _NOW,
        # From before the clock was set back: nothing that was to come at a time waits for it.
        job.c.updated > _AHEAD,
    )
]


def wake(c: sa.Connection, now: float) -> None:
    """Wake the suspended jobs that are due, or whose time to give up has come."""
    soonest = c.execute(SOONEST).one()
    if soonest.due is None:
        return
    if min(soonest.due, soonest.end or now + 1) <= now or soonest.updated > now + AHEAD_S:
        for each in WAKE:
            c.execute(each, {"now": now})


def next_due(store: Store) -> float | None:
    """Return when the next suspended job is due or given up, None where none is suspended."""
    with store.reading() as c:
        soonest = c.execute(SOONEST).one()
    return min((t for t in (soonest.due, soonest.end) if t is not None), default=None)


def _first(of: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Return the query for which of the jobs that wait for one remote comes next."""
    found = sa.select(job.c.seq).where(WAITING, of).order_by(job.c.failures, job.c.seq)
    return found.limit(1).scalar_subquery()


def _firsts(*, full: bool) -> sa.Select[Any]:
    """Return the query for the first job of each remote, and of those that wait for none.

    It goes from one remote to the next in the index, however many jobs wait for each.

    Parameters
    ----------
    full : bool
        Whether those of remotes that are in use count as well.
    """
    name = sa.select(sa.func.min(job.c.remote).label("name")).where(WAITING).cte(recursive=True)
    after = sa.select(sa.func.min(job.c.remote)).where(WAITING, job.c.remote > name.c.name)
    name = name.union_all(
        sa.select(after.correlate(name).scalar_subquery()).where(name.c.name.is_not(None))
    )
    each = sa.select(_first(job.c.remote == name.c.name).label("seq"))
    each = each.where(name.c.name.is_not(None))
    if not full:
        each = each.where(name.c.name.not_in(sa.bindparam("full", expanding=True)))
    both = sa.union_all(each, sa.select(_first(job.c.remote.is_(None)))).subquery()
    return sa.select(both.c.seq)


def _next() -> sa.Select[Any]:
    """Return the query for the job that is claimed next: of a remote that is not in use."""
    first = sa.select(job.c.seq).where(job.c.seq.in_(_firsts(full=False)))
    first = first.order_by(job.c.failures, job.c.seq).limit(1)
    this = job.c.seq == first.correlate(None).scalar_subquery()
    return sa.select(job).where(this).with_for_update(skip_locked=True)


NEXT = _next()
_COMING = (
    sa.select(job.c.id, job.c.snapshot, job.c.step, job.c.attributes)
    .where(job.c.seq.in_(_firsts(full=True)), job.c.failures == 0)
    .order_by(job.c.seq)
    .limit(sa.bindparam("most"))
)


@dataclass(frozen=True)
class Coming:
    """A job that is claimed as soon as its remote has an association left, and its next step."""

    id: str
    step: dict[str, Any]
    attributes: dict[str, Any]


def coming(store: Store, most: int) -> list[Coming]:
    """Return what is claimed next: of each remote one job, none that has failed.

    Nothing where several nodes share the jobs: nobody knows which of them it will be.
    """
    if store.shared:
        return []
    with store.reading() as c:
        rows = c.execute(_COMING, {"most": most}).all()
    return [
        Coming(row.id, row.snapshot["steps"][row.step], row.attributes)
        for row in rows
        if row.step < len(row.snapshot["steps"])
    ]
