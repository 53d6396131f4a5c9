"""A worklist or an archive in this process whose answers and faults are scripted.

It never looks at the keys: what a test puts into ``answers`` is what comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

WORKLIST = "1.2.840.10008.5.1.4.31"
PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


@dataclass
class FindSCP:
    """A C-FIND SCP on 127.0.0.1; a fault holds for every query until the test changes it."""

    ae_title: str = "RIS"
    port: int = 0
    answers: list[Dataset] = field(default_factory=list)
    status: int = 0x0000
    """The last status of every query."""
    pending: int = 0xFF00
    hang_after: int | None = None
    """After so many answers nothing comes any more."""
    abort_after: int | None = None
    """After so many answers comes an A-ABORT."""
    pause_s: float = 0.0
    """Between two answers."""
    heeds_cancel: bool = True
    sop_classes: tuple[str, ...] = (WORKLIST, PATIENT_ROOT)
    transfer_syntaxes: tuple[str, ...] = UNCOMPRESSED

    queries: list[Dataset] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)
    """The presentation contexts of each association request."""
    cancelled: int = 0
    ended: list[str] = field(default_factory=list)
    """How each association ended: released, or aborted."""

    def start(self) -> None:
        """Listen; on the port it had before, if it was stopped."""
        self._over = threading.Event()
        ae = AE(self.ae_title)
        for sop_class in self.sop_classes:
            ae.add_supported_context(sop_class, list(self.transfer_syntaxes))
        handlers: list[Any] = [
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_PDU_RECV, self._pdu),
        ]
        self._server: Any = ae.make_server(
            ("127.0.0.1", self.port),
            evt_handlers=handlers,
            server_class=ThreadedAssociationServer,
        )
        ae._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        listening: Any = self._server.socket
        self.port = listening.getsockname()[1]

    def stop(self) -> None:
        """Close the port and abort whatever is open."""
        self._over.set()
        self._server.ae.shutdown()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _requested(self, event: Any) -> None:
        self.contexts.append(event.assoc.requestor.primitive.presentation_context_definition_list)

    def _pdu(self, event: Any) -> None:
        # on the wire: the association's own events wait for an answer that hangs
        how = {"A_RELEASE_RQ": "released", "A_ABORT_RQ": "aborted"}.get(type(event.pdu).__name__)
        if how:
            self.ended.append(how)

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        self.queries.append(event.identifier)
        self.models.append(str(event.request.AffectedSOPClassUID))
        for number, answer in enumerate(self.answers):
            if number == self.hang_after:
                self._over.wait()
                return
            if number == self.abort_after:
                event.assoc.abort()
                return
            if event.is_cancelled and self.heeds_cancel:
                self.cancelled += 1
                yield 0xFE00, None
                return
            time.sleep(self.pause_s)
            yield self.pending, answer
        if self.hang_after is not None:
            self._over.wait()
            return
        if self.abort_after is not None:
            event.assoc.abort()
            return
        yield self.status, None
