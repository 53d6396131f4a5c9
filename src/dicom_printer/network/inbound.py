"""What a peer sends: read within limits, and the association ended at the first breach.

pynetdicom 3.0.4 reads a PDU of whatever length is announced, gathers a message without an
end, and queues every answer; a PDU or a message that it cannot read ends its thread without
a word to whoever waits. For associations that we request both steps are done here: the
reading of a PDU (PS3.8 section 9.3), and the making of messages out of it (PS3.8 Annex E,
PS3.7 section 6.3). What nobody asked for is dropped; what breaks the protocol or a limit
ends the association with an A-ABORT, and :func:`breach` says why.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any, cast

from pydicom.errors import BytesLengthException
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_CANCEL_RQ, N_EVENT_REPORT_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL, C_FIND, N_EVENT_REPORT
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from dicom_printer.network import leaving, mend

MALFORMED = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, EOFError, OSError,
    AssertionError, BytesLengthException,
    NotImplementedError, RecursionError, struct.error,
)  # fmt: skip
"""What pynetdicom and pydicom raise, by trial, on bytes that are no PDU, message or dataset."""

_ANSWER = 0x8000
"""Set in the Command Field of an answer (PS3.7 section E.1)."""
_TO_US = (N_EVENT_REPORT_RQ, C_CANCEL_RQ)
"""What is neither an answer nor a breach; nothing that we do can be cancelled."""

PENDING = frozenset({0xFF00, 0xFF01})
"""An answer to C-FIND, and more may come (PS3.4 Table C.4-1; seed's Table 3.6)."""

_P_DATA_TF = 0x04
_FIXED = {0x03: "A-ASSOCIATE-RJ", 0x05: "A-RELEASE-RQ", 0x06: "A-RELEASE-RP", 0x07: "A-ABORT"}
"""PDUs that are always 4 bytes long (PS3.8 sections 9.3.4 and 9.3.6 to 9.3.8)."""
_OF_NEGOTIATION = {"Evt3", "Evt4", "Evt6", "Evt13"}
"""The events of A-ASSOCIATE-AC, -RJ, -RQ and of A-RELEASE-RP."""
_NEGOTIATION = {0x01: "A-ASSOCIATE-RQ", 0x02: "A-ASSOCIATE-AC"}

NEGOTIATION_BYTES = 1 << 16
"""The longest A-ASSOCIATE-AC that is read: the answer to our few contexts has under 1 KiB."""
OVER_BYTES = 64
"""So much longer than announced a P-DATA-TF may be: some count headers in, some do not."""
COMMAND_BYTES = 1 << 14
"""The longest command set: those of the standard have under 1 KiB."""
DATA_BYTES = 1 << 18
"""The longest data set: an entry of a worklist has some 4 KiB, a film box 100 bytes an image."""
WAITING = 64
"""So many answers to C-FIND wait to be read; the others wait at the peer (TCP)."""
EVENTS = 10_000
"""So many N-EVENT-REPORT are heard on one association."""
MOST_PDU = 1 << 18
"""Longer PDUs are never sent, even to a peer that takes any: what is out counts by the PDU."""
USUAL_PDU = 16384
"""For a peer that states no maximum, though PS3.8 section D.1 wants one."""

_read_pdu_data = DULServiceProvider._read_pdu_data
_receive_primitive = DIMSEServiceProvider.receive_primitive
_process_primitive = DULServiceProvider._process_recv_primitive
_maximum_pdu_size: Any = vars(DIMSEServiceProvider)["maximum_pdu_size"]


class _BreachError(ValueError):
    """The peer broke the protocol or a limit; the text says how, and quotes nothing."""


def breach(raw: Association) -> str:
    """Return how the peer broke the protocol; empty where it did not."""
    return str(vars(raw).get("breach", ""))


def _break_off(dul: DULServiceProvider, what: str) -> None:
    """End the association (A-ABORT by PS3.8 Table 9-10, Evt19), and wake up whoever waits."""
    if not breach(dul.assoc):
        vars(dul.assoc).update(breach=what)
        dul.event_queue.put("Evt19")
        dul.assoc.dimse.msg_queue.put((None, None))


@contextmanager
def gathering(raw: Association) -> Iterator[None]:
    """Have the pending answers of a C-FIND handed on for a block; elsewhere they are dropped."""
    provider = vars(raw.dimse)
    provider.update(gathering=True)
    try:
        yield
    finally:
        provider.update(gathering=False)


# PDUs


def _read_pdu(self: DULServiceProvider) -> None:
    """Read one PDU from the socket, and queue it with its event."""
    if not self.assoc.is_requestor:
        _read_pdu_data(self)
    elif breach(self.assoc):
        # its stream has no sense any more; the A-ABORT is out
        cast("AssociationSocket", self.socket).close()
    elif (header := _exactly(self, 6)) is not None:
        kind, length = header[0], int.from_bytes(header[2:], "big")
        if what := _unfit(self, kind, length):
            _break_off(self, what)
        elif (body := _exactly(self, length)) is not None:
            _queue(self, header + body)


def _exactly(dul: DULServiceProvider, length: int) -> bytearray | None:
    """Read so many bytes; None where the connection ended before, which is queued as Evt17."""
    try:
        read = cast("AssociationSocket", dul.socket).recv(length)
    except OSError:
        read = bytearray()
    if len(read) == length:
        return read
    dul.event_queue.put("Evt17")
    return None


def _unfit(dul: DULServiceProvider, kind: int, length: int) -> str:
    """Say why a PDU is not read, by its header; empty where it is."""
    if kind == _P_DATA_TF:
        announced = int(dul.assoc.requestor.maximum_length or 0)
        if length > announced + OVER_BYTES:
            return f"a P-DATA-TF of {length} bytes, where {announced} were announced as the most"
    elif kind in _FIXED:
        if length != 4:
            return f"an {_FIXED[kind]} of {length} bytes instead of 4"
    elif kind not in _NEGOTIATION:
        return f"a PDU of the unknown type {kind}"
    elif length > NEGOTIATION_BYTES:
        return f"an {_NEGOTIATION[kind]} of {length} bytes; {NEGOTIATION_BYTES} are read at most"
    return ""


def _queue(dul: DULServiceProvider, content: bytearray) -> None:
    try:
        pdu, event = dul._decode_pdu(content)
        # the state machine would die of a primitive that cannot be made
        primitive: Any = pdu.to_primitive()
    except MALFORMED:
        _break_off(dul, f"a PDU of type {content[0]} that cannot be read")
        return
    if event == "Evt4" and primitive.result not in (1, 2):
        _break_off(dul, "a rejection without a result")
    elif event in _OF_NEGOTIATION and dul.state_machine.current_state == "Sta6":
        # the state machine ends it as well, but wakes up nobody
        _break_off(dul, f"a PDU of type {content[0]} on an established association")
    else:
        dul._recv_pdu.put(pdu)
        dul.event_queue.put(event)
        if event == "Evt12" and dul.state_machine.current_state == "Sta6":
            leaving.note(dul)


def _process(self: DULServiceProvider) -> bool:
    """Queue the event of what we want to send; nothing is, once the A-ABORT is out.

    The state machine would die of a second A-ABORT, and leave its socket open.
    """
    if self.assoc.is_requestor and self.state_machine.current_state == "Sta13":
        self.to_provider_queue.queue.clear()
    return _process_primitive(self)


def _shut(self: AssociationSocket) -> None:
    """Close the socket, though it cannot be shut down after the peer has reset the connection."""
    sock = self.socket
    if sock is None:  # it was closed, which the state machine has yet to be told
        return
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        sock.close()


# messages


def _receive(self: DIMSEServiceProvider, primitive: Any) -> None:
    """Make messages of what a P-DATA-TF brought."""
    if not self.assoc.is_requestor:
        _receive_primitive(self, primitive)
        return
    for context_id, fragment in primitive.presentation_data_value_list:
        if breach(self.assoc):
            return
        try:
            _take(self, context_id, fragment)
        except _BreachError as error:
            _break_off(self.dul, str(error))
        except MALFORMED:
            _break_off(self.dul, "a message that cannot be read")


def _take(provider: DIMSEServiceProvider, context_id: int, fragment: bytes) -> None:
    """Take one fragment of a message (PS3.8 section E.2), the last of it perhaps."""
    if context_id not in {cx.context_id for cx in provider.assoc.requestor.requested_contexts}:
        raise _BreachError("data in a presentation context that was not proposed")
    message = provider.message = provider.message or DIMSEMessage()
    is_command = bool(fragment[0] & 1)
    held = cast("BytesIO", message.encoded_command_set if is_command else message.data_set)
    most = COMMAND_BYTES if is_command else DATA_BYTES
    if held.getbuffer().nbytes + len(fragment) > most:
        kind = "command" if is_command else "data"
        raise _BreachError(f"a {kind} set of more than {most} bytes")
    one = P_DATA()
    one.presentation_data_value_list = [[context_id, fragment]]  # type: ignore[list-item]
    if message.decode_msg(one, provider.assoc):
        provider.message = None
        evt.trigger(provider.assoc, evt.EVT_DIMSE_RECV, {"message": message})
        if not message.command_set.CommandField & _ANSWER and not isinstance(message, _TO_US):
            raise _BreachError("a request")
        _hand_on(provider, context_id, message.message_to_primitive())


def _hand_on(provider: DIMSEServiceProvider, context_id: int, message: Any) -> None:
    """Queue the answer that is waited for, serve an event, and drop what nobody waits for."""
    state = vars(provider)
    if isinstance(message, C_CANCEL):
        return
    if isinstance(message, N_EVENT_REPORT) and message.is_valid_request:
        state["events"] = state.get("events", 0) + 1
        if state["events"] > EVENTS:
            raise _BreachError(f"more than {EVENTS} N-EVENT-REPORT")
        serve = provider.assoc._serve_request
        threading.Thread(target=serve, args=(message, context_id), daemon=True).start()
    elif mend.is_request(message):
        raise _BreachError("an answer that does not say to what")
    elif state.get("expected") is not None and not mend.is_stray(provider, message):
        _answered(provider, context_id, message)


def _answered(provider: DIMSEServiceProvider, context_id: int, message: Any) -> None:
    """Queue an answer; of several to one request that only C-FIND has."""
    state = vars(provider)
    if not message.is_valid_response:
        raise _BreachError("an answer without a status")
    elif isinstance(message, C_FIND) and message.Status in PENDING:
        while state.get("gathering") and provider.msg_queue.qsize() >= WAITING:
            time.sleep(0.002)
        if state.get("gathering"):
            provider.msg_queue.put((context_id, message))
    else:
        state["expected"] = None  # one is enough
        provider.msg_queue.put((context_id, message))


def _pdu_size(self: DIMSEServiceProvider) -> int:
    if not self.assoc.is_requestor:
        return int(_maximum_pdu_size.fget(self))
    return sent_pdu_size(self.assoc)


def sent_pdu_size(raw: Association) -> int:
    """Return how long the PDUs are that are sent to a peer, in bytes."""
    stated = raw.acceptor.maximum_length
    return USUAL_PDU if stated is None else min(stated or MOST_PDU, MOST_PDU)


def apply() -> None:
    """Put this in place of what pynetdicom does; twice is once."""
    # setattr: these are methods, and mypy rightly minds an assignment to one
    setattr(DULServiceProvider, "_read_pdu_data", _read_pdu)  # noqa: B010
    setattr(DULServiceProvider, "_process_recv_primitive", _process)  # noqa: B010
    setattr(AssociationSocket, "_shutdown_socket", _shut)  # noqa: B010
    setattr(DIMSEServiceProvider, "receive_primitive", _receive)  # noqa: B010
    setattr(DIMSEServiceProvider, "maximum_pdu_size", property(_pdu_size))  # noqa: B010
