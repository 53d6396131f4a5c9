"""The socket under an association: how it sends, and its end where negotiation stands still."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from pynetdicom import evt
from pynetdicom.association import Association

from dicom_printer.network.reactor import stir

END_S = 5.0
"""The threads of an association end within milliseconds, once its socket is shut."""

_TCP_INFO_BYTES = 192
_BYTES_ACKED = 120
"""Where tcpi_bytes_acked stands in Linux' struct tcp_info."""


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
    stir(raw)
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


@contextmanager
def given_up_unheard(raw: Association, seconds: float) -> Iterator[None]:
    """For a block, end the connection where nothing that is sent is acknowledged for so long.

    A peer whose machine or line is gone does not even acknowledge; the system itself gives it
    15 minutes. Its limit (RFC 5482) would also end a peer that only pauses in reading, so it
    is taken back where half the time has brought an acknowledgement.
    """
    before = acknowledged(raw)

    def look() -> None:
        if acknowledged(raw) > before:
            _limit_unheard(raw, 0)

    timer = threading.Timer(seconds / 2, look)
    timer.daemon = True
    _limit_unheard(raw, seconds)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        _limit_unheard(raw, 0)


def _limit_unheard(raw: Association, seconds: float) -> None:
    wrapped = raw.dul.socket
    if wrapped is not None and wrapped.socket is not None:
        # it may be closed meanwhile, which whoever uses it next learns by itself
        with suppress(OSError):
            limit_ms = int(seconds * 1000)
            wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)


def acknowledged(raw: Association) -> int:
    """Return how many bytes the peer's system has acknowledged on this connection."""
    wrapped = raw.dul.socket
    if wrapped is None or wrapped.socket is None:
        return 0
    with suppress(OSError):
        found = wrapped.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        return int.from_bytes(found[_BYTES_ACKED : _BYTES_ACKED + 8], sys.byteorder)
    return 0


def _socket(event: evt.Event) -> socket.socket | None:
    wrapped = event.assoc.dul.socket
    return wrapped.socket if wrapped is not None else None


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
