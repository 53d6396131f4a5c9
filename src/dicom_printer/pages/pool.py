"""The service's side: warm render workers, a bounded number of pages ahead."""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dicom_printer.config.models import Pages
from dicom_printer.errors import DocumentError, RenderError
from dicom_printer.pages.wire import MAX_LINE, MAX_TEXT, How, Page, line

logger = logging.getLogger(__name__)

_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ")
_START_S = 30.0
_BY_DOCUMENT = {
    signal.SIGXCPU, signal.SIGXFSZ, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE,
    signal.SIGILL,
}  # fmt: skip


class Died(Exception):  # noqa: N818 - translated where it is known what for
    """A worker ended, was ended, or said what it must not say.

    Attributes
    ----------
    by_document : bool
        Whether the document is to blame, and will do it again.
    """

    def __init__(self, message: str, *, by_document: bool = False) -> None:
        super().__init__(message)
        self.by_document = by_document


class Child:
    """One render worker."""

    def __init__(self, limits: Pages) -> None:
        self._limits = limits
        environment = {n: os.environ[n] for n in _ENVIRONMENT if n in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "dicom_printer.pages.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A library's complaints may quote the document; they are for debugging only.
            stderr=None if logger.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
            env=environment,
            cwd="/",
            bufsize=0,
        )
        self._buffer = bytearray()
        self._fresh = True

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """Have a request answered within the page time-out.

        Raises
        ------
        Died
            The worker is no more, and must be closed.
        DocumentError
            What the worker says is wrong with the document.
        """
        timeout_s = self._limits.page_timeout + (_START_S if self._fresh else 0)
        deadline = time.monotonic() + timeout_s
        try:
            if self._fresh:
                self._send(self._limits.model_dump(mode="json"))
                self._fresh = False
            self._send(request)
        except OSError as error:
            raise Died(str(error)) from None
        message = self._line(deadline)
        if "error" in message:
            raise DocumentError(
                str(message["error"]), str(message["remedy"]), reason=str(message["reason"])
            )
        size = int(message.get("bytes", 0))
        if not 0 <= size <= max(3 * self._limits.max_pixels, MAX_TEXT):
            raise Died("it announced more than the limits allow")
        return message, self._exactly(size, deadline)

    def _send(self, message: dict[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            stdin.write(line(message))

    def _more(self, deadline: float, size: int = 1 << 20) -> bytes:
        stdout = self._process.stdout
        if stdout is None:
            raise Died("it has no output")
        ready, _, _ = select.select([stdout], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            raise Died("it took longer than [pages] page_timeout", by_document=True)
        data = os.read(stdout.fileno(), size)
        if not data:
            code = self._process.wait()
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            # A crash and a spent limit are the document's doing; anyone can send the others.
            raise Died(f"it ended with {name}", by_document=-code in _BY_DOCUMENT)
        return data

    def _line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE:
                raise Died("its answer has no end")
            self._buffer += self._more(deadline)
        text, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        try:
            message = json.loads(text)
        except ValueError:
            raise Died("its answer is not JSON") from None
        if not isinstance(message, dict):
            raise Died("its answer is not a table")
        return message

    def _exactly(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        got = min(len(self._buffer), size)
        data[:got] = self._buffer[:got]
        del self._buffer[:got]
        while got < size:
            chunk = self._more(deadline, min(size - got, 1 << 20))
            data[got : got + len(chunk)] = chunk
            got += len(chunk)
        return data

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def close(self) -> int:
        """End the worker; return how it ended, negative for a signal."""
        self._process.kill()
        code = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return code


class Renderer:
    """Turns documents into page images in limited child processes; for use by many threads.

    Parameters
    ----------
    limits : Pages
        What a worker is held to.
    workers : int
        How many workers there are at most; they start when they are needed, and stay.
    """

    def __init__(self, limits: Pages, workers: int = 2) -> None:
        self._limits, self._workers = limits, workers
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)  # a place for a worker that is not started yet
        self._threads = ThreadPoolExecutor(workers, "render")

    def close(self) -> None:
        """End every worker."""
        self._threads.shutdown()
        while not self._idle.empty():
            child = self._idle.get()
            if child is not None:
                child.close()

    @contextmanager
    def _child(self) -> Generator[Child]:
        child = self._idle.get() or Child(self._limits)
        try:
            yield child
        except DocumentError:
            self._idle.put(child)
            raise
        except BaseException:
            child.close()
            self._idle.put(None)
            raise
        self._idle.put(child)

    def _ask(self, document: Path, what: str, **request: Any) -> tuple[dict[str, Any], bytearray]:
        """Ask PDFium's worker; where that dies, ask a fresh one to use poppler."""
        asked = {"do": what, "path": str(document), **request}
        try:
            with self._child() as child:
                return child.ask({**asked, "engine": "pdfium"})
        except Died as first:
            try:
                with self._child() as child:
                    return child.ask({**asked, "engine": "poppler"})
            except Died as second:
                if first.by_document and second.by_document:
                    raise DocumentError(
                        f"neither engine could render it within the limits: {first}; {second}",
                        "raise the limits in [pages] if the document is in order, or discard it",
                        reason="limit exceeded",
                    ) from None
                raise RenderError(f"two render workers ended: {first}; {second}") from None

    def count(self, document: Path) -> int:
        """Return how many pages a document has.

        Raises
        ------
        DocumentError
            Where it is empty, encrypted, damaged, has no pages, or is of another type.
        """
        message, _ = self._ask(document, "count")
        return int(message["count"])

    def text(self, document: Path) -> str:
        """Return the text of a PDF's first 50 pages, at most 1 MiB; "" for an image."""
        _, data = self._ask(document, "text")
        return data.decode("utf-8", "replace")

    def stream(self, document: Path, numbers: Sequence[int], how: How) -> Generator[Page]:
        """Yield pages in the order of `numbers`, while the next ones are being rendered.

        At most one page more than there are workers is held at any time. Close the
        generator where it is not read to its end.
        """
        ahead: deque[Future[Page]] = deque()
        waiting = iter(numbers)
        try:
            for number in waiting:
                ahead.append(self._threads.submit(self._page, document, number, how))
                if len(ahead) > self._workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()

    def _page(self, document: Path, number: int, how: How) -> Page:
        message, data = self._ask(document, "page", number=number, dpi=how.dpi, mode=how.mode)
        shape = tuple(int(n) for n in message["shape"])
        if len(shape) not in {2, 3} or shape[2:] not in {(), (3,)} or np.prod(shape) != len(data):
            raise RenderError("a render worker returned pixels of another size than it said")
        pixels = np.frombuffer(data, np.uint8).reshape(shape)
        return Page(number, pixels, message["spacing_mm"])
