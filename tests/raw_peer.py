"""A peer that speaks bytes: it negotiates and answers as it should, until it does not.

A script is a function of the :class:`Line` to the client::

    def no_status(line):
        asked = line.negotiate().request()
        line.answer(asked, Status=None)

    with RawPeer(no_status) as peer:
        ...

Nothing of pynetdicom is in it: what it sends is made here, PS3.8 section 9.3 at hand.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

RQ, AC, RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
APPLICATION = b"1.2.840.10008.3.1.1.1"
IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
NO_DATA = 0x0101
TAGS = {
    "AffectedSOPClassUID": 0x0002,
    "CommandField": 0x0100,
    "MessageIDBeingRespondedTo": 0x0120,
    "CommandDataSetType": 0x0800,
    "Status": 0x0900,
    "AffectedSOPInstanceUID": 0x1000,
}


def pdu(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    """Make a PDU; `length` lies about how long it is."""
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def item(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Make an item or a sub-item of a negotiation."""
    return struct.pack(">BBH", kind, 0, len(body) if length is None else length) + body


def pdv(context: int, header: int, body: bytes, length: int | None = None) -> bytes:
    """Make a presentation data value: 1 in the header is command, 2 the last."""
    size = len(body) + 2 if length is None else length
    return struct.pack(">IBB", size, context, header) + body


def context(number: int, result: int = 0, syntax: bytes = IMPLICIT) -> bytes:
    """Make a presentation context item of an A-ASSOCIATE-AC."""
    return item(0x21, struct.pack(">BBBB", number, 0, result, 0) + item(0x40, syntax))


def maximum(length: int) -> bytes:
    return item(0x51, struct.pack(">I", length))


def accepted(contexts: bytes, user: bytes, version: int = 1) -> bytes:
    """Make the body of an A-ASSOCIATE-AC."""
    head = struct.pack(">HH", version, 0) + b"SCRIPTED".ljust(16) + b"DICOM_PRINTER".ljust(16)
    return head + bytes(32) + item(0x10, APPLICATION) + contexts + item(0x50, user)


def element(tag: int, value: bytes, length: int | None = None, group: int = 0) -> bytes:
    """Make an element in Implicit VR Little Endian."""
    size = len(value) if length is None else length
    return struct.pack("<HHI", group, tag, size) + value


def command(group_length: int | None = None, **values: int | str | bytes | None) -> bytes:
    """Make a command set; None leaves a value out."""
    body = b""
    for keyword, tag in TAGS.items():
        value = values.get(keyword)
        if isinstance(value, int):
            value = struct.pack("<H", value)
        elif isinstance(value, str):
            value = (value + "\0" * (len(value) % 2)).encode()
        if value is not None:
            body += element(tag, value)
    return element(0, struct.pack("<I", len(body) if group_length is None else group_length)) + body


@dataclass
class Request:
    """A DIMSE request that came."""

    context: int
    field: int
    message_id: int
    sop_class: str
    sop_instance: str


