"""The two threads of an association: asleep until there is something to do.

pynetdicom 3.0.4 has each of them look a thousand times a second: the one of the upper layer
(PS3.8 section 9.2) for what is to be sent and what has come, the association's own for the
peer's release or abort. With pages going out that is a tenth of the processor time of the
service; and each page, and each answer, waits a millisecond. For associations that we request
both are woken up instead, by whoever puts something into the queues between them.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import A_P_ABORT
from pynetdicom.timer import Timer

_request = Association.request
_run_reactor = DULServiceProvider.run_reactor
_kill_dul = DULServiceProvider.kill_dul
_stop_dul = DULServiceProvider.stop_dul


class Bell:
    """Wakes a thread that waits for a socket.

    Raises
    ------
    OSError
        Where the process has no descriptor left.
    """

    def __init__(self) -> None:
        # Whoever rings must not write into what another thread has opened as that number.
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def ring(self) -> None:
        """End the wait, or the next one; from any thread."""
        with self._lock:
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def wait(self, fd: int, timeout_s: float | None) -> None:
        """Wait until it rings, or there is something to be read from `fd`, if that is not -1."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if fd >= 0:
            poll.register(fd, select.POLLIN)
        poll.poll(None if timeout_s is None else timeout_s * 1000)
        with suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Let go of it; to ring it does nothing from now on."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1


class Checkpoint:
    """Where the association's thread waits, in place of pynetdicom's :class:`threading.Event`.

    It passes when it may, and there is something for it to look at.

    Parameters
    ----------
    dul : DULServiceProvider
        The upper layer: that its idle timer is over, or its thread at its end, is to be looked at.
    """

    def __init__(self, dul: DULServiceProvider) -> None:
        self._changed = threading.Condition()
        self._is_open = self._is_stirred = True
        self._dul = dul

    def set(self) -> None:
        """Let the thread pass; not for that alone."""
        with self._changed:
            self._is_open = True
            self._changed.notify()  # the idle timer counts from now on

    def clear(self) -> None:
        """Keep the thread here."""
        with self._changed:
            self._is_open = False

    def stir(self) -> None:
        """Say that there is something to look at."""
        with self._changed:
            self._is_stirred = True
            self._changed.notify()

    def wait(self) -> None:
        """Wait for both.

        Whoever keeps the thread here and finds it paused may count on that: with an event of
        pynetdicom's it might have passed, and not have said so yet.
        """
        idle = self._dul._idle_timer
        with self._changed:
            while not (self._is_open and (self._is_stirred or idle.expired)):
                self._changed.wait(_left_s(idle) if self._is_open else None)
            self._is_stirred = False
            self._dul.assoc._is_paused = False
        if self._dul._kill_thread:
            self._dul.join()  # what is looked at is whether it still lives


class _Ringing(queue.Queue[Any]):
    """A queue that tells when something is put into it."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._ring = ring

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._ring()


def _bell(dul: DULServiceProvider) -> Bell:
    bell: Bell = vars(dul)["bell"]
    return bell


def stir(raw: Association) -> None:
    """Have the association's own thread look whether it is to end."""
    checkpoint: Any = raw._reactor_checkpoint
    checkpoint.stir()


def _request_mended(self: Association) -> None:
    """Request an association, whose threads sleep where they have nothing to do."""
    dul, bell = self.dul, Bell()
    vars(dul).update(bell=bell)
    checkpoint: Any = Checkpoint(dul)
    self._reactor_checkpoint = checkpoint
    dul.to_user_queue = _Ringing(checkpoint.stir)
    dul.event_queue, dul.to_provider_queue = _Ringing(bell.ring), _Ringing(bell.ring)
    try:
        _request(self)
    finally:
        if dul.ident is None:  # no thread was to be had, which would close it as it ends
            bell.close()


def _run(self: DULServiceProvider) -> None:
    """Serve the upper layer until it is killed: send, receive, change the state."""
    if not self.assoc.is_requestor:
        _run_reactor(self)
        return
    self._idle_timer.start()
    self.assoc._dul_ready.set()
    try:
        while not self._kill_thread:
            if not _turn(self):
                _bell(self).wait(_readable(self), _left_s(self.artim_timer))
    finally:
        # Whatever ended it, nobody waits for it any more.
        self._kill_thread = True
        if self.state_machine.current_state != "Sta1":
            self.to_user_queue.put(A_P_ABORT())
        stir(self.assoc)
        self.assoc.dimse.msg_queue.put((None, None))
        _bell(self).close()


def _turn(dul: DULServiceProvider) -> bool:
    """Do one thing, in pynetdicom's order; False where there was nothing to do."""
    if dul.artim_timer.expired:  # before whatever else happens
        dul.event_queue.put("Evt18")
    if not dul._process_recv_primitive() and dul._is_transport_event():
        dul._idle_timer.restart()
    try:
        event = dul.event_queue.get(block=False)
    except queue.Empty:
        return False
    dul.state_machine.do_action(event)
    return True


def _readable(dul: DULServiceProvider) -> int:
    """Return the descriptor on which the peer may say something, -1 for none."""
    wrapped = dul.socket
    if wrapped is None or wrapped.socket is None or not wrapped._is_connected:
        return -1
    return wrapped.socket.fileno()


def _left_s(timer: Timer) -> float | None:
    """Return in how many seconds a timer is over, None for never."""
    if timer.timeout is None or timer._start_time is None or timer._end_time is not None:
        return None
    return max(timer.remaining, 0) + 0.001  # it is over only when less than nothing is left


def _kill(self: DULServiceProvider) -> None:
    """End the thread, which may be asleep."""
    _kill_dul(self)
    if bell := vars(self).get("bell"):
        bell.ring()


def _stop(self: DULServiceProvider) -> bool:
    """End the thread where it is idle (Sta1), and wait for its end."""
    if self.state_machine.current_state == "Sta1":
        self.kill_dul()
    return _stop_dul(self)


def apply() -> None:
    """Put this in place of what pynetdicom does; twice is once."""
    # setattr: these are methods, and mypy rightly minds an assignment to one
    setattr(Association, "request", _request_mended)  # noqa: B010
    setattr(DULServiceProvider, "run_reactor", _run)  # noqa: B010
    setattr(DULServiceProvider, "kill_dul", _kill)  # noqa: B010
    setattr(DULServiceProvider, "stop_dul", _stop)  # noqa: B010
