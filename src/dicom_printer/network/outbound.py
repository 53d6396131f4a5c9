"""What is sent to a peer: many PDUs at a time.

pynetdicom 3.0.4 takes each P-DATA-TF through its queue, its state machine and the socket by
itself; at the 16 KiB that many peers take, a page is hundreds of those. For associations that
we request, as many as make up 64 KiB go together. What is on the wire is the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from pynetdicom import evt, fsm
from pynetdicom.dimse import _RQ_TO_MESSAGE, _RSP_TO_MESSAGE, DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dsutils import encode
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA

TOGETHER = 1 << 16
"""So many bytes are sent at a time, or one PDU. The watchdog sees no movement in between."""

_P_DATA_TF = 0x04
_HEADER = struct.Struct(">BxLLBB")
"""Of a P-DATA-TF with one value: type, length; length, context, control (PS3.8 9.3.5, E.2)."""
_COMMAND, _LAST = 0x01, 0x02


class _Together(P_DATA):
    """Several PDUs as the bytes that are sent, for the state machine one P-DATA request."""

    def __init__(self, pdus: bytes) -> None:
        super().__init__()
        self.pdus = pdus


def send(provider: DIMSEServiceProvider, primitive: Any, context_id: int) -> None:
    """Send a message, in PDUs that the peer takes."""
    kinds = _RQ_TO_MESSAGE if primitive.MessageIDBeingRespondedTo is None else _RSP_TO_MESSAGE
    message: DIMSEMessage = kinds[type(primitive)]()
    message.primitive_to_message(primitive)
    message.context_id = context_id
    evt.trigger(provider.assoc, evt.EVT_DIMSE_SENT, {"message": message})
    command: Any = encode(message.command_set, True, True)
    data = message.data_set.getvalue() if message.data_set is not None else b""
    send_bytes(provider, context_id, command, data)


def send_bytes(
    provider: DIMSEServiceProvider, context_id: int, command: bytes, data: bytes
) -> None:
    """Send a message by its command set and its data set, none where that is empty."""
    most = provider.maximum_pdu_size
    held: list[bytes | memoryview] = []
    size = 0
    for header, fragment in chain(
        _pdus(context_id, command, _COMMAND, most), _pdus(context_id, data, 0, most)
    ):
        if held and size + len(header) + len(fragment) > TOGETHER:
            provider.dul.send_pdu(_Together(b"".join(held)))
            held, size = [], 0
        held += header, fragment
        size += len(header) + len(fragment)
    provider.dul.send_pdu(_Together(b"".join(held)))


def _pdus(context_id: int, data: bytes, kind: int, most: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the P-DATA-TF PDUs of a command or a data set, each as its header and its fragment."""
    view, size = memoryview(data), most - 6
    for begin in range(0, len(data), size):
        fragment = view[begin : begin + size]
        control = kind | (_LAST if begin + size >= len(data) else 0)
        length = len(fragment) + 2
        yield _HEADER.pack(_P_DATA_TF, length + 4, length, context_id, control), fragment


def has_data(sent: bytes) -> bool:
    """Tell whether there is a part of a data set in P-DATA-TF PDUs that were sent."""
    begin = 0
    while begin + _HEADER.size <= len(sent) and sent[begin] == _P_DATA_TF:
        if not sent[begin + _HEADER.size - 1] & _COMMAND:
            return True
        begin += 6 + int.from_bytes(sent[begin + 2 : begin + 6], "big")
    return False


def _in_place_of(action: Callable[..., str], state: str) -> Callable[..., str]:
    """Return an action of the state machine that sends P-DATA-TF, however many."""

    def send_together(dul: DULServiceProvider) -> str:
        if not isinstance(dul.to_provider_queue.queue[0], _Together):
            return action(dul)
        request: Any = dul.to_provider_queue.get(block=False)
        if dul.socket is not None:
            dul.socket.send(request.pdus)
        return state

    return send_together


def apply() -> None:
    """Put this in place of what pynetdicom does (PS3.8 Tables 9-7 and 9-8); twice is once."""
    for name, action in (("DT-1", fsm.DT_1), ("AR-7", fsm.AR_7)):
        what, _, state = fsm.ACTIONS[name]
        fsm.ACTIONS[name] = (what, _in_place_of(action, str(state)), state)
