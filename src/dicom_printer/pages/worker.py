"""The render worker: a child process that holds itself to limits, then reads documents.

``python -m dicom_printer.pages.worker`` takes one JSON line a request on stdin: the first
states the limits, each later one a document and a page. It answers each with a line, and
with the pixels where there are any. It ends when stdin does, and so with the service.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from dicom_printer.config.models import Pages
from dicom_printer.errors import DocumentError
from dicom_printer.pages import wire
from dicom_printer.pages.engines import Document, Pdfium, Poppler, open_document

_OPEN_FILES = 64
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_FILE_SIZE = 0  # neither engine writes a file


def confine(limits: Pages) -> None:
    """Limit this process, before it has seen a document."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # What the interpreter has mapped is not the document's doing.
    baseline = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    memory = baseline + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_SIZE, _FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_seconds(seconds: float) -> None:
    """Let this process, which stays, have so much more time of the processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


class Worker:
    """Answers requests, and keeps the last document open."""

    def __init__(self, limits: Pages) -> None:
        self._limits = limits
        self._key: tuple[str, str] | None = None
        self._document: Document | None = None

    def _open(self, request: dict[str, Any]) -> Document:
        key = (str(request["path"]), str(request["engine"]))
        if self._document is None or key != self._key:
            if self._document is not None:
                self._document.close()
                self._document = None
            self._document = open_document(Path(key[0]), self._limits, key[1])
            self._key = key
        return self._document

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes | memoryview]:
        """Carry one request out; return the line and what follows it."""
        if request["do"] == "text":
            text = self._text(Path(request["path"]))
            return {"bytes": len(text)}, text
        document = self._open(request)
        if request["do"] == "count":
            return {"count": document.count}, b""
        wanted = request["number"], request["dpi"], request["mode"]
        try:
            pixels, spacing_mm = document.render(*wanted)
        except DocumentError as error:
            if error.reason != "document damaged" or not isinstance(document, Pdfium):
                raise
            second = Poppler(Path(request["path"]), self._limits)
            pixels, spacing_mm = second.render(*wanted)
        message = {"shape": pixels.shape, "bytes": pixels.nbytes, "spacing_mm": spacing_mm}
        return message, pixels.tobytes()

    def _text(self, path: Path) -> bytes:
        """Return the text of a PDF, as ``pdftotext`` has it; an image has none."""
        with path.open("rb") as file:
            if b"%PDF-" not in file.read(1024):
                return b""
        command = ["pdftotext", "-q", "-enc", "UTF-8", "-l", "50", str(path), "-"]
        try:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:  # noqa: S603
                text = p.stdout.read(wire.MAX_TEXT) if p.stdout is not None else b""
                p.kill()
        except FileNotFoundError:
            raise DocumentError(
                "pdftotext is not installed", "install poppler-utils", reason="poppler missing"
            ) from None
        return text


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request until there are no more."""
    limits = Pages.model_construct(**json.loads(requests.readline()))  # checked by the service
    confine(limits)
    worker = Worker(limits)
    for text in requests:
        allow_seconds(limits.page_timeout)
        try:
            message, payload = worker.answer(json.loads(text))
        except DocumentError as error:
            message = {"error": error.message, "remedy": error.remedy, "reason": error.reason}
            payload = b""
        except MemoryError:
            message = {
                "error": "the document needs more memory than [pages] memory allows",
                "remedy": "lower the step's dpi, or raise the limit if the document is in order",
                "reason": "limit exceeded",
            }
            payload = b""
        answers.write(wire.line(message))
        answers.write(payload)
        answers.flush()


if __name__ == "__main__":
    # Whatever a library prints must not get between the answers.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when a worker ends
    serve(sys.stdin.buffer, channel)
