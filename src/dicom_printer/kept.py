"""Associations that stay open for a short time, for the next job to the same remote.

Who keeps one must not have one more than the remote admits. So each belongs to a slot of the
remote in the job table: whoever has the slot next takes it over, or has it closed before another
one is opened. Where several nodes share the table, nothing is kept: the next may be another node.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dicom_printer.config import Remote

if TYPE_CHECKING:  # a service that was just started need not carry pynetdicom
    from dicom_printer.network import Association

Contexts = Sequence[tuple[str, Sequence[str]]]


class Place:
    """One of the associations that a remote admits; its job is the only one that uses it.

    Parameters
    ----------
    keeps : bool
        False: each association is released at its end.
    """

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        # Held while one is closed too: until then the remote counts it.
        self._lock = threading.Lock()
        self._idle: Association | None = None
        self._contexts: Contexts = ()
        self._timer: threading.Timer | None = None

    @contextmanager
    def associate(self, remote: Remote, contexts: Contexts) -> Iterator[Association]:
        """Take the association that is kept, where it is the same, or open one; keep it after.

        It may be gone without our knowing yet: ``was_gone`` of the association says so after
        a failure, and what was sent last was not answered then.

        Raises
        ------
        StepError
            As :func:`dicom_printer.network.associate` does.
        """
        from dicom_printer import network  # on use

        association = self._taken(contexts) or network.opened(remote, contexts)
        try:
            yield association
        except BaseException:
            association.close()
            raise
        self._keep(association, contexts, remote.keep_open)

    def clear(self) -> None:
        """Close what is kept."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        association, self._idle = self._idle, None
        if self._timer is not None:
            self._timer.cancel()
        if association is not None:
            association.close()

    def _taken(self, contexts: Contexts) -> Association | None:
        with self._lock:
            association = self._idle
            if association is None or self._contexts != contexts or not association.is_usable:
                self._close()
                return None
            self._idle = None
            if self._timer is not None:
                self._timer.cancel()
        association.take_over()
        return association

    def _keep(self, association: Association, contexts: Contexts, seconds: float) -> None:
        if not (self._keeps and seconds and association.is_usable):
            association.close()
            return
        with self._lock:
            self._idle, self._contexts = association, contexts
            self._timer = threading.Timer(seconds, self._expire, [association])
            self._timer.daemon = True
            self._timer.start()

    def _expire(self, association: Association) -> None:
        with self._lock:
            if self._idle is association:
                self._close()


class Kept:
    """The associations of one service that are kept, by remote and slot.

    Parameters
    ----------
    keeps : bool
        Whether any is.
    """

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int], Place] = {}

    def at(self, remote: str | None, slot: int | None, *, takes: bool) -> Place:
        """Return the place of a remote's slot, for the job that holds it.

        Parameters
        ----------
        takes : bool
            False where an association of its own is opened: what is kept is closed.
        """
        if remote is None or slot is None:
            return Place(keeps=False)
        with self._lock:
            place = self._places.setdefault((remote, slot), Place(keeps=self._keeps))
        if not takes:
            place.clear()
        return place

    def close(self) -> None:
        """Close all that is kept; called when no job runs any more."""
        for place in self._places.values():
            place.clear()
