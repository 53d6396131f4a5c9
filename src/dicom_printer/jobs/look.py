"""What is read of the job table: for tables, for programs, for monitoring.

The statements are text that SQLite and PostgreSQL both understand, so that who only looks need
not load SQLAlchemy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from dicom_printer.errors import NoSuchJobError, UsageError
from dicom_printer.jobs.embedded import Rows

SHORT = 8
"""How many characters of a job's id are shown."""

STATES = ("incoming", "ready", "running", "suspended", "held", "done", "discarded")

WAITING = ("ready", "running", "suspended", "held")
"""Those of them that have not ended."""

# suspended is ready with a time before which it is not due
_SHOWN = "CASE WHEN state = 'ready' AND not_before > :now THEN 'suspended' ELSE state END"

# Of the remote of the job's present step; of any, where it has none.
_ACCEPTED = """
    (SELECT count(*) FROM instance
        WHERE instance.job = job.id AND instance.remote = coalesce(job.remote, instance.remote))
    + (SELECT coalesce(sum(json_array_length(film.pages)), 0) FROM film
        WHERE film.job = job.id AND film.status IS NOT NULL
        AND film.remote = coalesce(job.remote, film.remote))
"""

_LISTING = f"""
    SELECT id, printer, title, "user", source, reason, error, step, snapshot, pages, not_before,
        created, updated, remote, attempt, {_SHOWN} AS shown, {_ACCEPTED} AS accepted
    FROM job
"""  # noqa: S608 - of nothing but constants

_COUNTS = f"""
    SELECT printer, {_SHOWN} AS state, count(*) AS jobs, min(created) AS oldest
    FROM job GROUP BY 1, 2
"""  # noqa: S608 - of nothing but constants


class Reader(Protocol):
    """A job table that can be read: a ``Store``, or :class:`~dicom_printer.jobs.embedded.Embedded`.

    Attributes
    ----------
    shared : bool
        Whether several nodes may work on it.
    """

    @property
    def shared(self) -> bool:
        """Whether several nodes may work on it."""

    @property
    def clock(self) -> Any:
        """Seconds since the epoch, when called."""

    def snapshot(self) -> AbstractContextManager[Rows]:
        """Begin a transaction that only reads."""


def resolve(store: Reader, prefix: str) -> str:
    """Return the one job id that begins with `prefix`.

    Raises
    ------
    NoSuchJobError
        Where none or several do.
    """
    if not prefix:
        raise NoSuchJobError("no job is named", "write the beginning of its id")
    beginning = {"prefix": prefix.lower(), "length": len(prefix)}
    with store.snapshot() as rows:
        query = "SELECT id FROM job WHERE substr(id, 1, :length) = :prefix LIMIT 5"
        found = [str(row["id"]) for row in rows(query, **beginning)]
    if not found:
        raise NoSuchJobError(f"there is no job {prefix}")
    if len(found) > 1:
        ids = ", ".join(f[: max(SHORT, len(prefix) + 2)] for f in found)
        raise NoSuchJobError(f"{prefix} fits several jobs: {ids}", "write more of the id")
    return found[0]


