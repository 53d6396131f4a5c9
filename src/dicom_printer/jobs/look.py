"""What is read of the job table: for tables, for programs, for monitoring."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from dicom_printer.errors import NoSuchJobError, UsageError
from dicom_printer.jobs.schema import event, film, instance, job, node, remote
from dicom_printer.jobs.store import State, Store

SHORT = 8
"""How many characters of a job's id are shown."""

STATES = ("incoming", "ready", "running", "suspended", "held", "done", "discarded")

WAITING = ("ready", "running", "suspended", "held")
"""Those of them that have not ended."""


def _shown_state(now: float) -> sa.ColumnElement[str]:
    """Return the state with suspended told apart from ready."""
    suspended = sa.and_(job.c.state == State.READY, job.c.not_before > now)
    return sa.case((suspended, "suspended"), else_=job.c.state).label("shown")


def resolve(store: Store, prefix: str) -> str:
    """Return the one job id that begins with `prefix`.

    Raises
    ------
    NoSuchJobError
        Where none or several do.
    """
    if not prefix:
        raise NoSuchJobError("no job is named", "write the beginning of its id")
    with store.reading() as c:
        literal = prefix.lower()
        query = sa.select(job.c.id).where(job.c.id.startswith(literal, autoescape=True))
        found = list(c.execute(query.limit(5)).scalars())
    if not found:
        raise NoSuchJobError(f"there is no job {prefix}")
    if len(found) > 1:
        ids = ", ".join(f[: max(SHORT, len(prefix) + 2)] for f in found)
        raise NoSuchJobError(f"{prefix} fits several jobs: {ids}", "write more of the id")
    return str(found[0])


