"""A film printer in this process whose answers and faults are scripted.

::

    with ScriptedPrinter(faults={"N-ACTION": "hang"}) as printer:   # takes it, never answers
        ...
        assert printer.printed == []

A fault is named by its message (see :data:`MESSAGES`), or by the message and which one of its
kind it is: ``"N-SET image box 2"``. It is a status, or one of ``hang`` (taken, never answered),
``abort``, ``drop`` (the socket is closed), ``no data`` (answered without a data set),
``chatter`` (never answered, but events come all the time), ``damaged`` (success, with a data
set that nobody can read).
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Self

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.transport import ThreadedAssociationServer
from scp import answer_at_once

GRAYSCALE, COLOR = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.18"
VERIFICATION = "1.2.840.10008.1.1"
NAMES = {
    "1.2.840.10008.5.1.1.1": "session",
    "1.2.840.10008.5.1.1.2": "film box",
    "1.2.840.10008.5.1.1.4": "image box",
    "1.2.840.10008.5.1.1.4.1": "image box",
    "1.2.840.10008.5.1.1.15": "annotation box",
    "1.2.840.10008.5.1.1.16": "printer",
    "1.2.840.10008.5.1.1.23": "lut",
}
MESSAGES = (
    "N-GET printer",
    "N-CREATE session",
    "N-CREATE film box",
    "N-SET image box",
    "N-ACTION",
    "N-DELETE",
)
"""The requests for a film, in their order."""
IMAGE_BOX = "1.2.840.10008.5.1.1.4"
ANNOTATION_BOX = "1.2.840.10008.5.1.1.15"
NO_SUCH_INSTANCE = 0x0112


@dataclass
class ScriptedPrinter:
    """A print SCP on 127.0.0.1; a test may change any of its attributes while it runs."""

    ae_title: str = "PRINTER"
    port: int = 0
    faults: dict[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0
    """Every answer comes this much later."""
    status: str = "NORMAL"
    info: str = "NORMAL"
    image_boxes: int | None = None
    """How many a film box has, whatever was asked for."""
    own_uids: bool = False
    """Whether it makes the UIDs itself and answers with them."""
    reject: tuple[int, int, int] | None = None
    sop_classes: tuple[str, ...] = (GRAYSCALE, COLOR)
    transfer_syntaxes: tuple[str, ...] = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")

    messages: list[str] = field(default_factory=list)
    """The requests that came, for example ``N-SET image box``."""
    datasets: list[tuple[str, Dataset | None]] = field(default_factory=list)
    """The same with their data sets."""
    printed: list[tuple[str, ...]] = field(default_factory=list)
    """The film boxes that each N-ACTION printed, by UID."""
    associations: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._counts: dict[str, int] = {}
        self._film_boxes: list[str] = []
        self._known: set[str] = set()
        self._server: Any = None

    def __enter__(self) -> Self:
        ae = AE(self.ae_title)
        for sop_class in self.sop_classes:
            ae.add_supported_context(sop_class, list(self.transfer_syntaxes))
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_ECHO, lambda _event: 0x0000),
            (evt.EVT_N_GET, self._get),
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_SET, self._set),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_N_DELETE, self._delete),
        ]
        self._server = ae.make_server(
            ("127.0.0.1", self.port),
            evt_handlers=handlers,
            server_class=ThreadedAssociationServer,
        )
        ae._servers.append(self._server)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.port = self._server.socket.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        deadline = time.monotonic() + 5
        while self.reject and self._server.active_associations and time.monotonic() < deadline:
            time.sleep(0.005)
        self._server.ae.shutdown()

    def _requested(self, event: Any) -> None:
        self.associations.append(event.assoc.requestor.primitive)
        if self.reject is not None:
            event.assoc.acse.send_reject(*self.reject)
            event.assoc.kill()

    def _came(self, event: Any, message: str, ds: Dataset | None = None) -> Any:
        """Note a request and carry its fault out; return a status, or None for none."""
        with self._lock:
            self.messages.append(message)
            self.datasets.append((message, ds))
            self._counts[message] = number = self._counts.get(message, 0) + 1
        time.sleep(self.delay_s)
        general = message.rsplit(" ", 2)[0] if message.startswith(("N-ACTION", "N-DELETE")) else ""
        names = (f"{message} {number}", message, general.split(" ")[0])
        fault = next((self.faults[name] for name in names if name in self.faults), None)
        if fault == "hang":
            self._over.wait()
        elif fault == "chatter":
            _chatter(event, self._over)
        elif fault == "abort":
            event.assoc.abort()
        elif fault == "damaged":
            _damage(event.assoc.dimse)
        elif fault == "twice":
            answer_at_once(event, int(event.request.MessageID))
        elif fault == "drop":
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return fault

    def _get(self, event: Any) -> tuple[Any, Dataset | None]:
        fault = self._came(event, "N-GET printer")
        ds = Dataset()
        ds.PrinterStatus, ds.PrinterStatusInfo = self.status, self.info
        return (fault, None) if isinstance(fault, int) else (0x0000, ds)

    def _create(self, event: Any) -> tuple[Any, Dataset | None]:
        sop_class = str(event.request.AffectedSOPClassUID)
        name = NAMES[sop_class]
        asked = event.attribute_list if event.request.AttributeList else Dataset()
        fault = self._came(event, f"N-CREATE {name}", asked)
        answer = Dataset()
        answer.Status = fault if isinstance(fault, int) else 0x0000
        if answer.Status >> 12 != 0xB and answer.Status not in (0, 0x0107, 0x0116):
            return answer, None
        uid, ds = event.request.AffectedSOPInstanceUID, Dataset()
        if not uid:
            ds.AffectedSOPInstanceUID = uid = generate_uid()  # pynetdicom wants it in there
        elif self.own_uids:
            answer.AffectedSOPInstanceUID = uid = generate_uid()
        self._known.add(str(uid))
        if name != "film box" or fault == "no data":
            return answer, ds
        if asked.ReferencedFilmSessionSequence[0].ReferencedSOPInstanceUID not in self._known:
            return NO_SUCH_INSTANCE, None
        with self._lock:
            self._film_boxes.append(str(uid))
        columns, _, rows = asked.ImageDisplayFormat.partition("\\")[2].partition(",")
        count = self.image_boxes if self.image_boxes is not None else int(columns) * int(rows)
        ds.ReferencedImageBoxSequence = [self._box(IMAGE_BOX) for _ in range(count)]
        ds.ReferencedBasicAnnotationBoxSequence = [self._box(ANNOTATION_BOX)]
        return answer, ds

    def _box(self, sop_class: str) -> Dataset:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = generate_uid()
        self._known.add(item.ReferencedSOPInstanceUID)
        return item

    def _set(self, event: Any) -> tuple[Any, Dataset | None]:
        name = NAMES[str(event.request.RequestedSOPClassUID)]
        fault = self._came(event, f"N-SET {name}", event.modification_list)
        if str(event.request.RequestedSOPInstanceUID) not in self._known:
            return NO_SUCH_INSTANCE, None
        return fault if isinstance(fault, int) else 0x0000, None

    def _action(self, event: Any) -> tuple[Any, Dataset | None]:
        name = NAMES[str(event.request.RequestedSOPClassUID)]
        fault = self._came(event, f"N-ACTION {name}")
        if str(event.request.RequestedSOPInstanceUID) not in self._known:
            return NO_SUCH_INSTANCE, None
        status = fault if isinstance(fault, int) else 0x0000
        if status in (0, 0xB604):
            uid = str(event.request.RequestedSOPInstanceUID)
            boxes = self._film_boxes if name == "session" else [uid]
            with self._lock:
                self.printed.append(tuple(boxes))
                self._film_boxes = []
        return status, None

    def _delete(self, event: Any) -> Any:
        fault = self._came(event, f"N-DELETE {NAMES[str(event.request.RequestedSOPClassUID)]}")
        return fault if isinstance(fault, int) else 0x0000


def _damage(dimse: Any) -> None:
    """Put what is no data set into the next answer."""
    send = dimse.send_msg

    def damaged(answer: Any, context_id: int) -> None:
        dimse.send_msg = send
        name = "ActionReply" if hasattr(answer, "ActionReply") else "AttributeList"
        setattr(answer, name, BytesIO(b"\x00\x21\x00\x05\xff\xff\xff\xff no items"))
        send(answer, context_id)

    dimse.send_msg = damaged


def _chatter(event: Any, over: threading.Event) -> None:
    """Send N-EVENT-REPORTs until the association ends."""
    while event.assoc.is_established and not over.wait(0.02):
        report = N_EVENT_REPORT()
        report.MessageID = 77
        report.AffectedSOPClassUID = "1.2.840.10008.5.1.1.16"
        report.AffectedSOPInstanceUID = "1.2.840.10008.5.1.1.17"
        report.EventTypeID = 1
        event.assoc.dimse.send_msg(report, event.context.context_id)
