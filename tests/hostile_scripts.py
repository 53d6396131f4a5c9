"""What hostile peers do: a table of scripts for :mod:`raw_peer`, and how each must end.

``BREACH`` is an association that we end at once, because the peer breaks the protocol or a
limit; ``LATE`` one that a time-out ends; ``LOST`` one that the peer has ended.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from raw_peer import (
    ABORT,
    AC,
    DATA,
    NO_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    RJ,
    RQ,
    Line,
    Request,
    Script,
    accepted,
    command,
    context,
    element,
    item,
    maximum,
    pdu,
    pdv,
    response,
)

from dicom_printer.errors import (
    NoAnswerError,
    RemoteRefusedError,
    RemoteUnreachableError,
    StepError,
)

PENDING = 0xFF00
GIANT = 0xFFFFFFF0


@dataclass(frozen=True)
class Case:
    """A peer, what is asked of it, and how that ends; fine where no error is named."""

    name: str
    operation: str
    script: Script
    error: type[StepError] | None
    words: str = ""

    @property
    def timeout_s(self) -> float:
        """Return a time-out: short where it is what ends the case, else generous."""
        if "within 4 s" in self.words:
            return 0.8  # four times what passes between its answers: the machine may be busy
        if any(word in self.words for word in ("did not come within", "no answer")):
            return 0.4
        return 1.0 if "release" in self.name or self.words in {"more", "N-ACTION"} else 10.0


CASES: list[Case] = []


def case(
    operation: str, name: str, script: Script, error: type[StepError] | None, words: str = ""
) -> None:
    CASES.append(Case(f"{operation}: {name}", operation, script, error, words))


NOT_DICOM = (RemoteUnreachableError, "is not DICOM")
NO_REPLY = (RemoteUnreachableError, "no answer to the association")
BROKE_OFF = (RemoteUnreachableError, "broke off")
NOT_ACCEPTED = (RemoteRefusedError, "does not accept")
BREACH = (NoAnswerError, "breaks the protocol")
LATE = (NoAnswerError, "did not come within")
LOST = (NoAnswerError, "was lost")
STRANGE = (RemoteRefusedError, "0x4548")
UNREADABLE = (RemoteRefusedError, "cannot be read")
FINE = (None, "")

# -- the negotiation --


def instead(content: bytes, then: Callable[[Line], object] | None = None) -> Script:
    """Say this instead of an A-ASSOCIATE-AC."""

    def script(line: Line) -> None:
        line.asked().send(content)
        if then:
            then(line)

    return script


def accepting(contexts: bytes | None = None, user: bytes | None = None, version: int = 1) -> Script:
    """Accept so, and go on as a peer should."""

    def script(line: Line) -> None:
        line.asked()
        every = b"".join(map(context, line.contexts)) if contexts is None else contexts
        said = accepted(every, maximum(16384) if user is None else user, version)
        line.send(pdu(AC, said)).serve()

    return script


def random_bytes(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


STRAYS = b"".join(
    pdu(DATA, pdv(1, 3, command(CommandField=field, MessageIDBeingRespondedTo=999, Status=0,
                                CommandDataSetType=NO_DATA)))
    for field in (0x8001, 0x8020, 0x8030, 0x8140) * 10
)  # fmt: skip

EARLY = pdu(DATA, pdv(1, 3, command(CommandField=0x8030, MessageIDBeingRespondedTo=1,
                                    CommandDataSetType=NO_DATA, Status=0xC000)))  # fmt: skip

ROLE = item(0x54, struct.pack(">H", 17) + b"1.2.840.10008.1.1" + b"\1\1")

case("echo", "noise at once", instead(b"\xfe" + random_bytes(1, 999)), *NOT_DICOM)
case("echo", "HTTP", instead(b"HTTP/1.1 400 Bad Request\r\n\r\n"), *NOT_DICOM)
case("echo", "PDU type 0", instead(pdu(0)), *NOT_DICOM)
case("echo", "PDU type 8", instead(pdu(8, bytes(4))), *NOT_DICOM)
case("echo", "AC of no length", instead(pdu(AC)), *NOT_DICOM)
case("echo", "AC of 4 GB", instead(pdu(AC, length=0xFFFFFFFF)), *NOT_DICOM)
case("echo", "AC of 1 MB", instead(pdu(AC, bytes(1 << 20))), *NOT_DICOM)
case("echo", "AC of zeros", instead(pdu(AC, bytes(500))), *NOT_DICOM)
case("echo", "AC of noise", instead(pdu(AC, random_bytes(2, 500))), *NOT_DICOM)
case("echo", "half an AC", instead(pdu(AC, bytes(10), 200)), *NO_REPLY)
case(
    "echo", "AC and the end", instead(pdu(AC, bytes(10), 200), lambda a: a.sock.close()), *BROKE_OFF
)
case("echo", "RJ of 4 GB", instead(pdu(RJ, length=0xFFFFFFFF)), *NOT_DICOM)
case("echo", "RJ of nothing", instead(pdu(RJ)), *NOT_DICOM)
case("echo", "RJ that accepts", instead(pdu(RJ, bytes(4))), *NOT_DICOM)
case("echo", "RJ of noise", instead(pdu(RJ, b"\xff" * 4)), *NOT_DICOM)
case("echo", "an association request back", instead(pdu(RQ, bytes(68))), *NOT_DICOM)
case("echo", "data at once", instead(pdu(DATA, pdv(1, 3, command()))), *BROKE_OFF)
case("echo", "release at once", instead(pdu(RELEASE_RQ, bytes(4))), *BROKE_OFF)
case("echo", "release answered", instead(pdu(RELEASE_RP, bytes(4))), *BROKE_OFF)
case("echo", "abort at once", instead(pdu(ABORT, bytes(4))), *BROKE_OFF)
case("echo", "abort of 4 GB", instead(pdu(ABORT, length=GIANT)), *NOT_DICOM)
case("echo", "RST at once", instead(b"", Line.reset), *BROKE_OFF)
case("echo", "AC byte by byte", lambda a: a.asked().drip(pdu(AC, bytes(200))), *NO_REPLY)
case("echo", "silence at once", instead(b""), *NO_REPLY)
case("echo", "flood before", lambda a: a.flood(random_bytes(3, 4096)), *NOT_DICOM)
case("echo", "thousands of contexts", accepting(context(1) + context(3, 4) * 2000), *FINE)
case(
    "echo",
    "a hundred thousand contexts",
    instead(pdu(AC, accepted(context(3) * 99999, b""))),
    *NOT_DICOM,
)
case("echo", "other ids", accepting(context(7) + context(255)), *NOT_ACCEPTED)
case("echo", "id 0", accepting(context(0)), *NOT_DICOM)
case("echo", "a context twice", accepting(context(1, 3) + context(1)), *FINE)
case("echo", "result 9", accepting(context(1, 9)), *NOT_ACCEPTED)
case("echo", "no context", accepting(b""), *NOT_ACCEPTED)
case("echo", "unknown syntax", accepting(context(1, 0, b"1.2.3.4.5")), *NOT_ACCEPTED)
case("find", "unknown syntax", accepting(context(1, 0, b"1.2.3.4.5")), *NOT_ACCEPTED)
case(
    "store",
    "JPEG though not proposed",
    accepting(context(1, 0, b"1.2.840.10008.1.2.4.50")),
    *NOT_ACCEPTED,
)
case("print", "deflated", accepting(context(1, 0, b"1.2.840.10008.1.2.1.99")), *NOT_ACCEPTED)
case("echo", "no syntax", accepting(item(0x21, b"\1\0\0\0")), *NOT_ACCEPTED)
case("echo", "syntax no UID", accepting(context(1, 0, b"\xff\xfe/x y")), *NOT_DICOM)
case(
    "echo",
    "sub-item past the end",
    accepting(item(0x21, b"\1\0\0\0" + item(0x40, b"1", 999))),
    *NOT_DICOM,
)
case("echo", "item past the end", accepting(item(0x21, b"\1\0\0\0", 60000)), *NOT_DICOM)
case("echo", "unknown item", accepting(context(1) + item(0x99, b"x")), *NOT_DICOM)
case("echo", "no maximum length", accepting(user=b""), *FINE)
case("echo", "protocol version 9", accepting(version=9), *FINE)
case("store", "maximum length 0", accepting(user=maximum(0)), *FINE)
case("store", "maximum length 4 GB", accepting(user=maximum(0xFFFFFFFF)), *FINE)
for few in (1, 6, 7, 8):
    case(
        "store",
        f"maximum length {few}",
        accepting(user=maximum(few)),
        RemoteRefusedError,
        "no PDU of",
    )
case("echo", "maximum length of 2 bytes", accepting(user=item(0x51, b"\0\1")), *NOT_DICOM)
case(
    "echo",
    "giant user information",
    accepting(user=maximum(16384) + item(0x55, b"A" * 60000)),
    *NOT_DICOM,
)
case("echo", "a role that was not proposed", accepting(user=maximum(16384) + ROLE), *FINE)
case(
    "echo",
    "an identity that was not asked for",
    accepting(user=maximum(16384) + item(0x59, b"\0\1x")),
    *FINE,
)

# -- PDUs on an association --


def first(say: Callable[[Request], bytes], then: Callable[[Line], object] | None = None) -> Script:
    """Negotiate, take the first request, and say this to it."""

    def script(line: Line) -> None:
        line.negotiate().send(say(line.request()))
        if then:
            then(line)

    return script


def at(number: int, say: Callable[[Line, Request], object]) -> Script:
    """Answer as a peer should until this request (from 1), and do this then."""

    def script(line: Line) -> None:
        line.negotiate().serve(number - 1)
        say(line, line.request())

    return script


def data_pdu(*values: bytes) -> Callable[[Request], bytes]:
    return lambda asked: pdu(DATA, b"".join(values))


for operation in ("echo", "find", "store", "print"):
    case(operation, "random bytes", first(lambda a: b"\xfe" + random_bytes(4, 999)), *BREACH)
    case(operation, "P-DATA of 4 GB", first(lambda a: pdu(DATA, length=0xFFFFFFFF)), *BREACH)
    case(operation, "silence", first(lambda a: b""), *LATE)
    case(
        operation,
        "byte by byte",
        first(lambda a: b"", lambda a: a.drip(pdu(DATA, bytes(999)))),
        *LATE,
    )
    case(operation, "abort", first(lambda a: pdu(ABORT, bytes(4))), *LOST)
    case(operation, "RST", first(lambda a: b"", Line.reset), *LOST)
    case(operation, "no status", first(lambda a: response(a, Status=None)), *BREACH)
    case(
        operation,
        "status of 5 bytes",
        first(lambda a: response(a, Status="HELLO")),
        RemoteRefusedError,
        "0x4548",
    )
    case(
        operation,
        "another message id",
        first(lambda a: response(a, MessageIDBeingRespondedTo=9)),
        *LATE,
    )
    case(
        operation,
        "no message id",
        first(lambda a: response(a, MessageIDBeingRespondedTo=None)),
        *BREACH,
    )
    case(operation, "the request back", first(lambda a: response(a, CommandField=a.field)), *BREACH)
    case(
        operation,
        "another kind of answer",
        first(lambda a: response(a, CommandField=0x8150)),
        *LATE,
    )
    case(operation, "flood of strays", first(lambda a: b"", lambda a: a.flood(STRAYS)), *LATE)
    case(operation, "release in the middle", first(lambda a: pdu(RELEASE_RQ, bytes(4))), *LOST)


case(
    "echo",
    "P-DATA a little longer than announced",
    first(lambda a: pdu(DATA, bytes(17000))),
    *BREACH,
)
case("echo", "P-DATA of no length", first(lambda a: pdu(DATA) + response(a)), *FINE)
case("echo", "PDV of length 0", first(data_pdu(struct.pack(">I", 0))), *BREACH)
case("echo", "PDV of length 1", first(data_pdu(struct.pack(">IB", 1, 1))), *BREACH)
case("echo", "PDV of 4 GB", first(data_pdu(pdv(1, 3, command(), GIANT))), *BREACH)
case("echo", "PDV past the end", first(data_pdu(pdv(1, 3, command(), 5000))), *BREACH)
case("echo", "three bytes of a PDV", first(data_pdu(b"\0\0\0")), *BREACH)
case("echo", "unknown context", first(data_pdu(pdv(99, 3, command()))), *BREACH)
case("echo", "data before the command", first(data_pdu(pdv(1, 2, b"data"))), *BREACH)
case(
    "echo",
    "command never the last",
    first(lambda a: b"", lambda a: a.flood(pdu(DATA, pdv(1, 1, bytes(9000))))),
    NoAnswerError,
    "set of more than",
)
case(
    "find",
    "data never the last",
    first(lambda a: b"", lambda a: a.flood(pdu(DATA, pdv(1, 0, bytes(9000))))),
    NoAnswerError,
    "set of more than",
)
case(
    "echo",
    "empty fragments for ever",
    first(lambda a: b"", lambda a: a.flood(pdu(DATA, pdv(1, 1, b"")))),
    *LATE,
)
case("echo", "thousands of empty values", first(lambda a: pdu(DATA, pdv(1, 1, b"") * 2500)), *LATE)
case("echo", "command of noise", first(data_pdu(pdv(1, 3, random_bytes(5, 300)))), *BREACH)
case("echo", "empty command", first(data_pdu(pdv(1, 3, b""))), *BREACH)
case("echo", "command without a field", first(lambda a: response(a, CommandField=None)), *BREACH)
case("echo", "unknown command field", first(lambda a: response(a, CommandField=0x7777)), *BREACH)
case(
    "echo",
    "without a data set type",
    first(lambda a: response(a, CommandDataSetType=None)),
    *BREACH,
)
case(
    "echo",
    "data announced that never come",
    first(lambda a: response(a, CommandDataSetType=1)),
    *LATE,
)
case("echo", "group length lies", first(lambda a: response(a, group_length=4_000_000)), *FINE)
case(
    "echo", "element of 4 GB", first(data_pdu(pdv(1, 3, element(0x0900, b"\0\0", GIANT)))), *BREACH
)
case(
    "echo",
    "a store request to us",
    first(data_pdu(pdv(1, 3, command(CommandField=1, CommandDataSetType=NO_DATA)))),
    *BREACH,
)
case("echo", "an association request", first(lambda a: pdu(RQ, bytes(200))), *BREACH)
case("echo", "another AC", first(lambda a: pdu(AC, accepted(context(1), maximum(1)))), *BREACH)
case("echo", "a rejection", first(lambda a: pdu(RJ, b"\0\1\1\1")), *BREACH)
case("echo", "an answer before the request", lambda a: a.negotiate().send(EARLY).serve(), *FINE)
case(
    "echo",
    "a C-CANCEL to us",
    first(lambda a: response(a, CommandField=0x0FFF) + response(a)),
    *FINE,
)
case("echo", "answers twice", first(lambda a: response(a) * 50, Line.serve), *FINE)


# -- C-FIND --

SOUND = element(0x0050, b"ACC1", group=8) + element(0x0010, b"A^B ", group=0x10)


def pending(data: bytes, times: int = 1) -> Callable[[Request], bytes]:
    return lambda asked: response(asked, data, Status=PENDING) * times


def endless(line: Line, asked: Request) -> None:
    line.flood(response(asked, SOUND, Status=PENDING) * 10)


def giant(line: Line, asked: Request) -> None:
    """Answer with a data set that has no end."""
    status = PENDING if asked.field == 0x20 else 0
    line.answer(asked, Status=status, CommandDataSetType=1)
    line.flood(pdu(DATA, pdv(asked.context, 0, bytes(16000))))


def dripped(line: Line, asked: Request) -> None:
    while not line.over.wait(0.2):
        line.answer(asked, SOUND, Status=PENDING)


def sequence(depth: int) -> bytes:
    """Sequences and items of undefined length in one another."""
    start = struct.pack("<HHI", 0x40, 0x0100, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return start * depth + end * depth


def elements(number: int) -> bytes:
    return b"".join(element(n & 0xFFFF, b"", group=0x11 + 2 * (n >> 16)) for n in range(number))


NAMES = b"\\".join([b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"] * 3000)
SETS = b"\\".join([b"ISO 2022 IR 87", b"ISO 2022 IR 149", b"nonsense"] * 4000)

case("find", "answers without end", at(1, endless), None, "more")
case("find", "answers that drip", at(1, dripped), NoAnswerError, "within 4 s")
case(
    "find",
    "pending after the last",
    first(lambda a: response(a) + response(a, SOUND, Status=PENDING) * 90, Line.serve),
    *FINE,
)
case("find", "an answer of 500 MB", at(1, giant), NoAnswerError, "a data set of more")
case(
    "find",
    "pending for another id",
    first(lambda a: response(a, SOUND, Status=PENDING, MessageIDBeingRespondedTo=77) * 90),
    *LATE,
)
case("find", "pending without data", first(lambda a: response(a, Status=PENDING)), *UNREADABLE)
case("find", "data of noise", first(pending(random_bytes(6, 2000))), *LATE)
case("find", "truncated data", first(pending(SOUND + element(0x20, b"4711", 900, 0x10))), *LATE)
case("find", "element of 4 GB", first(pending(element(0x20, b"4711", GIANT, 0x10))), *LATE)
case("find", "nested 100 000 deep", first(pending(sequence(100_000))), *BREACH)
case("find", "nested 7 000 deep", first(pending(sequence(7000))), *UNREADABLE)
case("find", "sequence without an end", first(pending(sequence(1)[:16])), *UNREADABLE)
case(
    "find",
    "thirty thousand elements",
    first(lambda a: pending(elements(30_000))(a) + response(a), Line.serve),
    *FINE,
)
case(
    "find",
    "private elements",
    first(
        lambda a: (
            pending(SOUND + b"".join(element(n, b"junk", group=0x4321) for n in range(5000)))(a)
            + response(a)
        ),
        Line.serve,
    ),
    *FINE,
)
case(
    "find",
    "character sets without end",
    first(lambda a: pending(element(5, SETS + b" ", group=8) + SOUND)(a) + response(a), Line.serve),
    *FINE,
)
case(
    "find",
    "a name of thousands of escapes",
    first(
        lambda a: (
            pending(
                element(5, b"ISO 2022 IR 87", group=8)
                + element(0x10, NAMES + b" " * (len(NAMES) % 2), group=0x10)
            )(a)
            + response(a)
        ),
        Line.serve,
    ),
    *FINE,
)
case(
    "find",
    "explicit where implicit was accepted",
    first(pending(b"\x08\0\x50\0SH\4\0ACC1" * 3)),
    *LATE,
)

# -- C-STORE --


def never_reading(line: Line) -> None:
    line.negotiate().over.wait(60)


def early(line: Line, status: int) -> None:
    """Answer when the first bytes of the image are there."""
    line.negotiate()
    _, content = line.pdu()
    number = struct.unpack("<H", content[content.index(b"\x10\x01\2\0\0\0") + 6 :][:2])[0]
    line.answer(Request(1, 1, number, "", ""), Status=status).wait()


case("image", "never reads", never_reading, *LATE)
case("image", "success before the data", lambda line: early(line, 0), *FINE)
case("image", "failure before the data", lambda line: early(line, 0xA700), StepError, "0xA700")
case(
    "store",
    "success for another instance",
    first(lambda a: response(a, AffectedSOPInstanceUID="1.2.3")),
    *BREACH,
)
case(
    "store",
    "success without an instance",
    first(lambda a: response(a, AffectedSOPInstanceUID=None), Line.serve),
    *FINE,
)
case("store", "success with 500 MB of data", at(1, giant), NoAnswerError, "a data set of more")

# -- print: session 1, film box 2, image 3, action 4 --

case(
    "print",
    "film box without data",
    at(2, lambda line, a: line.answer(a)),
    RemoteRefusedError,
    "names no image boxes",
)
case(
    "print",
    "film box of noise",
    at(2, lambda line, a: line.answer(a, random_bytes(7, 500))),
    RemoteRefusedError,
    "names no image boxes",
)
case(
    "print",
    "film box nested deep",
    at(2, lambda line, a: line.answer(a, sequence(7000))),
    RemoteRefusedError,
    "names no image boxes",
)
case(
    "print",
    "image boxes that are text",
    at(2, lambda line, a: line.answer(a, element(0x0510, b"no sequence!", group=0x2010))),
    RemoteRefusedError,
    "names no image boxes",
)
case("print", "film box of 1 MB", at(2, lambda line, a: line.answer(a, bytes(1 << 20))), *BREACH)
case("print", "no answer to the image", at(3, lambda line, a: None), *LATE)
case(
    "print",
    "no answer to the action",
    at(4, lambda line, a: None),
    NoAnswerError,
    r"N-ACTION \(Film Box\) did not come within",
)
case(
    "print",
    "drip after the action",
    at(4, lambda line, a: line.drip(response(a), 0.2)),
    NoAnswerError,
    "N-ACTION",
)
case(
    "print", "abort after the action", at(4, lambda line, a: line.send(pdu(ABORT, bytes(4)))), *LOST
)


def events(line: Line, asked: Request) -> None:
    """Report events without end, and never answer."""
    event = command(
        AffectedSOPClassUID="1.2.840.10008.5.1.1.16",
        CommandField=0x0100, CommandDataSetType=NO_DATA,
        AffectedSOPInstanceUID="1.2.840.10008.5.1.1.17",
    ) + element(0x0110, b"\1\0") + element(0x1002, b"\1\0")  # fmt: skip
    while not line.over.wait(0.02):
        line.send(pdu(DATA, pdv(1, 3, event)))


case("print", "events without end", at(4, events), NoAnswerError, "N-ACTION")

# -- the release --


def released(do: Callable[[Line], object]) -> Script:
    """Answer an echo, and do this when the release is asked for."""

    def script(line: Line) -> None:
        line.negotiate().answer(line.request())
        line.pdu()
        do(line)

    return script


case("echo", "release never answered", released(lambda a: None), *FINE)
case("echo", "release and data after it", released(lambda a: a.flood(STRAYS)), *FINE)
case(
    "echo",
    "release answered byte by byte",
    released(lambda a: a.drip(pdu(RELEASE_RP, bytes(4)), 0.3)),
    *FINE,
)
case(
    "echo", "release collides", released(lambda a: a.send(pdu(RELEASE_RQ, bytes(4))).wait()), *FINE
)
case(
    "echo",
    "release collides and is answered",
    released(lambda a: a.send(pdu(RELEASE_RQ, bytes(4)), pdu(RELEASE_RP, bytes(4)))),
    *FINE,
)
case("echo", "release answered with noise", released(lambda a: a.send(random_bytes(8, 100))), *FINE)
case(
    "echo",
    "release answered with an abort",
    released(lambda a: a.send(pdu(ABORT, bytes(4)))),
    *FINE,
)
case("echo", "release answered with a RST", released(Line.reset), *FINE)
