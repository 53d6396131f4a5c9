"""First pages of documents whose turn comes soon: rendered while their remote is busy.

It is no more than a head start: whoever asks for the page gets it, and where nobody does it
makes room for the next. No job knows of it, so none can be stopped too late.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_printer.errors import DocumentError, StepError

FIRST = 1
"""The page that is begun with."""


@dataclass(frozen=True, eq=False)
class _Begun:
    asked: tuple[object, ...]
    count: Future[int] = field(default_factory=Future)
    page: Future[Any] = field(default_factory=Future)

    def work(self, count: Callable[[], int], page: Callable[[], Any]) -> None:
        """Count the pages and make the first, in a thread of the renderer's."""
        if not self.page.set_running_or_notify_cancel():
            return
        try:
            self.count.set_result(count())
            self.page.set_result(page())
        except BaseException as error:  # noqa: BLE001 - whoever asks gets it
            for future in (self.count, self.page):
                if not future.done():
                    future.set_exception(error)

    def drop(self) -> None:
        self.page.cancel()
        self.count.cancel()


class BegunPages:
    """The pages that were begun with; of few documents, the newest.

    Parameters
    ----------
    most : int
        Of how many documents at a time: so many pages are held at most, besides those
        that :meth:`Renderer.stream` holds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._begun: dict[Path, _Begun] = {}

    def begin(
        self,
        document: Path,
        asked: tuple[object, ...],
        submit: Callable[..., Future[None]],
        count: Callable[[], int],
        page: Callable[[], Any],
    ) -> None:
        """Begin with a document, unless that was done.

        Parameters
        ----------
        asked : tuple
            How the page is wanted: who asks for it otherwise does not get this one.
        submit : callable
            Has a function carried out in a thread.
        """
        with self._lock:
            if document in self._begun:
                return
            while len(self._begun) >= self._most:
                self._begun.pop(next(iter(self._begun))).drop()
            begun = self._begun[document] = _Begun(asked)
        # Where the renderer closes first, nobody must wait for what is never done.
        submit(begun.work, count, page).add_done_callback(
            lambda done: begun.drop() if done.cancelled() else None
        )

    def count(self, document: Path) -> int | None:
        """Return how many pages a document has; None where it is not known.

        Raises
        ------
        DocumentError
            What is wrong with it, once: it shall not end another worker to say so again.
        """
        with self._lock:
            begun = self._begun.get(document)
        try:
            return begun.count.result() if begun is not None else None
        except (StepError, CancelledError) as error:
            with self._lock:
                self._begun.pop(document, None)
            if isinstance(error, DocumentError):
                raise
            return None

    def take(self, document: Path, asked: tuple[object, ...]) -> Future[Any] | None:
        """Hand over the first page, to one only; None where it was not begun with so."""
        with self._lock:
            begun = self._begun.pop(document, None)
        if begun is not None and begun.asked == asked and not begun.page.cancelled():
            return begun.page
        if begun is not None:
            begun.drop()
        return None

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            while self._begun:
                self._begun.popitem()[1].drop()
