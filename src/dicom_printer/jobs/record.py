"""What is written down of a job beside its document, so that the table can be rebuilt.

It is written inside the table's transaction, after the claim was confirmed and before the
commit: what the table knows of an end, a film or a person's act, the journal knows as well.
An acknowledged instance goes into the journal first, for it is true whatever becomes of the
table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from dicom_printer.jobs.schema import film, instance, job
from dicom_printer.jobs.store import Store, log
from dicom_printer.journal import Accepted, Event, Line, OnFilm
from dicom_printer.journal import State as Written

# Made once: SQLAlchemy takes longer to make a statement than SQLite to carry it out.
_OF: sa.BindParameter[str] = sa.bindparam("of")
_ROW = sa.select(job).where(job.c.id == _OF)
_INSTANCES = sa.select(instance).where(instance.c.job == _OF)
_INSTANCES_AT = _INSTANCES.where(instance.c.remote == sa.bindparam("at"))
_FILMS = sa.select(film.c.key).where(film.c.job == _OF)


def record(
    store: Store,
    c: sa.Connection,
    now: float,
    job_id: str,
    what: str = "",
    detail: str = "",
    user: str = "",
    *,
    said: str = "",
    films: Iterable[str] = (),
    durable: bool = True,
) -> None:
    """Write down how a job stands after what this transaction did to it.

    Parameters
    ----------
    what, detail, user : str
        A line for its history, unless `what` is empty.
    said : str
        What the step did with which this came about, for a line of its own before that one.
    films : iterable of str
        The keys of the films that changed.
    durable : bool
        False where it does no harm if the step is carried out again after a power cut.

    Raises
    ------
    SpoolError
        Where the journal cannot be written: the transaction must not be committed.
    """
    events = [Event(at=now, what="step", detail=said)] if said else []
    if what:
        events.append(Event(at=now, what=what, detail=detail, user=user))
    for each in events:
        log(c, now, job_id, each.what, each.detail, each.user)
    if store.journal is None:
        return
    row = c.execute(_ROW, {"of": job_id}).one()._mapping
    parts: dict[str, Any] = {"fence": row["fence"], "job": _state(row)}
    if store.journal.written(job_id) is None:
        # The first line, for a job of an earlier version too: whatever is known so far.
        found = c.execute(_INSTANCES, {"of": job_id}).mappings()
        parts["accepted"] = [Accepted.model_validate(each) for each in found]
        films = c.execute(_FILMS, {"of": job_id}).scalars().all()
    if keys := list(films):
        parts["films"] = dict.fromkeys(keys) | _films(c, job_id, keys)
    if events:
        parts["event"] = events.pop()
    before = [Line(fence=parts["fence"], job=parts["job"], event=each) for each in events]
    lines = [*before, Line(**parts)]
    store.journal.append(job_id, *lines, durable=durable)


def _state(row: Mapping[Any, Any]) -> Written:
    return Written(**{name: row[name] for name in Written.model_fields})


def _films(c: sa.Connection, job_id: str, keys: list[str]) -> dict[str, OnFilm]:
    rows = c.execute(sa.select(film).where(film.c.job == job_id, film.c.key.in_(keys)))
    return {row["key"]: OnFilm.model_validate(row) for row in rows.mappings()}


def accepted(store: Store, job_id: str, name: str) -> tuple[set[str], list[Accepted]]:
    """Return what a remote has acknowledged of a job, and which of it the table lacks.

    What the journal lacks, because its disk was full just then, is added to it.
    """
    with store.reading() as c:
        found = c.execute(_INSTANCES_AT, {"of": job_id, "at": name}).mappings()
        rows = [Accepted.model_validate(row) for row in found]
    known = {each.sop_instance_uid for each in rows}
    history = store.journal.read(job_id) if store.journal else None
    if store.journal is None or history is None:
        return known, []
    lost = [a for a in rows if (name, a.sop_instance_uid) not in history.accepted]
    if lost:
        store.journal.append(job_id, Line(accepted=lost))
    there = [a for a in history.accepted.values() if a.remote == name]
    return (
        known | {a.sop_instance_uid for a in there},
        [a for a in there if a.sop_instance_uid not in known],
    )
