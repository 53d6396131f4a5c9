"""The service's side: warm render workers, a bounded number of pages ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dicom_printer.codec import Encoding, Frame, check
from dicom_printer.errors import DocumentError, RenderError
from dicom_printer.pages.ahead import Ahead
from dicom_printer.pages.begun import FIRST, BegunPages
from dicom_printer.pages.child import Child, DiedError
from dicom_printer.pages.wire import EncodedPage, How, Limits, Page, request

if TYPE_CHECKING:  # the worker imports this package too, and has no use for the configuration
    from dicom_printer.config.models import Pages

_T = TypeVar("_T")


class Renderer:
    """Turns documents into page images in limited child processes; for use by many threads.

    Requests are served in the order they come, from whichever job; a job has never more than
    one request a worker and one waiting, so that a long document does not keep others out.

    Parameters
    ----------
    limits : Pages
        What a worker is held to.
    workers : int
        How many workers there are at most; they start when they are needed, and stay.
    """

    def __init__(self, limits: Pages, workers: int = 2) -> None:
        self._limits = Limits(
            limits.max_pixels, limits.max_pages, limits.memory, limits.page_timeout
        )
        self._workers = workers
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)  # a place for a worker that is not started yet
        # Workers end with the thread that started them (PR_SET_PDEATHSIG): only with these.
        self._threads = ThreadPoolExecutor(workers, "render")
        self._begun = BegunPages(workers)
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._ended = 0
        self._closed = False

    def count(self, document: Path) -> int:
        """Return how many pages a document has.

        Raises
        ------
        DocumentError
            Where it is empty, encrypted, damaged, has no pages or too many, or is of another
            type than PDF, PNG, JPEG and TIFF.
        RenderError
            Where the worker was ended from outside.
        """
        if (known := self._begun.count(document)) is not None:
            return known
        return _result(self._submit(self._count, document))

    def _count(self, document: Path) -> int:
        message, _ = self._ask(document, {"do": "count"})
        count = message.get("count")
        if type(count) is not int or not 0 < count <= self._limits.max_pages:
            raise RenderError("a render worker returned a number of pages that cannot be")
        return count

    def text(self, document: Path) -> str:
        """Return the text of a PDF's first 50 pages, at most 1 MiB; "" for an image."""
        _, data = _result(self._submit(self._ask, document, {"do": "text"}))
        return data.decode("utf-8", "replace")

    def pdf(self, document: Path, numbers: Sequence[int]) -> bytes | None:
        """Return the pages `numbers` of a PDF as a PDF, None where the document is an image.

        All pages are the document as it is, byte by byte.
        """
        request = {"do": "pdf", "numbers": list(numbers)}
        message, data = _result(self._submit(self._ask, document, request))
        if message.get("kind") == "image":
            return None
        return document.read_bytes() if message.get("kind") == "whole" else bytes(data)

    def begin(self, document: Path, how: How, encoding: Encoding | None = None) -> None:
        """Begin with the first page of a document that is asked for soon, if it ever is.

        Parameters
        ----------
        encoding : Encoding, optional
            None where :meth:`stream` will be asked, else for :meth:`frames`.
        """
        asked: tuple[Any, ...] = (how,) if encoding is None else (how, encoding)
        call: Callable[..., object] = self._page if encoding is None else self._encoded
        self._begun.begin(
            document, asked, self._submit,
            lambda: self._count(document), lambda: call(document, FIRST, *asked),
        )  # fmt: skip

    def stream(self, document: Path, numbers: Sequence[int], how: How) -> Generator[Page]:
        """Yield pages in the order of `numbers`, while the next ones are being rendered.

        At most as many pages as there are workers are held at any time, besides the one that
        was yielded; small ones may be more, see :class:`~dicom_printer.pages.ahead.Ahead`.
        Close the generator where it is not read to its end.
        """
        yield from self._ahead(document, numbers, lambda p: p.pixels.nbytes, self._page, how)

    def frames(
        self, document: Path, numbers: Sequence[int], how: How, encoding: Encoding
    ) -> Generator[EncodedPage]:
        """Yield the pages of :meth:`stream`, encoded where they were rendered."""
        yield from self._ahead(
            document, numbers, lambda p: len(p.frame.data), self._encoded, how, encoding
        )

    def _ahead(
        self,
        document: Path,
        numbers: Sequence[int],
        size: Callable[[_T], int],
        call: Callable[..., _T],
        *how: Any,
    ) -> Generator[_T]:
        begun = self._begun.take(document, how)

        def ask(number: int) -> Future[_T]:
            if begun is not None and number == FIRST:
                return begun
            try:
                return self._submit(call, document, number, *how)
            except RenderError as error:
                closed: Future[_T] = Future()
                closed.set_exception(error)
                return closed

        try:
            yield from Ahead(ask, numbers, self._workers, size).results()
        except CancelledError:
            raise _was_closed() from None
        finally:
            if begun is not None:
                begun.cancel()

    @property
    def ended(self) -> int:
        """How many workers ended before they were to: by a document, by a limit, from outside."""
        return self._ended

    def close(self) -> None:
        """End every worker; who still waits for a page gets a RenderError."""
        with self._lock:
            self._closed = True
            self._begun.clear()
            children = set(self._children)
        for child in children:
            child.kill()
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            child_or_place = self._idle.get()
            if child_or_place is not None:
                child_or_place.close()

    def _submit(self, call: Callable[..., _T], *arguments: Any) -> Future[_T]:
        try:
            return self._threads.submit(call, *arguments)
        except RuntimeError:
            raise _was_closed() from None

    def _page(self, document: Path, number: int, how: How) -> Page:
        message, data = self._ask(document, request(number, how, None))
        kind = "<u2" if message["bits"] == 12 else "u1"
        return Page(number, np.frombuffer(data, kind).reshape(message["shape"]), _spacing(message))

    def _encoded(self, document: Path, number: int, how: How, encoding: Encoding) -> EncodedPage:
        message, data = self._ask(document, request(number, how, encoding))
        frame = Frame(encoding.syntax, tuple(message["shape"]), message["bits"], bytes(data))
        try:
            check(frame)
        except ValueError as error:
            raise RenderError(f"a render worker returned no page: {error}") from None
        return EncodedPage(number, frame, _spacing(message))

    def _ask(self, document: Path, asked: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """Ask a worker; where the document ends it, ask a fresh one to use the second engine."""
        ends: list[str] = []
        for engine in ("pdfium", "poppler"):
            try:
                with self._child() as child:
                    return child.ask({**asked, "path": str(document.absolute()), "engine": engine})
            except DiedError as error:
                if self._closed:
                    raise _was_closed() from None
                if not error.by_document:
                    raise RenderError(f"a render worker ended: {error}") from None
                ends.append(str(error))
        what = f"page {asked['number']}" if "number" in asked else "the document"
        raise DocumentError(
            f"{what} cannot be rendered within the limits by either engine: {'; '.join(ends)}",
            "where the document is in order, raise the limits in [pages], restart and retry",
            reason="limit exceeded",
        )

    @contextmanager
    def _child(self) -> Generator[Child]:
        """Lend a worker: a warm one, or a new one where that has ended."""
        child = self._idle.get()
        try:
            if child is None or not child.alive:
                self._forget(child)
                child = None
                child = self._started()
            yield child
        except DocumentError:
            raise
        except BaseException:
            self._forget(child)
            child = None
            raise
        finally:
            self._idle.put(child)

    def _started(self) -> Child:
        child = Child(self._limits)
        with self._lock:
            if not self._closed:
                self._children.add(child)
                return child
        child.close()
        raise DiedError("the renderer is closed")

    def _forget(self, child: Child | None) -> None:
        if child is not None:
            with self._lock:
                self._children.discard(child)
                self._ended += 1
            child.close()


def _result(future: Future[_T]) -> _T:
    try:
        return future.result()
    except CancelledError:
        raise _was_closed() from None


def _spacing(message: dict[str, Any]) -> float | None:
    spacing_mm = message.get("spacing_mm")
    return float(spacing_mm) if spacing_mm is not None else None


def _was_closed() -> RenderError:
    return RenderError("the renderer was closed before the page was there")
