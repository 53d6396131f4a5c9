"""The films of a job: which were printed, and of which nobody knows whether they were.

To print is not idempotent. So a film is written down as sent before the request goes out,
and until its answer is written down as well, it is in doubt: a person has to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_printer.errors import OutcomeUnknownError
from dicom_printer.jobs.record import record
from dicom_printer.jobs.running import Running
from dicom_printer.jobs.schema import film
from dicom_printer.jobs.store import log


@dataclass(frozen=True)
class Film:
    """A film of a job.

    Attributes
    ----------
    key : str
        The same for the same film of the same step, whichever attempt prints it.
    number : int
        Its place among the films of the step, from 1.
    pages : tuple of int
        The pages on it, in the order of their image boxes.
    """

    key: str
    number: int
    pages: tuple[int, ...]

    @property
    def spoken(self) -> str:
        """Say which it is: ``film 2 (pages 5, 6)``."""
        pages = ", ".join(map(str, self.pages))
        return f"film {self.number} (page{'s' if len(self.pages) > 1 else ''} {pages})"


@dataclass(frozen=True)
class Printed:
    """What a printer has taken of a job already.

    Attributes
    ----------
    films : int
        How many films.
    pages : frozenset of int
        The pages on them: whatever the settings are by now, they are not printed again.
    """

    films: int
    pages: frozenset[int]


def printed(running: Running, remote: str, nth: int) -> Printed:
    """Return what a printer has taken for a step, the `nth` of this job that prints there.

    Raises
    ------
    OutcomeUnknownError
        Where a film is in doubt: nothing of this job may be printed before that is settled.
    """
    with running.store.reading() as c:
        doubtful = in_doubt(c, running.id)
        if doubtful:
            raise unknown(doubtful, "an earlier attempt ended before the answer came")
        query = sa.select(film.c.pages).where(
            film.c.job == running.id, film.c.remote == remote, film.c.nth == nth
        )
        taken = list(c.execute(query).scalars())
        return Printed(len(taken), frozenset(page for pages in taken for page in pages))


def in_doubt(c: sa.Connection, job_id: str) -> list[Film]:
    """Return the films that were sent, and whose answer is not known."""
    query = sa.select(film).where(film.c.job == job_id, film.c.status.is_(None))
    rows = c.execute(query.order_by(film.c.number))
    return [Film(row.key, row.number, tuple(row.pages)) for row in rows]


def unknown(films: Sequence[Film], why: str) -> OutcomeUnknownError:
    """Say of which films it is not known whether they come out, and why not."""
    return OutcomeUnknownError(f"{', '.join(f.spoken for f in films)}: {why}; it may be printed")


def sending(running: Running, remote: str, nth: int, films: Sequence[Film]) -> None:
    """Write down that the request to print these films is about to go out."""
    with running.store.fenced() as (c, now):
        running.confirm(c, now)
        for each in films:
            values = {"key": each.key, "number": each.number, "pages": list(each.pages)}
            values |= {"remote": remote, "nth": nth}
            c.execute(sa.insert(film).values(job=running.id, sent=now, **values))
        record(running.store, c, now, running.id, films=_keys(films))


def taken(running: Running, remote: str, films: Sequence[Film], status: int) -> None:
    """Write down that the printer took these films, with the status it answered."""
    with running.store.fenced() as (c, now):
        running.confirm(c, now)
        c.execute(sa.update(film).where(_these(running, films)).values(status=status))
        if status:
            spoken = ", ".join(f.spoken for f in films)
            log(c, now, running.id, "warning", f"{spoken}: {remote} answered 0x{status:04X}")
        record(running.store, c, now, running.id, films=_keys(films))
    running.store.figures.sent(remote, sum(len(f.pages) for f in films))


def refused(running: Running, films: Sequence[Film]) -> None:
    """Write down that the printer answered, and will not print these films."""
    with running.store.fenced() as (c, now):
        running.confirm(c, now)
        c.execute(sa.delete(film).where(_these(running, films)))
        record(running.store, c, now, running.id, films=_keys(films))


def _these(running: Running, films: Sequence[Film]) -> sa.ColumnElement[bool]:
    return sa.and_(film.c.job == running.id, film.c.key.in_(_keys(films)))


def _keys(films: Sequence[Film]) -> list[str]:
    return [each.key for each in films]


def settle(c: sa.Connection, now: float, job_id: str, verb: str, user: str) -> list[str]:
    """Settle the films in doubt by the word of a person who has looked at the printer.

    ``release`` says that they came out, ``retry`` that they did not. Any other verb
    leaves them in doubt.

    Returns
    -------
    list of str
        The keys of the films that were in doubt.
    """
    doubtful = in_doubt(c, job_id)
    these = sa.and_(film.c.job == job_id, film.c.status.is_(None))
    spoken = ", ".join(f.spoken for f in doubtful)
    if verb == "release" and doubtful:
        c.execute(sa.update(film).where(these).values(status=0))
        log(c, now, job_id, "film", f"{spoken}: printed, by the word of a person", user)
    elif verb == "retry" and doubtful:
        c.execute(sa.delete(film).where(these))
        log(c, now, job_id, "film", f"{spoken}: not printed, by the word of a person", user)
    return _keys(doubtful)
