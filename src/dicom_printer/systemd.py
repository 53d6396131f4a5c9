"""What systemd is told of the service: sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_EVERY_S = 2.0


def notify(state: str) -> None:
    """Tell systemd how we are; nothing where it did not ask."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        try:
            s.connect("\0" + address[1:] if address.startswith("@") else address)
            s.sendall(state.encode())
        except OSError as error:
            logger.warning("systemd could not be told %s: %s", state, error.strerror)


class StatusLine:
    """The line that ``systemctl status`` shows: counts, and nothing of a job.

    Parameters
    ----------
    counted : callable
        Returns the line; called once in two seconds at most, and only after a change.
    """

    def __init__(self, counted: Callable[[], str]) -> None:
        self._counted = counted
        self._said = ""
        self._is_old = bool(os.environ.get("NOTIFY_SOCKET"))
        self._next = 0.0

    def turn(self, changed: bool) -> None:
        """Say it anew where something changed; called at every turn of the dispatcher."""
        if not os.environ.get("NOTIFY_SOCKET"):
            return
        self._is_old = self._is_old or changed
        if not self._is_old or time.monotonic() < self._next:
            return
        self._is_old, self._next = False, time.monotonic() + _EVERY_S
        line = self._counted()
        if line != self._said:
            self._said = line
            notify(f"STATUS={line}")