def listing(
    store: Store, state: str | None = None, printer: str | None = None, ids: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return a dict for every job, oldest first.

    Raises
    ------
    UsageError
        Where `state` is not one of :data:`STATES`.
    """
    if state is not None and state not in STATES:
        raise UsageError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    now = store.clock()
    shown = _shown_state(now)
    query = sa.select(
        job.c.id, job.c.printer, job.c.title, job.c.user, job.c.source, shown, job.c.reason,
        job.c.error, job.c.step, job.c.snapshot, job.c.pages, job.c.not_before, job.c.created,
        job.c.updated, job.c.remote, job.c.attempt,
        (_instances() + _pages_on_film()).label("accepted"),
    ).order_by(job.c.seq)  # fmt: skip
    if state is not None:
        query = query.where(shown == state)
    if printer is not None:
        query = query.where(job.c.printer == printer)
    if ids is not None:
        query = query.where(job.c.id.in_(ids))
    with store.reading() as c:
        return [_job(row) for row in c.execute(query)]


def _asked(name: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """Return the remote of the job's present step, `name` itself where it has none."""
    return sa.func.coalesce(job.c.remote, name)


def _instances() -> sa.ColumnElement[int]:
    query = sa.select(sa.func.count()).where(
        instance.c.job == job.c.id, instance.c.remote == _asked(instance.c.remote)
    )
    return query.scalar_subquery()


def _pages_on_film() -> sa.ColumnElement[int]:
    pages = sa.func.coalesce(sa.func.sum(sa.func.json_array_length(film.c.pages)), 0)
    query = sa.select(pages).where(
        film.c.job == job.c.id,
        film.c.status.is_not(None),
        film.c.remote == _asked(film.c.remote),
    )
    return query.scalar_subquery()


def _job(row: Any) -> dict[str, Any]:
    steps = row.snapshot["steps"]
    step = steps[row.step]["action"] if row.step < len(steps) else ""
    found = {
        "id": row.id,
        "state": row.shown,
        "reason": row.reason,
        "error": row.error,
        "printer": row.printer,
        "title": row.title,
        "user": row.user,
        "source": row.source,
        "step": min(row.step + 1, len(steps)),
        "steps": len(steps),
        "action": step,
        "remote": row.remote,
        "pages": row.pages,
        # Where no remote is being asked, every one has had its copy: a page counts once.
        "accepted": row.accepted if row.remote else min(row.accepted, row.pages or row.accepted),
        "attempt": row.attempt,
        "next_attempt": row.not_before if row.shown == "suspended" else None,
        "created": row.created,
        "updated": row.updated,
    }
    return found


def show(store: Store, job_id: str) -> dict[str, Any]:
    """Return everything about one job: the row, its steps, attributes, instances, events."""
    found = listing(store, ids=[job_id])[0]
    with store.reading() as c:
        row = c.execute(sa.select(job).where(job.c.id == job_id)).one()
        instances = c.execute(
            sa.select(instance).where(instance.c.job == job_id).order_by(instance.c.at)
        ).mappings()
        films = c.execute(
            sa.select(film).where(film.c.job == job_id).order_by(film.c.sent, film.c.number)
        ).mappings()
        events = c.execute(sa.select(event).where(event.c.job == job_id).order_by(event.c.n))
        return {
            **found,
            "failures": row.failures,
            "give_up_at": row.give_up_at,
            "workflow": row.snapshot["steps"],
            "attributes": row.attributes,
            "instances": [{k: v for k, v in i.items() if k != "job"} for i in instances],
            "films": [
                {k: v for k, v in f.items() if k not in {"job", "key", "nth"}} for f in films
            ],
            "events": [
                {k: v for k, v in e.items() if k not in {"job", "n"}} for e in events.mappings()
            ],
        }


def counts(store: Store) -> list[dict[str, Any]]:
    """Return for each printer and state: how many jobs, the oldest, the last error."""
    shown = _shown_state(store.clock())
    query = sa.select(
        job.c.printer,
        shown,
        sa.func.count().label("jobs"),
        sa.func.min(job.c.created).label("oldest"),
    ).group_by(job.c.printer, "shown")
    with store.reading() as c:
        return [
            {"printer": r.printer, "state": r.shown, "jobs": r.jobs, "oldest": r.oldest}
            for r in c.execute(query)
        ]


def remotes(store: Store) -> dict[str, dict[str, Any]]:
    """Return for each remote that jobs wait for or that was asked what is known of it.

    ``up`` is None where nobody has asked it, or nobody again since it failed.
    """
    query = (
        sa.select(job.c.remote, sa.func.count().label("waiting"))
        .where(job.c.state == State.READY, job.c.remote.is_not(None))
        .group_by(job.c.remote)
    )
    with store.reading() as c:
        found: dict[str, dict[str, Any]] = {
            r.remote: {"waiting": r.waiting, "up": None} for r in c.execute(query)
        }
        now = store.clock()
        for r in c.execute(sa.select(remote)):
            known = found.setdefault(r.name, {"waiting": 0, "up": None})
            if not r.failures:
                known.update(up=True, since=r.since)
            elif r.down_until > now or known["waiting"]:
                known.update(
                    up=False,
                    error=r.error,
                    since=r.since,
                    failures=r.failures,
                    next_attempt=r.down_until,
                )
    return found


def last_error(store: Store) -> dict[str, str]:
    """Return for each printer the error of the job that failed last and still waits."""
    failed = (
        sa.select(job.c.printer, job.c.error)
        .where(job.c.error != "", job.c.state.in_([State.READY, State.HELD]))
        .order_by(job.c.updated)
    )
    with store.reading() as c:
        return {r.printer: r.error for r in c.execute(failed)}


def nodes(store: Store) -> list[dict[str, Any]]:
    """Return the services that work on this table, with what they last said of themselves.

    ``lost`` is one that several share the table with, and that was silent for longer than its
    lease; of one that works alone, its lock in the spool says whether it lives.
    """
    now = store.clock()
    running = sa.select(sa.func.count()).where(
        job.c.state == State.RUNNING, job.c.owner == node.c.name
    )
    query = sa.select(node, running.scalar_subquery().label("running")).order_by(node.c.name)
    with store.reading() as c:
        return [
            {
                "name": row.name,
                "version": row.version,
                "since": row.started,
                "heard": row.seen,
                "running": row.running,
                "lost": store.shared and abs(now - row.seen) > row.lease,
                "troubles": row.troubles,
            }
            for row in c.execute(query)
        ]
