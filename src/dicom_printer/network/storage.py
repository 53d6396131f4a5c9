"""C-STORE of an instance that is bytes already (PS3.7 section 9.1.1).

pynetdicom takes a third of a millisecond to make the command set, with objects of three kinds;
its seven elements are always the same.
"""

from __future__ import annotations

import struct
import time

from pydicom import Dataset
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from dicom_printer.network import mend, outbound

_ELEMENT = struct.Struct("<HHL")
_C_STORE_RQ, _LOW, _WITH_DATA = 0x0001, 0x0002, 0x0001
"""Command Field, Priority and Command Data Set Type (PS3.7 section E.1)."""


def c_store(
    raw: Association, context_id: int, message_id: int, sop_class: str, uid: str, data: bytes
) -> Dataset:
    """Send a C-STORE request and wait for its answer.

    Parameters
    ----------
    data : bytes
        The data set in the transfer syntax of the context.

    Returns
    -------
    pydicom.Dataset
        With the Status; empty where the association ended without an answer.
    """
    asked = command(message_id, sop_class, uid)
    # As send_c_store does it: the association's own thread must not look for messages now.
    raw._reactor_checkpoint.clear()
    while not raw._is_paused:
        time.sleep(0.0001)
    mend.expect(raw.dimse, C_STORE, message_id)
    outbound.send_bytes(raw.dimse, context_id, asked, data)
    _, answer = raw.dimse.get_msg(block=True)
    raw._reactor_checkpoint.set()
    if answer is None:
        raw._handle_no_response()
        return Dataset()
    return raw._check_received_status(answer)


def command(message_id: int, sop_class: str, uid: str) -> bytes:
    """Return the command set of a request: Implicit VR Little Endian (PS3.7 section 6.3.1)."""
    rest = b"".join((
        _element(0x0002, _uid(sop_class)),
        _element(0x0100, _us(_C_STORE_RQ)),
        _element(0x0110, _us(message_id)),
        _element(0x0700, _us(_LOW)),
        _element(0x0800, _us(_WITH_DATA)),
        _element(0x1000, _uid(uid)),
    ))  # fmt: skip
    return _element(0x0000, struct.pack("<L", len(rest))) + rest


def _element(number: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0x0000, number, len(value)) + value


def _us(value: int) -> bytes:
    return struct.pack("<H", value)


def _uid(value: str) -> bytes:
    """Return a UID, of even length (PS3.5 section 6.2)."""
    return value.encode("ascii") + b"\0" * (len(value) % 2)
