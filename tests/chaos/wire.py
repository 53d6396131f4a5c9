"""What goes over a DICOM connection, read as it passes (PS3.8 section 9.3, PS3.7 section 9.3)."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_HEAD = 6


@dataclass(frozen=True)
class Command:
    """A C-STORE request or response.

    Attributes
    ----------
    status : int
        -1 in a request.
    """

    is_request: bool
    uid: str
    message_id: int
    status: int


@dataclass(frozen=True)
class PDU:
    """A whole PDU: its bytes, when its first ones came, and the command that it begins."""

    kind: int
    data: bytes
    at: float
    command: Command | None


class Splitter:
    """Cuts what one side sends into PDUs."""

    def __init__(self) -> None:
        self._rest = b""
        self._began = 0.0

    def feed(self, data: bytes) -> list[PDU]:
        """Return the PDUs that are whole now."""
        if not self._rest:
            self._began = time.time()
        self._rest += data
        found = []
        while len(self._rest) >= _HEAD:
            kind, length = struct.unpack(">BxL", self._rest[:_HEAD])
            if len(self._rest) < _HEAD + length:
                break
            whole, self._rest = self._rest[: _HEAD + length], self._rest[_HEAD + length :]
            command = _command(whole[_HEAD:]) if kind == DATA else None
            found.append(PDU(kind, whole, self._began, command))
            self._began = time.time()
        return found


def _command(body: bytes) -> Command | None:
    """Read the command set that a P-DATA-TF begins with; every peer here sends it whole."""
    (length,) = struct.unpack(">L", body[:4])
    is_command, is_last = body[5] & 1, body[5] & 2
    if not (is_command and is_last):
        return None
    elements: dict[tuple[int, int], bytes] = {}
    data = body[6 : 4 + length]
    while len(data) >= 8:
        group, element, size = struct.unpack("<HHL", data[:8])
        elements[group, element] = data[8 : 8 + size]
        data = data[8 + size :]
    field = _number(elements.get((0x0000, 0x0100)))
    if field not in {_C_STORE_RQ, _C_STORE_RSP}:
        return None
    is_request = field == _C_STORE_RQ
    return Command(
        is_request,
        elements.get((0x0000, 0x1000), b"").decode("ascii").rstrip("\0 "),
        _number(elements.get((0x0000, 0x0110 if is_request else 0x0120))),
        -1 if is_request else _number(elements.get((0x0000, 0x0900))),
    )


def _number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", "little")
