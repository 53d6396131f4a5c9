"""The render worker: a child process that holds itself to limits, then reads documents.

``python -m dicom_printer.pages.worker`` takes one JSON line a request on stdin: the first
states the limits and is answered when they are in force, each later one a document and what
is wanted of it. It answers each with a line, and with the bytes where there are any. It ends
when stdin does, and so with the service.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from functools import partial
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dicom_printer import codec
from dicom_printer.errors import DocumentError
from dicom_printer.pages import wire
from dicom_printer.pages.engines import Document, is_pdf, open_document, read_head
from dicom_printer.pages.extract import extracted
from dicom_printer.pages.images import Images
from dicom_printer.pages.limits import allow_seconds, confine, damaged
from dicom_printer.pages.pdfs import Passed, Passing, Pdfium, Poppler, Rendered
from dicom_printer.pages.scans import Scans
from dicom_printer.pages.shade import in_mode

_TEXT_PAGES = "50"
_PIPE_BYTES = 1 << 20
_Answer = tuple[dict[str, Any], bytes | memoryview]


class Worker:
    """Answers requests, and keeps the last document open."""

    def __init__(self, limits: wire.Limits) -> None:
        self._limits = limits
        self._key: tuple[object, ...] = ()
        self._document: Document | None = None
        self._scans = Scans(Path(), limits)

    def answer(self, request: dict[str, Any]) -> _Answer:
        """Carry one request out; return the line and what follows it."""
        path = Path(request["path"])
        document = self._open(path, request["engine"])
        if request["do"] == "count":
            return {"count": document.count}, b""
        if request["do"] == "text":
            text = _text(path)
            return {"bytes": len(text)}, text
        if request["do"] == "pdf":
            return _pdf(document, path, request["numbers"])
        return self._page(document, path, request)

    def _page(self, document: Document, path: Path, request: dict[str, Any]) -> _Answer:
        how, encoding = wire.How(**request["how"]), request["encoding"]
        passing = None
        if encoding is not None:
            encoding = codec.Encoding(**encoding)
            passing = partial(self._scans.frame, how=how, encoding=encoding)
        image, spacing_mm = self._render(document, path, request["number"], how.dpi, passing)
        if not isinstance(image, codec.Frame):
            image = in_mode(image, how.mode, how.bits)
        message = {"shape": image.shape, "bits": how.bits, "spacing_mm": spacing_mm}
        if encoding is None:
            return message, np.ascontiguousarray(image).data.cast("B")
        frame = image if isinstance(image, codec.Frame) else codec.encoded(image, encoding)
        return {**message, "frame": len(frame.data)}, frame.data

    def _open(self, path: Path, engine: str) -> Document:
        stat = path.stat()
        key = (path, engine, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if self._document is None or key != self._key:
            if self._document is not None:
                self._document.close()
                self._document = None
            self._scans.close()
            self._scans = Scans(path, self._limits)
            self._document = open_document(path, self._limits, engine)
            self._key = key
        return self._document

    def _render(
        self, document: Document, path: Path, number: int, dpi: int, passing: Passing | None
    ) -> Rendered | Passed:
        if not 1 <= number <= document.count:
            raise damaged(f"page {number} is not there: the document has {document.count} pages")
        try:
            if isinstance(document, Pdfium):
                return document.render(number, dpi, passing)
            return document.render(number, dpi)
        except DocumentError as error:
            if error.reason != "document damaged" or not isinstance(document, Pdfium):
                raise
            return Poppler(path, self._limits).render(number, dpi)


def _pdf(document: Document, path: Path, numbers: list[int]) -> _Answer:
    """Return some pages of a PDF; that of all pages the service reads for itself."""
    if isinstance(document, Images):
        return {"kind": "image"}, b""
    whole = numbers == list(range(1, document.count + 1))
    data = b"" if whole else extracted(path, numbers)
    if max(path.stat().st_size if whole else 0, len(data)) > wire.MAX_PDF:
        raise DocumentError(
            f"the PDF has more than the {wire.MAX_PDF >> 20} MiB that are sent as one instance",
            "print it in parts, or store it as images; then discard this job",
            reason="document too large",
        )
    return ({"kind": "whole"}, b"") if whole else ({"kind": "part", "bytes": len(data)}, data)


def _text(path: Path) -> bytes:
    """Return the text of a PDF's first pages, as ``pdftotext`` has it; an image has none."""
    if not is_pdf(read_head(path)):
        return b""
    command = ["pdftotext", "-q", "-enc", "UTF-8", "-l", _TEXT_PAGES, str(path), "-"]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:  # noqa: S603
            text = p.stdout.read(wire.MAX_TEXT) if p.stdout is not None else b""
            if len(text) == wire.MAX_TEXT:
                p.kill()  # there may be gigabytes more
            elif p.wait() and not text:
                raise damaged("the text of the PDF cannot be read")
    except FileNotFoundError:
        raise DocumentError(
            "pdftotext is not installed", "install poppler-utils", reason="poppler missing"
        ) from None
    return text


def _error(message: str, remedy: str, reason: str) -> dict[str, Any]:
    return {"error": message, "remedy": remedy, "reason": reason}


def _write(channel: RawIOBase, data: bytes | memoryview) -> None:
    """Write all of it, and keep no copy: pixels go to the pipe from where they were drawn."""
    rest = memoryview(data)
    while rest:
        rest = rest[channel.write(rest) or 0 :]


def serve(requests: BinaryIO, answers: RawIOBase) -> None:
    """Answer every request until there are no more."""
    limits = wire.Limits(**json.loads(requests.readline()))
    confine(limits)
    _write(answers, wire.line({"ready": True}))
    worker = Worker(limits)
    for text in requests:
        allow_seconds(limits.page_timeout)
        payload: bytes | memoryview = b""
        try:
            message, payload = worker.answer(json.loads(text))
        except DocumentError as error:
            message = _error(error.message, error.remedy, error.reason)
        except FileNotFoundError:
            message = _error("the document is not there any more", "discard the job", "no document")
        except PermissionError:
            # A worker of root's is not almighty any more.
            message = _error(
                "the document may not be read by the user that the service runs as",
                "give the spool to that user (chown -R), then `dicom-printer retry JOB`",
                "no document",
            )
        except MemoryError:
            message = _error(
                f"the document needs more than the {limits.memory} bytes of [pages] memory",
                "lower the step's dpi or raise it, restart, `dicom-printer retry --fresh JOB`",
                "limit exceeded",
            )
        _write(answers, wire.line(message))
        _write(answers, payload)
        del payload  # which would otherwise stay while the next request is waited for


def main() -> None:
    """Set up the channel to the service, then serve."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when a worker ends
    fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with os.fdopen(answers, "wb", buffering=0) as channel:
        serve(sys.stdin.buffer, channel)


if __name__ == "__main__":
    main()
