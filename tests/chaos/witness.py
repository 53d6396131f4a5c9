"""What was seen at the service's end of the wire: associations, stores, answers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Sent:
    """A C-STORE request, and the answer that reached the service's socket.

    Attributes
    ----------
    at : float
        When its first byte came from the service.
    answered_at : float or None
        When the last byte of its answer was in the service's socket.
    followed : bool
        Whether the service began another store on the same connection after that: it does so
        only when it has recorded the answer.
    awoken : bool
        Whether it is the first of its connection since the node slept for longer than its lease:
        it may have slept between its last look at the job and this request.
    """

    remote: str
    node: int
    life: int
    uid: str
    message_id: int
    at: float
    answered_at: float | None = None
    status: int = -1
    followed: bool = False
    awoken: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether its answer came, and said that it is stored."""
        return self.answered_at is not None and (self.status == 0 or self.status >> 4 == 0xB00)


@dataclass
class Seen:
    """A connection of the service.

    Attributes
    ----------
    ended : str
        Why it counts no longer; "" while it does.
    peek : callable
        Looks whether the service has ended it, though nobody has read that yet.
    """

    remote: str
    node: int
    life: int
    peek: Callable[[], str]
    ended: str = ""
    slept: bool = False
    sent: list[Sent] = field(default_factory=list)


class Witness:
    """The book of a run; every thread writes to it.

    Parameters
    ----------
    limits : dict of str to int
        The associations that each remote admits.
    """

    def __init__(self, limits: dict[str, int]) -> None:
        self.lock = threading.RLock()
        self.limits = limits
        self.lives: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.stores: Counter[int] = Counter()
        self.most: Counter[str] = Counter()
        self.above: list[str] = []
        self.sent: list[Sent] = []
        self.calm = False
        self._open: list[Seen] = []

    def fault(self, kind: str) -> None:
        """Count a fault that was made."""
        with self.lock:
            self.faults[kind] += 1

    def died(self, node: int, why: str) -> None:
        """Count the connections of a node as ended: its process is dead, or is taken for dead."""
        with self.lock:
            for seen in self._open:
                if seen.node == node:
                    seen.ended = seen.ended or why
            self._open = [seen for seen in self._open if not seen.ended]

    def asleep(self, node: int) -> None:
        """Count the connections of a node as ended: its lease is over, though it is not dead."""
        with self.lock:
            for seen in self._open:
                seen.slept = seen.slept or seen.node == node
            self.died(node, "asleep")

    def opened(self, remote: str, node: int, peek: Callable[[], str]) -> Seen:
        """Note a connection, and whether it is one too many."""
        with self.lock:
            new = Seen(remote, node, self.lives[node], peek)
            if new.peek():  # of a process that died before it was accepted here
                new.ended = "dead on arrival"
                return new
            for seen in self._open:
                seen.ended = seen.ended or seen.peek()
            self._open = [*(seen for seen in self._open if not seen.ended), new]
            count = sum(seen.remote == remote for seen in self._open)
            self.most[remote] = max(self.most[remote], count)
            if count > self.limits[remote]:
                nodes = [(s.node, s.life) for s in self._open if s.remote == remote]
                self.above.append(f"{count} associations with {remote}, of (node, life) {nodes}")
            return new

    def over(self, seen: Seen, why: str) -> None:
        """Note that a connection has ended."""
        with self.lock:
            seen.ended = seen.ended or why

    def request(self, seen: Seen, uid: str, message_id: int, at: float) -> int:
        """Note a C-STORE request; return which it is on its connection, from 1."""
        with self.lock:
            for earlier in seen.sent:
                earlier.followed = earlier.answered_at is not None
            self.stores[seen.node] += 1
            made = Sent(seen.remote, seen.node, seen.life, uid, message_id, at, awoken=seen.slept)
            seen.slept = False
            seen.sent.append(made)
            self.sent.append(made)
            return len(seen.sent)

    def answer(self, seen: Seen, message_id: int, status: int) -> None:
        """Note that the answer to a C-STORE is in the service's socket."""
        with self.lock:
            for sent in seen.sent:
                if sent.message_id == message_id and sent.answered_at is None:
                    sent.answered_at, sent.status = time.time(), status
