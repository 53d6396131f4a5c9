"""A running job, in the hands of one worker.

Every write says which fence it holds: a worker whose job was taken from it raises
:class:`LostClaimError` instead of writing.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.jobs import instances, record
from dicom_printer.jobs.prepared import Prepared
from dicom_printer.jobs.remotes import Down, down, free_slot, used_slots
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import Snapshot, State, Store, log
from dicom_printer.journal import Accepted, Line

# Made once: SQLAlchemy takes longer to make a statement than SQLite to carry it out.
_OWN: sa.BindParameter[str] = sa.bindparam("own")
_MINE = sa.update(job).where(
    job.c.id == _OWN, job.c.fence == sa.bindparam("held"), job.c.state == State.RUNNING
)
_ASKED = sa.select(job.c.request, job.c.fence).where(job.c.id == _OWN)
_GOES_ON = Prepared(
    _MINE.values(
        # A crash after this is another one: the job got further than at the last.
        crashes=0,
        updated=sa.bindparam("now"),
        pages=sa.bindparam("of_pages"),
    ).returning(sa.cast(job.c.request, sa.Text))
)
_JUST_S = 0.02


class LostClaimError(Exception):
    """The job was taken from this worker: nothing may be written for it any more."""


@dataclass
class Running:
    """A claimed job.

    Attributes
    ----------
    step : int
        The position in the snapshot's steps that comes next.
    attributes : dict
        What is known for the datasets, by DICOM keyword: text, or a list of such dicts for a
        sequence; written with each change of state.
    failures : int
        How often the present step has failed.
    give_up_at : float or None
        When a suspended step is given up, in seconds since the epoch.
    updated : float
        When its row was last written before this claim.
    pages : int or None
        How many the job sends; written with the next change.
    slot : int or None
        Which of the remote's associations it holds.
    sent_as : str or None
        Whose its pages are, as a digest, since the first may have gone out.
    ended : bool
        Whether it has been through all steps.
    """

    store: Store
    id: str
    printer: str
    snapshot: Snapshot
    step: int
    attributes: dict[str, Any]
    failures: int
    give_up_at: float | None
    fence: int
    remote: str | None
    created: float
    updated: float
    reason: str
    error: str
    pages: int | None
    sent_as: str | None
    slot: int | None
    ended: bool = False
    _asked: tuple[float, dict[str, str] | None] = (-math.inf, None)

    def _write(self, c: sa.Connection, now: float, **values: Any) -> None:
        values |= {"own": self.id, "held": self.fence, "updated": now, "pages": self.pages}
        done = c.execute(_MINE, values)
        if done.rowcount != 1:
            raise LostClaimError(self.id)

    def confirm(self, c: sa.Connection, now: float) -> None:
        """Make sure that the job is still this worker's, for what is written along with it."""
        self._write(c, now)

    def acquire(self, name: str) -> bool | Down:
        """Take one of a remote's associations.

        Returns
        -------
        bool or Down
            True: it may connect. False: none is free, the job was put back and comes again
            when one is. Down: the remote is known to be down, and was not asked again.
        """
        if self.remote == name:
            # As it comes from the claim, nearly always: nothing to decide, nothing to write.
            with self.store.reading() as c:
                if (found := down(c, name, self.store.clock())) is not None:
                    return found
            return True
        with self.store.writing() as (c, now):
            found = down(c, name, now)
            if found is not None:
                # Remembered, so that it is woken with the others when the remote answers.
                self._write(c, now, remote=name)
                self.remote = name
                return found
            slot = free_slot(c, self.store, name, used_slots(c).get(name, set()))
            if slot is None:
                again = {"state": State.READY, "step": self.step, "attributes": self.attributes}
                self._write(c, now, remote=name, slot=None, **again)
                return False
            self._write(c, now, remote=name, slot=slot)
            self.remote, self.slot = name, slot
            return True

    def advance(self, step: int, detail: str) -> None:
        """Record that the job is through with everything before `step`."""
        with self.store.fenced() as (c, now):
            self._write(
                c, now, step=step, attributes=self.attributes, remote=None, slot=None,
                failures=0, crashes=0, give_up_at=None, reason="", error="",
            )  # fmt: skip
            # After a power cut the step may be carried out again: it is not worth a wait.
            record.record(self.store, c, now, self.id, "step", detail, durable=False)
        self.step, self.remote, self.failures, self.give_up_at = step, None, 0, None

    def accepted(self, name: str) -> set[str]:
        """Return the SOP Instance UIDs of this job that the remote has acknowledged.

        Those that only the journal knows are entered into the table: it could not be written
        when they were acknowledged, or is an older one.
        """
        uids, lacking = record.accepted(self.store, self.id, name)
        if lacking:
            with self.store.fenced() as (c, now):
                self._write(c, now)
                for each in lacking:
                    instances.add(c, self.id, each)
        return uids

    def sends_as(self, identity: str) -> bool:
        """Write down whose the pages are, before the first goes out; tell whether it holds.

        Parameters
        ----------
        identity : str
            A digest. False where an earlier page went out, or may have, under another.
        """
        sent_as = self.sent_as or identity
        with self.store.fenced() as (c, now):
            self._write(c, now, sent_as=sent_as)
            if self.sent_as is None:
                record.record(self.store, c, now, self.id)
        self.sent_as = sent_as
        return sent_as == identity

    def accept(self, name: str, page: int, uid: str, status: int) -> None:
        """Record that the remote acknowledged an instance, as its answer arrives.

        In the journal first: it is so, whether or not the table can be written now. And in
        the table, whether or not the journal could be.
        """
        self.store.figures.sent(name)
        # Not the table's clock: that may be the very thing that is gone.
        accepted = Accepted(
            remote=name, sop_instance_uid=uid, page=page, status=status, at=time.time()
        )
        try:
            if self.store.journal is not None:
                self.store.journal.append(self.id, Line(accepted=[accepted]))
        finally:
            with self.store.fenced() as (c, now):
                mine = {"own": self.id, "held": self.fence, "now": now, "of_pages": self.pages}
                row = _GOES_ON.execute(c, mine).first()
                if row is None:
                    raise LostClaimError(self.id)
                instances.add(c, self.id, accepted)
                if status:
                    said = f"page {page}: {name} answered 0x{status:04X}"
                    log(c, now, self.id, "warning", said)
            self._asked = time.monotonic(), json.loads(row[0]) if row[0] else None

    def requested(self) -> dict[str, str] | None:
        """Return what an operator asked of this job while it runs, None for nothing.

        What was seen in the last 20 ms, as a page was recorded, need not be asked for again.
        """
        seen, request = self._asked
        if time.monotonic() - seen < _JUST_S:
            return request
        with self.store.reading() as c:
            row = c.execute(_ASKED, {"own": self.id}).first()
        if row is None or row.fence != self.fence:
            raise LostClaimError(self.id)
        found: dict[str, str] | None = row.request
        return found

    def _leave(self, what: str, detail: str, user: str = "", said: str = "", **values: Any) -> None:
        with self.store.fenced() as (c, now):
            # What an operator asked this moment stays with the job until it is carried out.
            self._write(c, now, slot=None, step=self.step, attributes=self.attributes, **values)
            # A job that is ready again has nothing new to say: rebuilt, it goes on from before.
            if values["state"] is State.READY:
                log(c, now, self.id, what, detail, user)
            else:
                record.record(self.store, c, now, self.id, what, detail, user, said=said)

    def put_back(self, why: str) -> None:
        """Make the job ready again; nothing counts as a failure."""
        self._leave("put back", why, state=State.READY, remote=None)

    def suspend(
        self, until: float, give_up_at: float, reason: str, error: str, *, counts: bool
    ) -> None:
        """Let the job come back at `until`.

        Parameters
        ----------
        counts : bool
            Whether the job made an attempt of its own, or only found the remote down.
        """
        self._leave(
            "suspended",
            error,
            state=State.READY,
            not_before=until,
            give_up_at=give_up_at,
            reason=reason,
            error=error,
            failures=self.failures + int(counts),
        )

    def hold(self, reason: str, error: str, user: str = "") -> None:
        """Leave the job to a person; it stands where it stood, at the remote it stood at."""
        self._end(State.HELD, reason, error, user, remote=self.remote)

    def discard(self, reason: str, error: str, user: str = "") -> None:
        """End the job without delivering it, as the policy or a person says."""
        # Printed again, it is another print: nobody wants this one any more.
        self._end(State.DISCARDED, reason, error, user, dedup=None)

    def finish(self, said: str = "") -> None:
        """End the job: every step was carried out, the last one just now.

        Parameters
        ----------
        said : str, optional
            What the last step did.
        """
        self.step = len(self.snapshot["steps"])
        self._end(State.DONE, "", "", "", said)
        self.ended = True
        self.store.figures.delivered(self.printer, self.store.clock() - self.created)

    def go_on(self, detail: str) -> None:
        """Record that the present step is done with: behind the last one, so is the job."""
        if self.step + 1 < len(self.snapshot["steps"]):
            self.advance(self.step + 1, detail)
        else:
            self.finish(detail)

    def _end(
        self, state: State, reason: str, error: str, user: str, step: str = "", **values: Any
    ) -> None:
        self._leave(
            state.value,
            error,
            user,
            step,
            state=state,
            **{
                "request": None,
                "remote": None,
                "not_before": None,
                "give_up_at": None,
                "reason": reason,
                "error": error,
            }
            | values,
        )
