"""The services that work on one job table: each says that it lives, and the others listen.

What counts is whether a node's word changes while we watch, by our own steady clock. So no
clock that is set can make a node look dead, or keep a dead one alive.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from dicom_printer.errors import NodeTakenError, SpoolError
from dicom_printer.jobs import table
from dicom_printer.jobs.schema import job, node
from dicom_printer.jobs.store import State, Store

logger = logging.getLogger(__name__)

_LISTEN_S = 5.0
_HEARS_S = 2.0
_LOOKED_FOR = 100
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class _Heard:
    """What a node said last, and for how long it has said nothing new."""

    word: tuple[str, float]
    at: float
    silent_s: float = 0.0


class Node:
    """Our service among those that share the job table; alone, with SQLite.

    Parameters
    ----------
    store : Store
        Its `node` is the name of this one.
    lease_s : float
        For how long we may be silent until the others take our jobs.
    """

    def __init__(self, store: Store, lease_s: float, version: str) -> None:
        self._store, self._lease_s, self._version = store, lease_s, version
        self._listens_every_s = min(_LISTEN_S, lease_s / 8)
        self._token = uuid.uuid4().hex
        self._heard: dict[str, _Heard] = {}
        self.silent: frozenset[str] = frozenset()
        """The other nodes that have been silent for longer than their lease."""
        self._next_word = self._next_listening = -math.inf

    def join(self) -> None:
        """Enter.

        Whoever calls this holds the spool's lock of our name: on this machine, the predecessor
        is dead.

        Raises
        ------
        NodeTakenError
            Where a service on another machine has our name, and lives.
        """
        name = self._store.node
        with self._store.writing() as (c, now):
            found = c.execute(sa.select(node).where(node.c.name == name)).first()
            if self._store.shared and found is not None and found.boot != _boot():
                left = found.lease - abs(now - found.seen)
                if left > 0:
                    raise NodeTakenError(
                        f"the node {name} was heard of {abs(now - found.seen):.0f} s ago, from "
                        "another machine or before this one was started anew",
                        "give this one another name in [service] node; if it is the same one, "
                        f"start it in {left:.0f} s",
                    )
            alone = sa.true() if not self._store.shared else node.c.name == name
            c.execute(sa.delete(node).where(alone))
            self._enter(c, now)

    def recover(self) -> int:
        """Bring back the jobs that our predecessor was working on; return how many."""
        return table.recover(self._store, [self._store.node] if self._store.shared else None)

    def _enter(self, c: sa.Connection, now: float) -> None:
        c.execute(
            sa.insert(node).values(
                name=self._store.node, token=self._token, boot=_boot(), version=self._version,
                started=now, seen=now, lease=self._lease_s, troubles=[],
            )
        )  # fmt: skip

    def turn(self) -> int:
        """Say that we live, when it is time; take over the jobs of those who are silent.

        Returns
        -------
        int
            How many jobs were taken over.

        Raises
        ------
        NodeTakenError
            Where another service has our name now, because we were silent for too long.
        """
        if not self._store.shared:
            return 0
        now = time.monotonic()
        if now >= self._next_word:
            self._say()
            self._next_word = now + self._lease_s / 4
        if now < self._next_listening:
            return 0
        self._next_listening = now + self._listens_every_s
        lost = self._listen(now)
        for name in lost:
            logger.warning("node %s is silent; its jobs are taken over", name)
        return table.recover(self._store, lost) if lost else 0

    def report(self, troubles: list[str]) -> None:
        """Leave word of what troubles us."""
        self._say(troubles=troubles)

    def _say(self, **values: object) -> None:
        with self._store.fenced() as (c, now):
            ours = sa.and_(node.c.name == self._store.node, node.c.token == self._token)
            done = c.execute(sa.update(node).where(ours).values(values | {"seen": now}))
            if done.rowcount == 1:
                return
        with self._store.writing() as (c, now):
            name = self._store.node
            if c.execute(sa.select(node.c.name).where(node.c.name == name)).first() is not None:
                raise NodeTakenError(
                    f"another service is the node {name} now, since this one was silent",
                    "give one of them another name in [service] node",
                )
            self._enter(c, now)  # forgotten, after a long silence

    def _listen(self, now: float) -> list[str]:
        """Return the nodes that hold jobs, and have been silent for longer than their lease."""
        with self._store.reading() as c:
            rows = {row.name: row for row in c.execute(sa.select(node))}
            running = sa.select(job.c.owner).where(job.c.state == State.RUNNING).distinct()
            owners = {str(owner) for owner in c.execute(running).scalars()}
        # While we could not listen, we have not heard that it is silent.
        most_s = max(_HEARS_S, 2 * self._listens_every_s)
        for name, row in rows.items():
            heard = self._heard.get(name)
            if heard is None or heard.word != (row.token, row.seen):
                self._heard[name] = _Heard((row.token, row.seen), now)
                continue
            heard.silent_s += min(now - heard.at, most_s)
            heard.at = now
        self.silent = frozenset(
            name
            for name, row in rows.items()
            if name != self._store.node and self._heard[name].silent_s > row.lease
        )
        gone = owners - set(rows) - {self._store.node}
        return sorted(gone | (owners & self.silent))

    def leave(self) -> None:
        """Say that we end in good order; called when nothing runs any more."""
        with self._store.writing() as (c, _):
            c.execute(sa.delete(node).where(node.c.token == self._token))


def require_same_spool(store: Store, has: Callable[[str], bool]) -> None:
    """Refuse a spool that has none of the table's jobs: as a rule its share is not mounted.

    To work on would hold one job after the other, for its documents are missing.

    Parameters
    ----------
    has : callable
        Tells whether the spool has the directory of a job.

    Raises
    ------
    SpoolError
        Where it has none of the newest.
    """
    with store.reading() as c:
        query = sa.select(job.c.id).order_by(job.c.seq.desc()).limit(_LOOKED_FOR)
        ids = c.execute(query).scalars().all()
    if store.shared and ids and not any(map(has, ids)):
        raise SpoolError(
            f"the spool has none of the newest {len(ids)} jobs of the job table",
            "see that its share is mounted, and that [service] spool and database belong together",
        )


def forget(store: Store, before: float) -> None:
    """Forget the nodes that were last heard of before a time, and will not come back."""
    with store.writing() as (c, _):
        c.execute(sa.delete(node).where(node.c.seen < before, node.c.name != store.node))


def _boot() -> str:
    """Return what names this machine from its start on, "" where it does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
