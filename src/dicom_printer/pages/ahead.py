"""Pages of one document, made while those before them are used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

_T = TypeVar("_T")

ROOM = 4 << 20
"""Bytes of finished pages beyond the few that are always asked for. Pages take unlike times, a
scan next to none: a few that are ready keep the workers busy while one of them is sent."""


class Ahead(Generic[_T]):
    """Asks for pages ahead of their use, in their order.

    Parameters
    ----------
    ask : callable
        Has a page made, by its number; it never raises.
    numbers : iterable of int
        The pages.
    most : int
        So many are under way at a time, and so many are held whatever their size; more while
        the finished ones have less than :data:`ROOM` bytes.
    size : callable
        Of a finished page, in bytes.
    """

    def __init__(
        self,
        ask: Callable[[int], Future[_T]],
        numbers: Iterable[int],
        most: int,
        size: Callable[[_T], int],
    ) -> None:
        self._ask, self._most, self._size = ask, most, size
        self._numbers = deque(numbers)
        self._asked: deque[Future[_T]] = deque()
        # Of this thread, and of the one that finishes a page, which may be the same.
        self._lock = threading.RLock()

    def results(self) -> Generator[_T]:
        """Yield each page; close the generator where it is not read to its end."""
        try:
            self._fill()
            while self._asked:
                page = self._asked[0].result()  # still under way, and so counted
                with self._lock:
                    self._asked.popleft()
                    self._fill()
                yield page
        finally:
            with self._lock:
                self._numbers.clear()
                left = list(self._asked)
            for future in left:
                future.cancel()

    def _fill(self) -> None:
        with self._lock:
            while self._numbers and self._has_room():
                future = self._ask(self._numbers.popleft())
                self._asked.append(future)
                future.add_done_callback(self._finished)

    def _finished(self, future: Future[_T]) -> None:
        # One that was cancelled makes no room: who cancels is about to end, and a pool of
        # threads that shuts down would wait for itself here.
        if not future.cancelled():
            self._fill()

    def _has_room(self) -> bool:
        if len(self._asked) < self._most:
            return True
        finished = [each for each in self._asked if each.done()]
        if len(self._asked) - len(finished) >= self._most:
            return False
        made = [e.result() for e in finished if not e.cancelled() and e.exception() is None]
        return sum(map(self._size, made)) < ROOM
