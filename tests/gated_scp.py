"""A store that keeps the answer to one C-STORE back, until the test has done its deed."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from scp import ScriptedSCP


class GatedSCP(ScriptedSCP):
    """``hold_back(n)``, ``wait()``, do something, then ``gate.set()``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._held_back, self._also_later, self._aborts = 0, False, False
        self.waiting = 0
        """How many stores are not answered yet."""
        self.reached = threading.Event()
        self.gate = threading.Event()

    def hold_back(self, number: int, *, also_later: bool = False) -> None:
        """Take the store of this number, counted from the first ever, and do not answer it yet.

        With `also_later` those that come after it on other associations neither.
        """
        self._held_back, self._also_later = number, also_later
        self.reached.clear()
        self.gate.clear()

    def wait(self) -> None:
        """Wait until the store has come that is not answered yet."""
        assert self.reached.wait(90), f"store {self._held_back} did not come"

    def abort(self) -> None:
        """Abort the association instead of giving the answer that was kept back."""
        self._aborts = True
        self.gate.set()

    def requests_by_uid(self) -> Counter[str]:
        """Return how often each SOP Instance UID was sent."""
        return Counter(store.sop_instance_uid for store in self.stores)

    def stop(self) -> None:
        """Answer what was kept back, and close."""
        self.gate.set()
        super().stop()

    def _store(self, event: Any) -> int:
        status = super()._store(event)
        if self._waits(len(self.stores)):
            with self._lock:
                self.waiting += 1
            self.reached.set()
            self.gate.wait(60)
            with self._lock:
                self.waiting -= 1
            if self._aborts:
                event.assoc.abort()
        return status

    def _waits(self, number: int) -> bool:
        later = self._also_later and 0 < self._held_back < number
        return later or number == self._held_back
