"""A thread that goes its rounds, when it is rung and every so often, and can be seen to hang.

A call to a file system that is gone (a network share, above all) may never return. So
nobody waits for such a thread without a limit, and how long it has been silent is known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

STUCK_S = 60.0
"""For how long a round may be silent before it counts as stuck."""


class Rounds:
    """A thread with a bell.

    Parameters
    ----------
    turn : callable
        One round; returns the seconds until the next one, unless it is rung.
    at_end : callable
        Called in the thread when it ends.
    """

    def __init__(self, name: str, turn: Callable[[], float], at_end: Callable[[], None]) -> None:
        self._turn, self._at_end = turn, at_end
        self._rung, self._stopped = threading.Event(), threading.Event()
        self._heard: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ring(self) -> None:
        """Ask for a round now, or for another after the one that is going on."""
        self._rung.set()

    def stop(self) -> None:
        """Ask it to end; see :meth:`join`."""
        self._stopped.set()
        self._rung.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not come."""
        if self._thread.ident is not None:
            self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def progress(self) -> None:
        """Note that a round goes on.

        Raises
        ------
        InterruptedError
            Where it must end.
        """
        self._heard = time.monotonic()
        if self._stopped.is_set():
            raise InterruptedError(None, "the service stops")

    def stuck_for(self) -> float:
        """Return for how long the present round has been silent, 0 where there is none."""
        heard = self._heard
        return 0.0 if heard is None else time.monotonic() - heard

    def is_stuck(self) -> bool:
        """Tell whether the present round has been silent for too long."""
        return self.stuck_for() > STUCK_S

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._rung.clear()
            self._heard = time.monotonic()
            pause_s = self._turn()
            self._heard = None
            self._rung.wait(pause_s)
        self._at_end()