class Line:
    """The connection to a client."""

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self.sock = sock
        self.over = over
        self.contexts: dict[int, str] = {}
        self.heard: list[int] = []
        """The types of the PDUs that came."""

    def send(self, *parts: bytes) -> Self:
        self.sock.sendall(b"".join(parts))
        return self

    def drip(self, content: bytes, pause_s: float = 0.1) -> Self:
        """Send byte after byte, until the client has enough."""
        for byte in content:
            self.sock.sendall(bytes([byte]))
            if self.over.wait(pause_s):
                break
        return self

    def flood(self, content: bytes, seconds_at_most: int = 30) -> Self:
        """Send the same again and again, until the client has enough."""
        self.sock.settimeout(seconds_at_most)
        while not self.over.is_set():
            self.sock.sendall(content)
        return self

    def reset(self) -> None:
        """End the connection with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait(self) -> None:
        """Say no more; read until the client ends."""
        with suppress(OSError):
            while self.pdu()[0]:
                continue

    def pdu(self) -> tuple[int, bytes]:
        """Read a PDU: its type, 0 for the end of the connection, and its body."""
        head = self._exactly(6)
        if len(head) < 6:
            return 0, b""
        kind, _, length = struct.unpack(">BBI", head)
        self.heard.append(kind)
        return kind, self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        read = b""
        while len(read) < size and (more := self.sock.recv(size - len(read))):
            read += more
        return read

    def asked(self) -> Self:
        """Read the A-ASSOCIATE-RQ, and remember what it proposes."""
        _, body = self.pdu()
        at = 68
        while at < len(body):
            kind, _, length = struct.unpack(">BBH", body[at : at + 4])
            if kind == 0x20:
                (abstract_length,) = struct.unpack(">H", body[at + 10 : at + 12])
                self.contexts[body[at + 4]] = body[at + 12 : at + 12 + abstract_length].decode()
            at += 4 + length
        return self

    def negotiate(self, most: int = 16384, syntax: bytes = IMPLICIT) -> Self:
        """Accept every context, in this transfer syntax."""
        self.asked()
        contexts = b"".join(context(number, 0, syntax) for number in self.contexts)
        return self.send(pdu(AC, accepted(contexts, maximum(most))))

    def request(self) -> Request:
        """Read one request, and its data set where it has one."""
        body, number, data = b"", 0, False
        while True:
            kind, content = self.pdu()
            if kind == RELEASE_RQ:
                self.send(pdu(RELEASE_RP, bytes(4)))
            if kind != DATA:
                raise ConnectionError("the client has ended the association")
            size, number, header = struct.unpack(">IBB", content[:6])
            if header & 1:
                body += content[6 : 4 + size]
            if header == 3:
                values = _values(body)
                data = _number(values[0x0800]) != NO_DATA
            if header & 2 and (header == 2 or not data):
                return Request(
                    number,
                    _number(values[0x0100]),
                    _number(values[0x0110]),
                    values.get(0x0002, values.get(0x0003, b"")).decode().rstrip("\0"),
                    values.get(0x1000, values.get(0x1001, b"")).decode().rstrip("\0"),
                )

    def answer(self, to: Request, data: bytes | None = None, **more: int | str | None) -> Self:
        """Answer with success, unless something else is stated."""
        return self.send(response(to, data, **more))

    def serve(self, requests: int = 1000) -> Self:
        """Answer so many requests as they should be, a release included."""
        for _ in range(requests):
            self.answer(asked := self.request(), made(asked))
        return self


def made(asked: Request) -> bytes | None:
    """Return what a printer says of the film box that it has made."""
    if (asked.field, asked.sop_class) != (0x0140, "1.2.840.10008.5.1.1.2"):
        return None
    reference = element(0x1150, b"1.2.840.10008.5.1.1.4\0", group=8)
    reference += element(0x1155, b"1.2.3.4\0", group=8)
    return element(0x0510, element(0xE000, reference, group=0xFFFE), group=0x2010)


def response(to: Request, data: bytes | None = None, **more: int | str | None) -> bytes:
    """Make the PDUs of an answer."""
    values: dict[str, int | str | None] = {
        "AffectedSOPClassUID": to.sop_class,
        "CommandField": to.field | 0x8000,
        "MessageIDBeingRespondedTo": to.message_id,
        "CommandDataSetType": NO_DATA if data is None else 0,
        "Status": 0,
        **({"AffectedSOPInstanceUID": to.sop_instance} if to.sop_instance else {}),
        **more,
    }
    length = values.pop("group_length", None)
    assert not isinstance(length, str)
    said = pdu(DATA, pdv(to.context, 3, command(length, **values)))
    if data is None:
        return said
    parts = [data[at : at + 16000] for at in range(0, len(data), 16000)] or [b""]
    last = len(parts) - 1
    return said + b"".join(
        pdu(DATA, pdv(to.context, 2 if number == last else 0, part))
        for number, part in enumerate(parts)
    )


def _values(body: bytes) -> dict[int, bytes]:
    values, at = {}, 0
    while at < len(body):
        _, tag, length = struct.unpack("<HHI", body[at : at + 8])
        values[tag] = body[at + 8 : at + 8 + length]
        at += 8 + length
    return values


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


Script = Callable[[Line], object]


class RawPeer:
    """Listens on 127.0.0.1, and follows a script on each connection.

    Attributes
    ----------
    port : int
        Where it listens.
    heard : list of int
        The types of all PDUs that came.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.heard: list[int] = []
        self._lines: list[Line] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for line in self._lines:
            with suppress(OSError):
                line.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                line = Line(self._listening.accept()[0], self._over)
                line.heard = self.heard
                self._lines.append(line)
                thread = threading.Thread(target=self._follow, args=(line,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _follow(self, line: Line) -> None:
        try:
            self._script(line)
            line.wait()
        except OSError:
            pass  # the client has ended the connection
        finally:
            line.sock.close()
