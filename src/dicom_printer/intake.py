"""Jobs come in: committed directories become rows, hot folders become committed directories.

The bell only wakes this thread; what there is to do is read from a listing, on every
bell and every so often, because a watcher may miss a file for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from dicom_printer import ppd
from dicom_printer.attributes import name_of
from dicom_printer.bell import Bell
from dicom_printer.config import Config
from dicom_printer.errors import BadValueError, SpoolError, TicketError
from dicom_printer.hotfolder import HotFolder, Stability
from dicom_printer.jobs import table
from dicom_printer.jobs.store import Snapshot, Store
from dicom_printer.spool import INCOMING, JOBS, Spool
from dicom_printer.ticket import Ticket, is_job_id

logger = logging.getLogger(__name__)


def snapshot(config: Config, printer: str) -> Snapshot | None:
    """Return the workflow of a printer as a job carries it, None for an unknown printer."""
    if printer not in config.printer:
        return None
    workflow = config.printer[printer].workflow
    return Snapshot(defaults=dict(config.defaults), steps=config.workflow[workflow])


def attributes(config: Config, ticket: Ticket) -> dict[str, str]:
    """Return what the producer stated, and what was typed into the print dialog."""
    printer = config.printer.get(ticket.printer)
    asked = printer.ask if printer else []
    typed = {name: ppd.typed_value(ticket.option(name) or "") for name in asked}
    stated = {name: text.strip() for name, text in (typed | ticket.attributes).items()}
    return {_one_name(name): text for name, text in stated.items() if text}


def _one_name(name: str) -> str:
    """Return the keyword of an attribute given as a tag: two names could contradict unseen."""
    try:
        return name_of(name)
    except BadValueError:
        return name  # the step that uses it says what is wrong with it


class Intake:
    """Everything that comes in, in one thread.

    Parameters
    ----------
    arrived : callable
        Called when a job became ready.
    """

    def __init__(
        self, config: Config, spool: Spool, store: Store, arrived: Callable[[], None]
    ) -> None:
        self._config, self._spool, self._store, self._arrived = config, spool, store, arrived
        settle_s = config.service.settle
        self._folders = [
            HotFolder(folder, printer.name, spool, Stability(settle_s))
            for printer in config.printer.values()
            for folder in printer.hot_folders
        ]
        self._rung = threading.Event()
        self._stopped = self._unmended = False
        self._bell = Bell(self._rung.set)
        self._unwatched: set[Path] = {spool.root / INCOMING, *(f.path for f in self._folders)}
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self.troubles: list[str] = []

    def start(self) -> None:
        """Mend what a crash left, then begin to look."""
        self.mend()
        self._thread.start()

    def stop(self) -> None:
        """Take nothing in any more."""
        self._stopped = True
        self._rung.set()
        self._thread.join()
        self._bell.close()

    def is_alive(self) -> bool:
        """Tell whether the thread still runs."""
        return self._thread.is_alive()

    def mend(self) -> None:
        """Insert what has a directory in ``jobs`` but no row: the service died in between."""
        ids = self._spool.adopted()
        for i in range(0, len(ids), 500):
            batch = ids[i : i + 500]
            known = table.known(self._store, batch)
            for job_id in batch:
                if job_id not in known:
                    self._insert(job_id)

    def adopt(self) -> int:
        """Make a row of every job that was committed; return how many are new."""
        adopted = 0
        for name in self._spool.incoming():
            if not is_job_id(name):
                self._spool.reject(name, "not named by a job id")
                continue
            try:
                self._spool.ticket(name, INCOMING)
            except TicketError as error:
                logger.error("incoming/%s was rejected: %s", name, error)
                self._spool.reject(name, str(error))
                continue
            self._spool.adopt(name)
            adopted += self._insert(name)
        return adopted

    def _insert(self, job_id: str) -> bool:
        try:
            ticket = self._spool.ticket(job_id)
        except TicketError as error:
            logger.error("jobs/%s was rejected: %s", job_id, error)
            self._spool.reject(job_id, str(error), JOBS)
            return False
        steps = snapshot(self._config, ticket.printer)
        held = None
        if steps is None:
            held = (
                "printer unknown",
                "its printer is not in the configuration; add it, then "
                "`dicom-printer retry --fresh JOB`, or discard the job",
            )
        empty = Snapshot(defaults={}, steps=[])
        earlier = table.submit(
            self._store, ticket, steps or empty, attributes(self._config, ticket), held
        )
        if earlier is None:
            logger.info("job %s: accepted from %s", job_id[:8], ticket.source)
        elif earlier != job_id:
            logger.info("job %s: repeats job %s, dropped", job_id[:8], earlier[:8])
            self._spool.remove(job_id)
        return earlier is None

    def _run(self) -> None:
        while not self._stopped:
            self._rung.clear()
            try:
                if self._unmended:
                    self.mend()
                    self._unmended = False
                    self._arrived()
                self._watch()
                self._look()
                self.troubles = [t for t in (f.trouble() for f in self._folders) if t]
            except SpoolError as error:
                logger.error("%s", error)
                self.troubles = [str(error)]
            except sa.exc.OperationalError as error:
                # A full disk, above all: what was adopted and has no row gets one when it can.
                self._unmended = True
                self.troubles = [f"the job table cannot be written: {error.orig}; see `df`"]
                logger.error("%s", self.troubles[0])
            self._rung.wait(self._pause())

    def _pause(self) -> float:
        waiting = any(folder.stability.waiting() for folder in self._folders)
        settle_s = max(self._config.service.settle / 4, 0.05)
        return (
            min(settle_s, self._config.service.rescan) if waiting else self._config.service.rescan
        )

    def _watch(self) -> None:
        """Watch what is not watched yet: a folder may appear, or its share be mounted, later."""
        if not self._bell.alive():
            logger.error("the watcher of the file system died; it is started again")
            self._bell.close()
            self._bell = Bell(self._rung.set)
            self._unwatched = {self._spool.root / INCOMING, *(f.path for f in self._folders)}
        for path in sorted(self._unwatched):
            if not path.is_dir():
                continue
            try:
                self._bell.watch(path, recursive=path.parent != self._spool.root)
            except OSError as error:
                logger.warning("%s cannot be watched (%s); it is listed", path, error.strerror)
            self._unwatched.discard(path)

    def _look(self) -> None:
        moved = self._bell.moved()
        now = time.monotonic()
        for folder in self._folders:
            folder.collect(now, moved)
        if self.adopt():
            self._arrived()