def listing(
    store: Reader,
    state: str | None = None,
    printer: str | None = None,
    ids: list[str] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return a dict for every job, or for the `limit` newest, oldest first.

    Raises
    ------
    UsageError
        Where `state` is not one of :data:`STATES`.
    """
    if state is not None and state not in STATES:
        raise UsageError(f"there is no state {state!r}; there are {', '.join(STATES)}")
    with store.snapshot() as rows:
        return _listing(rows, store.clock(), state, printer, ids, limit)


def _listing(
    rows: Rows,
    now: float,
    state: str | None = None,
    printer: str | None = None,
    ids: list[str] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    wanted, named = ["1 = 1"], {"now": now, "state": state, "printer": printer}
    named = {name: value for name, value in named.items() if value is not None}
    if state is not None:
        wanted.append(f"{_SHOWN} = :state")
    if printer is not None:
        wanted.append("printer = :printer")
    if ids is not None:
        one_by_one = {f"id{n}": each for n, each in enumerate(ids)}
        named |= one_by_one
        wanted.append(f"id IN ({', '.join(f':{name}' for name in one_by_one)})" if ids else "1 = 0")
    query = f"{_LISTING} WHERE {' AND '.join(wanted)} ORDER BY seq"
    if limit is None:
        return [_job(row) for row in rows(query, **named)]
    newest = rows(f"{query} DESC LIMIT :limit", **named, limit=limit)
    return [_job(row) for row in reversed(newest)]


def _json(value: Any) -> Any:
    """Return what a column of JSON holds: SQLite has it as text."""
    return json.loads(value) if isinstance(value, str) else value


@cache
def _actions_of_text(snapshot: str) -> tuple[str, ...]:
    return tuple(step["action"] for step in json.loads(snapshot)["steps"])


def _actions(snapshot: Any) -> tuple[str, ...]:
    """Return the actions of a job's steps; thousands of jobs have the same ones."""
    if isinstance(snapshot, str):
        return _actions_of_text(snapshot)
    return tuple(step["action"] for step in snapshot["steps"])


def _job(row: Mapping[str, Any]) -> dict[str, Any]:
    actions, accepted = _actions(row["snapshot"]), int(row["accepted"])
    if not row["remote"]:
        # Where no remote is being asked, every one has had its copy: a page counts once.
        accepted = min(accepted, row["pages"] or accepted)
    return {
        "id": row["id"],
        "state": row["shown"],
        "reason": row["reason"],
        "error": row["error"],
        "printer": row["printer"],
        "title": row["title"],
        "user": row["user"],
        "source": row["source"],
        "step": min(row["step"] + 1, len(actions)),
        "steps": len(actions),
        "action": actions[row["step"]] if row["step"] < len(actions) else "",
        "remote": row["remote"],
        "pages": row["pages"],
        "accepted": accepted,
        "attempt": row["attempt"],
        "next_attempt": row["not_before"] if row["shown"] == "suspended" else None,
        "created": row["created"],
        "updated": row["updated"],
    }


def show(store: Reader, job_id: str) -> dict[str, Any]:
    """Return everything about one job: the row, its steps, attributes, instances, events."""
    query = "SELECT failures, give_up_at, snapshot, attributes FROM job WHERE id = :job"
    instances = "remote, sop_instance_uid, page, status, at FROM instance"
    films = "remote, number, pages, sent, status FROM film"
    events = 'at, what, detail, "user" FROM event'
    with store.snapshot() as rows:
        (found,) = _listing(rows, store.clock(), ids=[job_id])
        (row,) = rows(query, job=job_id)
        return {
            **found,
            "failures": row["failures"],
            "give_up_at": row["give_up_at"],
            "workflow": _json(row["snapshot"])["steps"],
            "attributes": _json(row["attributes"]),
            "instances": rows(f"SELECT {instances} WHERE job = :job ORDER BY at", job=job_id),
            "films": [
                film | {"pages": _json(film["pages"])}
                for film in rows(
                    f"SELECT {films} WHERE job = :job ORDER BY sent, number", job=job_id
                )
            ],
            "events": rows(f"SELECT {events} WHERE job = :job ORDER BY n", job=job_id),
        }


def counts(store: Reader) -> list[dict[str, Any]]:
    """Return for each printer and state: how many jobs, the oldest."""
    with store.snapshot() as rows:
        return rows(_COUNTS, now=store.clock())


def remotes(store: Reader) -> dict[str, dict[str, Any]]:
    """Return for each remote that jobs wait for or that was asked what is known of it.

    ``up`` is None where nobody has asked it, or nobody again since it failed.
    """
    query = (
        "SELECT remote, count(*) AS waiting FROM job "
        "WHERE state = 'ready' AND remote IS NOT NULL GROUP BY remote"
    )
    with store.snapshot() as rows:
        found: dict[str, dict[str, Any]] = {
            row["remote"]: {"waiting": row["waiting"], "up": None} for row in rows(query)
        }
        now = store.clock()
        for row in rows("SELECT * FROM remote"):
            known = found.setdefault(row["name"], {"waiting": 0, "up": None})
            if not row["failures"]:
                known.update(up=True, since=row["since"])
            elif row["down_until"] > now or known["waiting"]:
                known.update(
                    up=False,
                    error=row["error"],
                    since=row["since"],
                    failures=row["failures"],
                    next_attempt=row["down_until"],
                )
    return found


def last_error(store: Reader) -> dict[str, str]:
    """Return for each printer the error of the job that failed last and still waits."""
    query = (
        "SELECT printer, error FROM job "
        "WHERE error <> '' AND state IN ('ready', 'held') ORDER BY updated"
    )
    with store.snapshot() as rows:
        return {row["printer"]: row["error"] for row in rows(query)}


def nodes(store: Reader) -> list[dict[str, Any]]:
    """Return the services that work on this table, with what they last said of themselves.

    ``lost`` is one that several share the table with, and that was silent for longer than its
    lease; of one that works alone, its lock in the spool says whether it lives.
    """
    now = store.clock()
    query = (
        "SELECT node.*, (SELECT count(*) FROM job WHERE state = 'running' "
        "AND owner = node.name) AS running FROM node ORDER BY name"
    )
    with store.snapshot() as rows:
        return [
            {
                "name": row["name"],
                "version": row["version"],
                "since": row["started"],
                "heard": row["seen"],
                "running": row["running"],
                "lost": store.shared and abs(now - row["seen"]) > row["lease"],
                "troubles": _json(row["troubles"]),
            }
            for row in rows(query)
        ]
