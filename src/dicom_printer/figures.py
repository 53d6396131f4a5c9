"""What this process has done since it started, counted for who watches it."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter

BUCKETS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 4 * 3600, 86400)
"""Upper limits of the times from print to delivery, in seconds; above them there is infinity."""


class Figures:
    """Counters that only rise; any thread may count, and any may read.

    Attributes
    ----------
    pages : Counter of str
        Pages acknowledged, by remote.
    failures : Counter of (str, str)
        Steps that failed, by reason and remote; the remote is empty where none was asked.
    """

    def __init__(self) -> None:
        self.pages: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self._delivered: dict[str, tuple[list[int], float]] = {}
        self._lock = threading.Lock()

    def sent(self, remote: str, pages: int = 1) -> None:
        """Count pages that a remote has acknowledged."""
        with self._lock:
            self.pages[remote] += pages

    def failed(self, reason: str, remote: str) -> None:
        """Count a step that failed."""
        with self._lock:
            self.failures[reason, remote] += 1

    def delivered(self, printer: str, seconds: float) -> None:
        """Count a job that went through all its steps, so long after it was printed."""
        with self._lock:
            counts, total = self._delivered.get(printer, ([0] * (len(BUCKETS_S) + 1), 0.0))
            counts[bisect_left(BUCKETS_S, seconds)] += 1
            # A clock that was set back must not make the sum fall.
            self._delivered[printer] = counts, total + max(seconds, 0.0)

    def deliveries(self) -> dict[str, tuple[list[int], float]]:
        """Return by printer how many deliveries each bucket has, the last is infinity; the sum."""
        with self._lock:
            return {name: (list(counts), s) for name, (counts, s) in self._delivered.items()}
