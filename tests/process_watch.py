"""What a service and its children take of the memory, at the most, while a test runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from itertools import count

import psutil


@dataclass
class Watch:
    """Samples a service and its children, and notes who the children were.

    Attributes
    ----------
    peak, peak_of_child : int
        Resident bytes of the service, and of the largest of its children.
    together : int
        Proportional bytes (PSS) of all of them at the same moment.
    children : dict of int to psutil.Process
        Every child that was seen, by its process id.
    """

    service: psutil.Process
    peak: int = 0
    peak_of_child: int = 0
    together: int = 0
    children: dict[int, psutil.Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for turn in count():
            if self._over.wait(0.03):
                return
            try:
                children = self.service.children(recursive=True)
                self.peak = max(self.peak, self.service.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
            for child in children:
                self.children[child.pid] = child
                self.peak_of_child = max(self.peak_of_child, _rss(child))
            if turn % 5 == 0:  # the kernel adds them up page by page
                self.together = max(self.together, sum(map(_pss, [self.service, *children])))

    def stop(self) -> None:
        """End the sampling; again and again, if need be."""
        self._over.set()
        self._thread.join()


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
