"""What a document is, and the engine that reads it. In the render worker only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from dicom_printer.errors import DocumentError
from dicom_printer.pages.images import Images
from dicom_printer.pages.pdfs import Passed, Pdfium, Poppler, Rendered
from dicom_printer.pages.wire import Limits

_HEAD, _TAIL = 1024, 65536
_IMAGES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
)  # fmt: skip
_END = re.compile(rb"startxref\s+\d+\s")
_OBJECT = re.compile(rb"\b\d+\s+\d+\s+obj\b")
_LINEARIZED = re.compile(rb"<<([^>]*/Linearized[^>]*)>>")
_LENGTH = re.compile(rb"/L\s+(\d{1,15})\b")


class Document(Protocol):
    """A document that is open."""

    count: int

    def render(self, number: int, dpi: int) -> Rendered | Passed:
        """Render the page `number`, counted from 1, as gray or RGB."""

    def close(self) -> None:
        """Let go of the file."""


def open_document(path: Path, limits: Limits, engine: str = "pdfium") -> Document:
    """Open a document as what its first bytes say, whatever it is called.

    Raises
    ------
    DocumentError
        Where it is empty, encrypted, damaged, of another type, or has too many pages.
    """
    head = read_head(path)
    if not head:
        raise DocumentError(
            "the document is empty: it has no bytes",
            "print it again, then discard this job",
            reason="document empty",
        )
    if is_pdf(head):
        check_complete(path, head)
        opened: Document = _pdf(path, limits) if engine == "pdfium" else Poppler(path, limits)
    elif head.startswith(_IMAGES):
        opened = Images(path, limits)
    else:
        raise DocumentError(
            "the document is not a PDF, PNG, JPEG or TIFF, whatever its name says",
            "print it from the program that made it, then discard this job",
            reason="type not supported",
        )
    if opened.count > limits.max_pages:
        opened.close()
        raise DocumentError(
            f"the document has {opened.count} pages or more; "
            f"[pages] max_pages is {limits.max_pages}",
            "raise max_pages, restart and `dicom-printer retry JOB`, or print it in parts",
            reason="too many pages",
        )
    return opened


def is_pdf(head: bytes) -> bool:
    """Tell whether a file that begins so is a PDF: both engines allow for some bytes before."""
    return b"%PDF-" in head


def check_complete(path: Path, head: bytes) -> None:
    """Refuse a PDF that was cut off: both engines would mend it, with what is missing missing.

    Cut off is a PDF whose last cross-reference is not there, one in which objects follow that
    last one (an update that was not written to its end), and a linearized one that is shorter
    than it says of itself: that has a cross-reference near its beginning too. Anything else
    may follow the end; 64 KiB of it are looked through.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        tail = file.read()
    ends = list(_END.finditer(tail))
    if not ends or _OBJECT.search(tail, ends[-1].end()):
        raise _cut_off()
    linearized = _LINEARIZED.search(head)
    length = _LENGTH.search(linearized[1]) if linearized else None
    if length and size < int(length[1]):
        raise _cut_off()


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file, as many as show what it is."""
    with path.open("rb") as file:
        return file.read(_HEAD)


def _cut_off() -> DocumentError:
    return DocumentError(
        "the PDF is cut off: its end is missing",
        "print it again, then discard this job",
        reason="document damaged",
    )


def _pdf(path: Path, limits: Limits) -> Document:
    try:
        return Pdfium(path, limits)
    except DocumentError:
        return Poppler(path, limits)
