"""The hostile corpus: documents, tickets and names that somebody made to do harm.

Everything is made here, from one seed, so that a run can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import documents
import hostile_images
import hostile_pdfs
from reportlab import rl_config

SEED = 20_260_411


@dataclass(frozen=True)
class Sample:
    """One document.

    Attributes
    ----------
    name : str
        Told from the other samples by it; without a suffix.
    suffix : str
        What it calls itself, with the dot.
    data : bytes
        The document.
    reason : str
        The reason that its job must be held with; empty where it may as well come out.
    """

    name: str
    suffix: str
    data: bytes
    reason: str = ""


def samples(directory: Path, url: str) -> Iterator[Sample]:
    """Yield every document.

    Parameters
    ----------
    directory : Path
        Where the documents that are mutated are made.
    url : str
        What the documents that call out would call.
    """
    for name, (make, reason) in (hostile_pdfs.attacks(url) | hostile_images.attacks()).items():
        kind = name.partition(" ")[0]
        suffix = f".{kind}" if kind in {"png", "jpeg", "tiff"} else ".pdf"
        yield Sample(name, suffix, make(), reason)
    yield from mutated(directory)


# -- what was a good document once --


def flipped(times: int) -> Callable[[random.Random, bytes], bytes]:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        made = bytearray(data)
        for _ in range(times):
            made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        return bytes(made)

    return mutate


def cut_out(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:start] + data[end:]


def cut_off(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(1, len(data))]


def wiped(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:start] + bytes(end - start) + data[end:]


def doubled(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:end] + data[start:end] * 3 + data[end:]


def renumbered(rng: random.Random, data: bytes) -> bytes:
    """Change digits only: lengths, offsets, object numbers, sizes."""
    made = bytearray(data)
    digits = [place for place, byte in enumerate(made) if 48 <= byte <= 57]
    for place in rng.sample(digits, min(len(digits), 40)):
        made[place] = rng.choice(b"0123456789-")
    return bytes(made)


MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "one bit": flipped(1),
    "ten bits": flipped(10),
    "a thousand bits": flipped(1000),
    "cut out": cut_out,
    "cut off": cut_off,
    "wiped": wiped,
    "doubled": doubled,
    "renumbered": renumbered,
}


def mutated(directory: Path) -> Iterator[Sample]:
    """Yield good documents with damage of each kind, and halves of two spliced together."""
    makers: dict[str, tuple[str, documents.Maker]] = {
        "report": (".pdf", lambda path: documents.report(path, pages=1)),
        "scan": (".pdf", lambda path: documents.scan(path, pages=1)),
        "locked": (".pdf", documents.owner_locked),
        "picture": (".png", documents.png),
        "photo": (".jpeg", documents.jpeg),
        "fax": (".tiff", lambda path: documents.tiff(path, pages=2)),
    }
    rl_config.invariant = 1  # no time and no random id in what is mutated
    whole = {
        name: (suffix, make(directory / f"{name}{suffix}").read_bytes())
        for name, (suffix, make) in makers.items()
    }
    for name, (suffix, data) in whole.items():
        for kind, mutate in MUTATIONS.items():
            # a generator of its own for each, so that adding one changes no other
            rng = random.Random(f"{SEED} {name} {kind}")
            yield Sample(f"{name} with {kind}", suffix, mutate(rng, data))
        for other, (_, behind) in whole.items():
            if other != name:
                spliced = data[: len(data) // 2] + behind[len(behind) // 2 :]
                yield Sample(f"{name} spliced with {other}", suffix, spliced)


# -- tickets --


@dataclass(frozen=True)
class Handed:
    """One directory in ``incoming``.

    Attributes
    ----------
    name : str
        Told from the others by it.
    make : callable
        Given the directory, which is there, and its job id, fills it.
    rejected : bool
        Whether it breaks the contract; otherwise it is a job like any other.
    """

    name: str
    make: Callable[[Path, str], None]
    rejected: bool = True


def fields(job_id: str, data: bytes, **other: Any) -> dict[str, Any]:
    """Return a ticket that keeps to the contract, with some fields changed."""
    return {
        "schema": 1,
        "id": job_id,
        "received": "2026-04-11T10:00:00+02:00",
        "source": "hostile",
        "printer": "P",
        "document": "document.pdf",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        **other,
    }


GOOD = hostile_pdfs.page(b"0 0 99 99 re f")


def stated(name: str, rejected: bool = True, /, **other: Any) -> Handed:
    """A good document with a ticket of which these fields are changed."""

    def make(place: Path, job_id: str) -> None:
        (place / "document.pdf").write_bytes(GOOD)
        (place / "ticket.json").write_text(json.dumps(fields(job_id, GOOD, **other)))

    return Handed(name, make, rejected)


def written(name: str, text: bytes | Callable[[str], bytes]) -> Handed:
    """A good document with these bytes for a ticket."""

    def make(place: Path, job_id: str) -> None:
        (place / "document.pdf").write_bytes(GOOD)
        (place / "ticket.json").write_bytes(text if isinstance(text, bytes) else text(job_id))

    return Handed(name, make)


def placed(name: str, put: Callable[[Path], object], file: str = "document.pdf") -> Handed:
    """A ticket that is in order, and something else in the place of one of the two files."""

    def make(place: Path, job_id: str) -> None:
        stated("").make(place, job_id)
        (place / file).unlink()
        put(place / file)

    return Handed(name, make)


def handed() -> Iterator[Handed]:
    """Yield every ticket, and every directory that is none of a job."""
    yield written("empty", b"")
    yield written("not JSON", b"\x00\xff\xfe{")
    yield written("cut off", lambda job_id: json.dumps(fields(job_id, GOOD)).encode()[:-9])
    yield written("100 000 deep", b"[" * 100_000 + b"]" * 100_000)
    yield written("100 000 tables deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    yield written("a number", b"1" * 10_000)
    yield written("a list", b"[]")
    yield written("NaN for a size", lambda job_id: _with(job_id, "size", b"NaN"))
    yield written("infinite copies", lambda job_id: _with(job_id, "copies", b"Infinity"))
    yield written("a size of 5 000 digits", lambda job_id: _with(job_id, "size", b"9" * 5000))
    yield written("half a character", lambda job_id: _with(job_id, "title", b'"\\ud800"'))
    yield written("UTF-16", lambda job_id: json.dumps(fields(job_id, GOOD)).encode("utf-16"))
    yield written(
        "a title of 10 MB", lambda i: json.dumps(fields(i, GOOD, title="x" * 10**7)).encode()
    )
    yield written(
        "pickled", b"\x80\x04\x95\x1c\x00\x00\x00cposix\nsystem\n(S'touch /tmp/launched'\ntR."
    )
    for key in ("schema", "id", "received", "source", "printer", "document", "size", "sha256"):
        yield stated(f"no {key}", True, **{key: None})
        yield stated(f"a table for {key}", True, **{key: {"$ref": "/etc/passwd"}})
    yield stated("another job's", id="0" * 32)
    yield stated("an id that is a path", id="../" * 10 + "etc/passwd")
    for path in (
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        "ticket.json",
        "a/../document.pdf",
        "a\0b",
    ):
        yield stated(f"the document {path!r}", document=path)
    yield stated("a document that is not there", document="another.pdf")
    yield stated("a size that is not its own", size=5)
    yield stated("a negative size", size=-1)
    yield stated("too many options", options=[["a", "b"]] * 10_001)
    yield stated("options of three", options=[["a", "b", "c"]])
    yield stated("a title too long", title="x" * 5000)
    yield stated("copies without end", copies=10**30)
    yield stated("another schema", schema=2)
    yield placed("a link for a document", lambda path: path.symlink_to("/etc/passwd"))
    yield placed("a directory for a document", lambda path: path.mkdir())
    yield placed("a pipe for a document", os.mkfifo)
    yield placed("a link for a ticket", lambda path: path.symlink_to("/dev/zero"), "ticket.json")
    yield placed("a directory for a ticket", lambda path: path.mkdir(), "ticket.json")
    yield placed("a pipe for a ticket", os.mkfifo, "ticket.json")
    yield placed("no ticket", lambda path: None, "ticket.json")
    # what is ugly and in order
    yield stated("unknown fields", False, colour="red", __class__="os")
    yield stated("a title of controls", False, title="".join(map(chr, range(32))) + "\x7f")
    yield stated("a title that is a placeholder", False, title="{PatientID}{job.title}%n%s")
    yield stated("a title of all planes", False, title="\u202eabc\U0001f4a9\ufeff\u0000")
    yield stated("an option of 500 kB", False, options=[["page-ranges", "1," * 250_000]])
    yield stated("10 000 options", False, options=[["page-ranges", "-"]] * 10_000)
    yield stated(
        "page ranges of a hundred thousand",
        False,
        options=[["page-ranges", "1-999999999," * 50_000 + "1"]],
    )
    yield stated("page ranges of no end", False, options=[["page-ranges", "1-999999999"]])
    yield stated("attributes of no kind", False, attributes={"'; DROP TABLE job; --": "x"})
    yield stated("an attribute of 500 kB", False, attributes={"PatientName": "A" * 500_000})
    yield stated("50 000 attributes", False, attributes={f"A{n}": "" for n in range(50_000)})
    yield stated("an unknown printer", False, printer="../P\n")


def _with(job_id: str, key: str, value: bytes) -> bytes:
    text = json.dumps(fields(job_id, GOOD, **{key: "@"})).encode()
    return text.replace(b'"@"', value)


# -- names --

PRINTED: dict[str, tuple[str, str]] = {
    "options of 100 kB": ("t", "o" * 100_000),
    "options by the thousand": ("t", "a=b " * 25_000),
    "an open quote": ("t", "page-ranges='1-2 x=y"),
    "half an escape": ("t", "a=b\\"),
    "no UTF-8": ("t\udcff\udcfe", "PatientID=\udcff job-uuid=\udcff"),
    "controls": ("t\n\r\x1b[31m\x7f", "a=\x01\x02 b=\\\n c=\ufeff"),
    "ranges by the thousand": ("t", "page-ranges=" + "1-999999999," * 8_000 + "1"),
    "ranges of a lie": ("t", "page-ranges=9-1 page-set=odd page-set=both"),
    "a uuid of 100 kB": ("t", "job-uuid=" + "u" * 100_000),
    "a host of 100 kB": ("t", "job-originating-host-name=" + "h" * 100_000),
    "a title of 100 kB": ("t" * 100_000, ""),
    "a title that is a path": ("../../../etc/passwd", "document-name-supplied=../../x"),
    "a title that is a format": ("%n%s{PatientID}${HOME}$(id)`id`", "noDICOM =x == ="),
    "a title from right to left": ("\u202efdp.exe\U0001f4a9", "x=\u202e"),
}
"""Titles and options for a good PDF that is printed through CUPS: each of them is a job."""

NAMES: tuple[bytes, ...] = (
    b"-rf.pdf",
    b"--help.pdf",
    b"%n%n%s%x.pdf",
    b"new\nline.pdf",
    b"carriage\rreturn.pdf",
    b"bell\x07 and escape \x1b[31m.pdf",
    b"$(touch launched);`id`.pdf",
    b"{PatientID}.pdf",
    b"a'b\"c\\d.pdf",
    b"\xff\xfe\xfd.pdf",
    b"half \xf0\x9f.pdf",
    "\u202efdp.exe.pdf".encode(),
    "\U0001f4a9\U0001f984.pdf".encode(),
    "e\u0301\u200b\ufeff.pdf".encode(),
    b" .pdf",
    b"CON.pdf",
    b"ticket.json.pdf",
    b"x" * 251 + b".pdf",
    "\u00fc".encode() * 125 + b".pdf",
    b"\xff" * 251 + b".pdf",
    b".taking-0123456789abcdef-" + b"y" * 200 + b".pdf",
    b".taking-0123456789abcdee-..pdf",
    b".taking-0123456789abcded-new\nline.pdf",
)
"""Names for a good PDF in a hot folder: each of them is printed."""
