"""First pages that are begun with ahead of their jobs: a head start, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dicom_printer.errors import DocumentError, RenderError
from dicom_printer.pages.begun import BegunPages

A, B, C = Path("/a.pdf"), Path("/b.pdf"), Path("/c.pdf")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


class Later:
    """A renderer that is busy: nothing is carried out before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.futures: list[Future[None]] = []

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[None]:
        self.waiting.append(lambda: call(*arguments))
        self.futures.append(Future())
        return self.futures[-1]


def begin(pages: BegunPages, later: Later, document: Path, asked: str = "so") -> None:
    pages.begin(document, (asked,), later.submit, lambda: 7, lambda: f"page of {document}")


def test_the_page_is_there_for_who_asks_once(threads: ThreadPoolExecutor) -> None:
    pages = BegunPages(2)
    pages.begin(A, ("so",), threads.submit, lambda: 7, lambda: "page")
    assert pages.count(A) == 7
    taken = pages.take(A, ("so",))
    assert taken is not None
    assert taken.result() == "page"
    assert pages.take(A, ("so",)) is None
    assert pages.count(A) is None


def test_who_wants_it_otherwise_does_not_get_it() -> None:
    pages, later = BegunPages(2), Later()
    begin(pages, later, A)
    assert pages.take(A, ("otherwise",)) is None
    assert pages.take(A, ("so",)) is None
    assert pages.count(B) is None


def test_a_document_is_begun_with_once() -> None:
    pages, later = BegunPages(2), Later()
    begin(pages, later, A)
    begin(pages, later, A)
    assert len(later.waiting) == 1


def test_of_too_many_the_oldest_is_dropped_and_not_rendered() -> None:
    pages, later = BegunPages(2), Later()
    rendered: list[Path] = []
    for document in (A, B, C):
        pages.begin(document, (), later.submit, lambda: 1, partial(rendered.append, document))
    for each in later.waiting:
        each()
    assert rendered == [B, C]
    assert pages.take(A, ()) is None


def broken() -> int:
    raise DocumentError("damaged", "print it again")


def ended() -> int:
    raise RenderError("a render worker ended")


def test_a_document_that_cannot_be_counted_says_so_once() -> None:
    pages, later = BegunPages(2), Later()
    pages.begin(A, (), later.submit, broken, lambda: 1)
    later.waiting[0]()
    with pytest.raises(DocumentError):
        pages.count(A)
    assert pages.count(A) is None
    assert pages.take(A, ()) is None


def test_a_worker_that_ended_while_it_counted_costs_nothing() -> None:
    pages, later = BegunPages(2), Later()
    pages.begin(A, (), later.submit, ended, lambda: 1)
    later.waiting[0]()
    assert pages.count(A) is None
    assert pages.take(A, ()) is None


def test_a_fault_of_the_page_is_said_when_it_is_asked_for() -> None:
    pages, later = BegunPages(2), Later()
    pages.begin(A, (), later.submit, lambda: 1, broken)
    later.waiting[0]()
    assert pages.count(A) == 1
    taken = pages.take(A, ())
    assert taken is not None
    with pytest.raises(DocumentError):
        taken.result()


def test_nobody_waits_for_what_is_never_done() -> None:
    pages, later = BegunPages(2), Later()
    begin(pages, later, A)
    later.futures[0].cancel()
    later.futures[0].set_running_or_notify_cancel()
    assert pages.count(A) is None
    assert pages.take(A, ("so",)) is None
    begin(pages, later, B)
    pages.clear()
    assert pages.count(B) is None
