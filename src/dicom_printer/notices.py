"""What the CUPS backend is to tell who prints now: the remotes of a printer that are down.

The service has no right to write to CUPS, and wants none. It leaves a small file in the spool;
the backend, which runs for each print, says what stands there for its queue.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from dicom_printer.config import Config
from dicom_printer.jobs import look
from dicom_printer.jobs.store import Store
from dicom_printer.spool import Spool

logger = logging.getLogger(__name__)

NAME = "notices.json"
_EVERY_S = 2.0


class Notices:
    """The file of notices, written anew where the remotes have changed.

    Parameters
    ----------
    config : Config
        Its printers and what remotes their workflows ask.
    spool : Spool
        Where the file lies.
    store : Store
        What is known of the remotes.
    """

    def __init__(self, config: Config, spool: Spool, store: Store) -> None:
        self._config = config
        self._path = spool.root / NAME
        self._store = store
        self._said: str | None = None
        self._is_old = True
        self._next = 0.0

    def turn(self, changed: bool) -> None:
        """Write the file where something changed; called at every turn of the dispatcher."""
        self._is_old = self._is_old or changed
        if not self._is_old or time.monotonic() < self._next:
            return
        self._is_old, self._next = False, time.monotonic() + _EVERY_S
        text = json.dumps(self._notices(), ensure_ascii=False)
        if text == self._said:
            return
        new = self._path.with_name(f".{NAME}.{self._store.node or 'new'}")
        try:
            # Not synced: what a power cut takes away is written again at the start.
            new.write_text(text, encoding="utf-8")
            new.chmod(0o600)
            new.replace(self._path)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._path, error.strerror)
            return  # a full disk has louder messages; it is tried after the next change
        self._said = text

    def _notices(self) -> dict[str, str]:
        """Return a line for each printer that has a remote that is down; no patient's data."""
        remotes = look.remotes(self._store)
        found = {}
        for name, printer in self._config.printer.items():
            steps = self._config.workflow.get(printer.workflow, [])
            asked = dict.fromkeys(str(step["remote"]) for step in steps if step.get("remote"))
            down = [_spoken(n, remotes[n]) for n in asked if remotes.get(n, {}).get("up") is False]
            if down:
                found[name] = f"{', '.join(down)}. What is printed waits, and goes out by itself"
        return found


def _spoken(name: str, remote: dict[str, Any]) -> str:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(remote["since"]))
    return f"{name} has not answered since {since}"
