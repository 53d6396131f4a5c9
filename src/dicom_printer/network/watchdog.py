"""The clock of an operation: ends it when nothing has moved for too long, or in any case."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ABORT

from dicom_printer.network.outbound import has_data

GRACE_S = 1.0
"""How long the A-ABORT has to get out before the socket is shut."""

SLOWEST_BYTES_S = 8192
"""What is sent may take so long: the speed of an ISDN line. A peer that reads slower than that,
however steadily, would keep an association for days."""

_AGAIN_S = 0.1
"""After so long it is tried again where no thread could be had to bite."""

Counts = Callable[[evt.Event], bool]
"""Tells whether data that was sent or received is a movement."""


def anything(_event: evt.Event) -> bool:
    """Count whatever is sent or received."""
    return True


def own_data(event: evt.Event) -> bool:
    """Count what we send of a data set (PS3.8 sections 9.3.5 and E.2).

    Not what is received: a peer that says something all the time may never answer. And no
    command: it may be our answer to such a peer's event.
    """
    return event.event is evt.EVT_DATA_SENT and has_data(event.data)


def patience_s(timeout_s: float, size: int) -> float:
    """Return how many seconds a request with so many bytes of data may last, whatever moves."""
    # the answer may come a time-out after the last of the data
    return 2 * timeout_s + size / SLOWEST_BYTES_S


def size_of(ds: Dataset | None) -> int:
    """Return about how many bytes a data set takes: what is long in it, items included."""
    size = 0
    for element in ds or ():
        if element.VR == "SQ":
            size += sum(map(size_of, element.value))
        elif isinstance(element.value, bytes):
            size += len(element.value)
    return size


class Watchdog:
    """Aborts an association on which nothing was sent or received for ``timeout_s``.

    pynetdicom waits without a deadline in three places: for a peer that stops
    reading, for its own thread after that has died, and in ``abort`` for either.
    All end when the socket is shut and the sign that they wait for is given.

    Parameters
    ----------
    association : pynetdicom.association.Association
        What to watch, for the length of a ``with`` block.
    timeout_s : float
        The longest silence, in seconds.
    limit_s : float, optional
        How long the operation may last, whatever moves; without an end by default.
    counts : callable, optional
        What is a movement, of all that is sent and received; by default anything.

    Attributes
    ----------
    bit_after_s : float or None
        Which of the two times was over, where one was.
    """

    def __init__(
        self,
        association: Association,
        timeout_s: float,
        limit_s: float = math.inf,
        counts: Counts = anything,
    ) -> None:
        self.bit_after_s: float | None = None
        self._association = association
        self._timeout_s = timeout_s
        self._limit_s = limit_s
        self._counts = counts
        self._moved = time.monotonic()
        self._end = self._moved + limit_s
        self._over = threading.Event()
        self._biting: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._association.bind(evt.EVT_DATA_SENT, self._touch)
        self._association.bind(evt.EVT_DATA_RECV, self._touch)
        _CLOCK.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _CLOCK.remove(self)
        self._over.set()
        if self._biting is not None:
            self._biting.join()
        self._association.unbind(evt.EVT_DATA_SENT, self._touch)
        self._association.unbind(evt.EVT_DATA_RECV, self._touch)

    def _touch(self, event: evt.Event) -> None:
        if self._counts(event):
            self.moved()

    def moved(self) -> None:
        """Count something else as a movement."""
        self._moved = time.monotonic()

    def due(self) -> float:
        """Return when the association is to be ended, if nothing moves until then."""
        return min(self._moved + self._timeout_s, self._end)

    def bite(self) -> bool:
        """End the association, in a thread of its own: that takes up to a second.

        False where no thread is to be had just now.
        """
        thread = threading.Thread(target=self._bite, name="watchdog", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._biting = thread
        return True

    def _bite(self) -> None:
        """A-ABORT, then the end of the connection, then wake up whoever waits."""
        self.bit_after_s = self._limit_s if self._end < time.monotonic() else self._timeout_s
        raw = self._association
        raw.acse.send_abort(0x00)
        end = time.monotonic() + GRACE_S
        while raw.dul.state_machine.current_state not in ("Sta1", "Sta13"):
            # Sta13: the A-ABORT is out (PS3.8 Table 9-9); not so while a send is stuck
            if time.monotonic() > end or self._over.wait(0.005):
                break
        wrapped = raw.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            with suppress(OSError):
                wrapped.socket.shutdown(socket.SHUT_RDWR)
        raw._is_paused = True
        raw.dimse.msg_queue.put((None, None))
        raw.dul.to_user_queue.put(A_ABORT())  # who waits for the answer to a release


class _Clock:
    """One thread for all watchdogs, asleep until the first of them is due.

    A thread for each would be started and ended with every page.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watchdogs: set[Watchdog] = set()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    def add(self, watchdog: Watchdog) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="watchdogs", daemon=True)
                thread.start()
                self._thread = thread
            self._watchdogs.add(watchdog)
            if watchdog.due() < self._wakes:
                self._changed.notify()

    def remove(self, watchdog: Watchdog) -> None:
        with self._changed:
            self._watchdogs.discard(watchdog)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                due = [each for each in self._watchdogs if each.due() <= now]
                bitten = {each for each in due if each.bite()}
                self._watchdogs -= bitten
                self._wakes = min((each.due() for each in self._watchdogs), default=math.inf)
                least = 0.0 if len(bitten) == len(due) else _AGAIN_S
                wait = max(self._wakes - now, least)
                self._changed.wait(min(wait, threading.TIMEOUT_MAX))


_CLOCK = _Clock()
# Of all threads, a child process has only the one that forked; a lock may be held for ever.
os.register_at_fork(after_in_child=_CLOCK.__init__)  # type: ignore[misc]
