"""The socket under an association: how it sends, and its end where negotiation stands still."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from pynetdicom import evt
from pynetdicom.association import Association

END_S = 5.0
"""The threads of an association end within milliseconds, once its socket is shut."""


class NegotiationLimit:
    """Shuts the socket of an association that is not negotiated in time.

    pynetdicom's own clock wakes whoever waits for the answer, but not the thread that reads
    it: where a part of it has come, that one reads on, and everybody waits for it.

    Parameters
    ----------
    limit_s : float
        How long the negotiation may last, from the TCP connection on.
    """

    def __init__(self, limit_s: float) -> None:
        self.is_connected = False
        self._limit_s = limit_s
        self._timers: list[threading.Timer] = []

    def opened(self, event: evt.Event) -> None:
        """Start the clock: to be bound to ``EVT_CONN_OPEN``."""
        self.is_connected = True
        sock = _socket(event)
        if sock is not None:
            timer = threading.Timer(self._limit_s, _shut, (sock,))
            timer.daemon = True
            timer.start()
            self._timers.append(timer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for timer in self._timers:
            timer.cancel()


def ended(raw: Association) -> None:
    """See that nothing of an association is left: its socket is closed, its threads end.

    pynetdicom leaves the socket open where the peer has reset the connection, and where its
    own thread has died.
    """
    wrapped = raw.dul.socket
    raw.dul.kill_dul()
    raw._kill = True
    raw._reactor_checkpoint.set()
    if wrapped is not None and wrapped.socket is not None:
        _shut(wrapped.socket)
    for thread in (raw, raw.dul):
        if thread.ident is not None:
            thread.join(END_S)
    if wrapped is not None and wrapped.socket is not None:
        wrapped.socket.close()


def hurry(event: evt.Event) -> None:
    """Send at once and acknowledge at once.

    DCMTK, and with it Orthanc, sends an answer in two writes with Nagle on: without
    this each answer waits 40 ms for our delayed acknowledgement. Quick acknowledgement
    lasts for one packet only, so it is asked for after each.
    """
    sock = _socket(event)
    if sock is None:
        return
    # it may be closed meanwhile, which whoever waits on it learns by itself
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def give_up_unheard(raw: Association, seconds: float) -> None:
    """End the connection where what is sent stays unacknowledged for so long (RFC 5482).

    A peer whose machine or line is gone does not even acknowledge; the system itself gives
    it 15 minutes, as it does with 0 seconds.
    """
    wrapped = raw.dul.socket
    if wrapped is not None and wrapped.socket is not None:
        # it may be closed meanwhile, which whoever uses it next learns by itself
        with suppress(OSError):
            limit_ms = int(seconds * 1000)
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)


def _socket(event: evt.Event) -> socket.socket | None:
    wrapped = event.assoc.dul.socket
    return wrapped.socket if wrapped is not None else None


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
