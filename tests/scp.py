"""A store in this process whose answers and faults are scripted.

::

    with ScriptedSCP(statuses={3: 0xA700}) as scp:    # the third C-STORE: out of resources
        ...
        assert [r.sop_instance_uid for r in scp.stored] == [...]

Every fault is a plain attribute: a test may change it while the store runs.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
VERIFICATION = "1.2.840.10008.1.1"
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


@dataclass(frozen=True)
class Store:
    """A C-STORE request that came, and the status it was answered with."""

    sop_instance_uid: str
    transfer_syntax: str
    calling_ae_title: str
    status: int
    dataset: Dataset | None = None


@dataclass
class ScriptedSCP:
    """A store SCP on loopback; numbers of stores count from 1 over its whole life."""

    ae_title: str = "SCRIPTED"
    port: int = 0
    host: str = "127.0.0.1"
    reject: tuple[int, int, int] | None = None
    """Answer each association with this result, source and diagnostic (PS3.8 9.3.4)."""
    abort_association: bool = False
    """Answer each association request with an A-ABORT."""
    statuses: dict[int, int] = field(default_factory=dict)
    """Status by number of store; 0x0000 where none is given."""
    status: int = 0x0000
    """Status of the stores that ``statuses`` does not name."""
    hang_on: frozenset[int] = frozenset()
    """Stores that are taken and never answered."""
    abort_on: frozenset[int] = frozenset()
    """Stores that are answered with an A-ABORT."""
    drop_on: frozenset[int] = frozenset()
    """Stores on which the socket is closed without a word."""
    twice_on: frozenset[int] = frozenset()
    """Stores that are answered with success, and then once more as they should be."""
    strays_on: frozenset[int] = frozenset()
    """Stores that are never answered; answers to another request come all the time."""
    delay_s: float = 0.0
    """Every answer comes this much later."""
    sop_classes: tuple[str, ...] = (SECONDARY_CAPTURE, VERIFICATION)
    transfer_syntaxes: tuple[str, ...] = UNCOMPRESSED
    maximum_associations: int = 100
    require_called_ae_title: bool = False
    require_calling: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    """Speak TLS with this."""
    keep_datasets: bool = False
    """Keep the datasets too, not only that they came."""

    stores: list[Store] = field(default_factory=list)
    echoes: int = 0
    requests: list[Any] = field(default_factory=list)
    """The A-ASSOCIATE request primitives, in the order they came."""
    max_simultaneous: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._count = 0
        self._over = threading.Event()
        self._server: Any = None

    @property
    def stored(self) -> list[Store]:
        """The stores that were answered with success or a warning."""
        return [s for s in self.stores if s.status == 0 or s.status & 0xFFF0 == 0xB000]

    @property
    def stored_uids(self) -> list[str]:
        """SOP Instance UIDs of what was accepted, in order, repetitions included."""
        return [s.sop_instance_uid for s in self.stored]

    @property
    def associations(self) -> int:
        """How many associations were asked for."""
        return len(self.requests)

    @property
    def is_busy(self) -> bool:
        """Whether it counts any association as open."""
        return bool(self._server.active_associations)

    def open_associations(self) -> list[Any]:
        """Return the associations that are open, as pynetdicom has them."""
        return list(self._server.active_associations)

    def start(self) -> None:
        """Listen; on the port it had before, if it was stopped."""
        self._over.clear()
        ae = AE(self.ae_title)
        ae.maximum_associations = self.maximum_associations
        ae.require_called_aet = self.require_called_ae_title
        ae.require_calling_aet = list(self.require_calling)
        for sop_class in self.sop_classes:
            ae.add_supported_context(sop_class, list(self.transfer_syntaxes))
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_ESTABLISHED, self._established),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_RELEASED, self._closed),
            (evt.EVT_ABORTED, self._closed),
            (evt.EVT_C_ECHO, self._echo),
            (evt.EVT_C_STORE, self._store),
        ]
        # as start_server does it, but stopped within 20 ms instead of 500
        self._server = ae.make_server(
            (self.host, self.port),
            ssl_context=self.tls,
            evt_handlers=handlers,
            server_class=ThreadedAssociationServer,
        )
        ae._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.port = self._server.socket.getsockname()[1]

    def stop(self) -> None:
        """Close the port and abort whatever is open."""
        self._over.set()
        if self._server is not None:
            # One that was rejected ends by itself, and must not be aborted while it does.
            deadline = time.monotonic() + 5
            while self.reject is not None and self.is_busy and time.monotonic() < deadline:
                time.sleep(0.005)
            self._server.ae.shutdown()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _requested(self, event: Any) -> None:
        self.requests.append(event.assoc.requestor.primitive)
        if self.abort_association:
            event.assoc.abort()
        elif self.reject is not None:
            event.assoc.acse.send_reject(*self.reject)
            event.assoc.kill()

    def _established(self, event: Any) -> None:
        with self._lock:
            self._open.add(id(event.assoc))
            self.max_simultaneous = max(self.max_simultaneous, len(self._open))

    def _closed(self, event: Any) -> None:
        with self._lock:
            self._open.discard(id(event.assoc))

    def _echo(self, event: Any) -> int:
        time.sleep(self.delay_s)
        with self._lock:
            self.echoes += 1
        return 0x0000

    def _store(self, event: Any) -> int:
        with self._lock:
            self._count += 1
            number = self._count
        time.sleep(self.delay_s)
        if number in self.hang_on:
            self._over.wait()
        if number in self.twice_on:
            answer_at_once(event, int(event.request.MessageID))
        while number in self.strays_on and not self._over.wait(0.1):
            answer_at_once(event, int(event.request.MessageID) % 65535 + 1)
        if number in self.abort_on:
            event.assoc.abort()
            return 0xC000  # nobody hears it
        if number in self.drop_on:
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
            return 0xC000
        if number in self.hang_on | self.strays_on:
            return 0xC000
        status = self.statuses.get(number, self.status)
        store = Store(
            sop_instance_uid=str(event.request.AffectedSOPInstanceUID),
            transfer_syntax=str(event.context.transfer_syntax),
            calling_ae_title=event.assoc.requestor.ae_title.strip(),
            status=status,
            dataset=event.dataset if self.keep_datasets else None,
        )
        with self._lock:
            self.stores.append(store)
        return status


def answer_at_once(event: Any, message_id: int) -> None:
    """Answer with success, besides the answer that the handler returns."""
    answer = type(event.request)()
    answer.MessageIDBeingRespondedTo = message_id
    answer.Status = 0x0000
    event.assoc.dimse.send_msg(answer, event.context.context_id)


class SilentListener:
    """TCP connections succeed (in the backlog), and never a word comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


class HalfAnswering:
    """Takes one TCP connection, sends these bytes, and leaves it open."""

    def __init__(self, said: bytes, pause_s: float = 0.0) -> None:
        self._said = said
        self._pause_s = pause_s
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._socket.close()
        self._thread.join(10)

    def _run(self) -> None:
        client, _ = self._socket.accept()
        with client, suppress(OSError):
            client.recv(65536)
            for byte in self._said:
                client.sendall(bytes([byte]))
                if self._over.wait(self._pause_s):
                    return
            self._over.wait()
