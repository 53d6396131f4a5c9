"""The network between a node and a store: a TCP proxy that cuts, delays, resets, half-closes."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from chaos.plan import Line
from chaos.wire import ABORT, DATA, PDU, RELEASE_RP, Splitter
from chaos.witness import Seen, Witness

_CHUNK = 1 << 16
_HUNG_UP = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Proxy:
    """One node's way to one remote.

    Parameters
    ----------
    drawn : callable
        Returns what happens to the next connection, whichever node it comes from.
    """

    def __init__(
        self, witness: Witness, remote: str, node: int, port: int, drawn: Callable[[], Line]
    ) -> None:
        self.witness, self.remote, self.node = witness, remote, node
        self._upstream, self._drawn = port, drawn
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no longer."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            drawn = Line("") if self.witness.calm else self._drawn()
            if drawn.fault == "refuse":
                self.witness.fault("line: refuse")
                _reset(client)
                continue
            with contextlib.suppress(OSError):  # it was reset before it was taken up
                _Connection(self, client, drawn, self._upstream)


class _Connection:
    """One connection, and the two threads that carry its PDUs."""

    def __init__(self, proxy: Proxy, client: socket.socket, drawn: Line, port: int) -> None:
        self._witness, self._line = proxy.witness, drawn
        self._client = client
        self._reading = threading.Lock()
        self._requests, self._responses = Splitter(), Splitter()
        self._silent = False
        self._gone = ""
        self._answers = 0
        self._seen: Seen = self._witness.opened(proxy.remote, proxy.node, self._peek)
        try:
            self._server = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            self._end("no store")
            _reset(client)
            return
        self._server.settimeout(None)
        for side in (client, self._server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._outward, daemon=True).start()
        threading.Thread(target=self._homeward, daemon=True).start()

    def _peek(self) -> str:
        """Tell whether the service has ended this connection, read by us or not."""
        poll = select.poll()
        with contextlib.suppress(OSError, ValueError), self._reading:
            if self._gone:
                return self._gone
            poll.register(self._client, _HUNG_UP | select.POLLIN)
            events = dict(poll.poll(0)).get(self._client.fileno(), 0)
            if events & _HUNG_UP:
                return "hung up"
            if events & select.POLLIN:
                # Nothing follows an A-ABORT.
                data = self._client.recv(_CHUNK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                return "aborted" if data[-10:-6] == b"\7\0\0\0" else ""
            return ""
        return "closed"

    def _end(self, why: str) -> None:
        self._witness.over(self._seen, why)

    def _outward(self) -> None:
        """Carry what the service sends."""
        poll = select.poll()
        poll.register(self._client, select.POLLIN)
        try:
            while True:
                poll.poll()
                with self._reading:
                    data = self._client.recv(_CHUNK)
                    pdus = self._requests.feed(data)
                    if not data or any(pdu.kind == ABORT for pdu in pdus):
                        self._gone = "ended by the service"
                if self._gone:
                    self._end(self._gone)
                if not data:
                    break
                for pdu in pdus:
                    self._request(pdu)
        except (OSError, ValueError):
            self._end("broken")
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_WR)

    def _request(self, pdu: PDU) -> None:
        if pdu.command is not None:
            c = pdu.command
            number = self._witness.request(self._seen, c.uid, c.message_id, pdu.at)
            if number == self._line.at and self._line.fault.endswith("in request"):
                self._server.sendall(pdu.data[: len(pdu.data) // 2])
                self._break()
        if not self._silent:
            self._server.sendall(pdu.data)

    def _homeward(self) -> None:
        """Carry what the store sends."""
        try:
            while data := self._server.recv(_CHUNK):
                for pdu in self._responses.feed(data):
                    self._response(pdu)
        except OSError:
            pass
        self._end("ended by the store")
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    def _response(self, pdu: PDU) -> None:
        fault = ""
        if pdu.kind == DATA and pdu.command is not None:
            self._answers += 1
            fault = self._line.fault if self._answers == self._line.at else ""
        if fault == "delay":
            self._witness.fault("line: delay")
            time.sleep(self._line.delay_s)
        if fault == "black hole":
            self._witness.fault("line: black hole")
            self._silent = True
        if fault.endswith("before answer"):
            self._break()
        if self._silent:
            return
        self._deliver(pdu)
        if fault.endswith("after answer"):
            self._break()
        if fault == "half-close":
            # The service may still send; it hears nothing any more.
            self._witness.fault("line: half-close")
            self._end("half-closed")
            self._silent = True
            self._client.shutdown(socket.SHUT_WR)

    def _deliver(self, pdu: PDU) -> None:
        if pdu.command is not None:
            # Before, and not after: what the service does with it may come before our next line.
            self._witness.answer(self._seen, pdu.command.message_id, pdu.command.status)
        if pdu.kind in {RELEASE_RP, ABORT}:
            self._end("released" if pdu.kind == RELEASE_RP else "aborted by the store")
        self._client.sendall(pdu.data)

    def _break(self) -> None:
        """Cut or reset the connection, both ways."""
        self._witness.fault(f"line: {self._line.fault}")
        self._end(self._line.fault)
        if self._line.fault.startswith("reset"):
            _reset(self._client)
        else:
            self._client.shutdown(socket.SHUT_RDWR)
        _reset(self._server)
        raise ConnectionResetError


def _reset(side: socket.socket) -> None:
    """Close with an RST."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A thread that waits in recv(2) would keep it open.
        side.shutdown(socket.SHUT_RD)
        side.close()
