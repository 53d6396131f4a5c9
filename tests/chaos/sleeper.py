"""One scene without chance: a node sleeps in the middle of a job, and wakes when it lost it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.plan import Print, Size
from chaos.run import Report, finished
from chaos.site import Site

SIZE = Size(seed=0, kills=0, jobs=1, nodes=2, database="postgresql")
_DOCUMENT = Print(0, "submit", "One", 60, "", 0.0)
_WAIT_S = 120.0


def sleeper(directory: Path, command: Sequence[str] = ("-m", "dicom_printer")) -> Report:
    """Stop a node at its third page, let the other take the job over, wake it, and judge."""
    begin = time.monotonic()
    with Site(directory, SIZE, list(command)) as site:
        stores = site.witness.stores
        site.witness.calm = True
        first, second = site.nodes
        first.start()
        first.wait_ready()
        site.producers.make(_DOCUMENT)
        _until(lambda: stores[first.number] >= 3, "the first node at work")
        first.stop()
        site.witness.asleep(first.number)
        second.start()
        second.wait_ready()
        _until(lambda: stores[second.number] >= 6, "the second node at work")
        first.go_on()
        return finished(site, [_DOCUMENT], begin)


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {_WAIT_S} s: {what}"
        time.sleep(0.005)
