"""Jobs come in: committed directories become rows, hot folders become committed directories.

The bell only wakes a thread; what there is to do is read from a listing, on every
bell and every so often, because a watcher may miss a file for ever. Each hot folder has a
thread of its own: one whose file system hangs stops nobody else.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dicom_printer import ppd
from dicom_printer.attributes import name_of
from dicom_printer.bell import Watched
from dicom_printer.config import Config, Service
from dicom_printer.errors import BadValueError, SpoolError, TicketError
from dicom_printer.folder_listing import Stability
from dicom_printer.hotfolder import HotFolder
from dicom_printer.jobs import rebuild, table
from dicom_printer.jobs.database import TROUBLES, said
from dicom_printer.jobs.store import Snapshot, State, Store
from dicom_printer.rounds import Rounds
from dicom_printer.spool import INCOMING, JOBS, Spool
from dicom_printer.ticket import Ticket, is_job_id

logger = logging.getLogger(__name__)

_UNKNOWN = (
    "printer unknown",
    "its printer is not in the configuration; add it, then `dicom-printer retry --fresh JOB`, "
    "or discard the job",
)
_REJECTED = {"event": "rejected"}
_STOP_S = 10.0
_SHOWN = 3


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


class Collector:
    """A hot folder with the thread that looks after it.

    Parameters
    ----------
    committed : callable
        Called when a file went into the spool.
    """

    def __init__(
        self, folder: Path, printer: str, service: Service, spool: Spool,
        committed: Callable[[], None],
    ) -> None:  # fmt: skip
        self.path = folder
        self._service, self._committed = service, committed
        self.rounds = Rounds(f"hot folder of {printer}", self._turn, lambda: self._bell.close())
        self._bell = Watched(folder, self.rounds.ring, recursive=True)
        self._folder = HotFolder(
            folder, printer, spool, Stability(service.settle), service.rescan, self.rounds.progress
        )
        self._troubles: list[str] = []

    def troubles(self) -> list[str]:
        """Return what keeps the folder from being served."""
        silent = f"hot folder {self.path}: its file system does not answer; see its mount"
        return [*self._troubles, *([silent] if self.rounds.is_stuck() else [])]

    def _turn(self) -> float:
        rescan = self._service.rescan
        try:
            self._bell.watch()
            if self._folder.collect(time.monotonic(), self._bell.moved()):
                self._committed()
            self._troubles = self._folder.troubles()
        except InterruptedError:
            return rescan
        except (OSError, SpoolError) as error:
            known, self._troubles = self._troubles, [f"hot folder {self.path}: {_said(error)}"]
            if known != self._troubles:
                logger.error("%s", self._troubles[0])
            return rescan
        return (
            min(max(self._service.settle / 4, 0.05), rescan) if self._folder.waiting() else rescan
        )


class Intake:
    """Everything that comes in: a thread for ``incoming``, and one for each hot folder.

    Parameters
    ----------
    arrived : callable
        Called when a job became ready.
    """

    def __init__(
        self, config: Config, spool: Spool, store: Store, arrived: Callable[[], None]
    ) -> None:
        self._config, self._spool, self._store, self._arrived = config, spool, store, arrived
        self._rounds = Rounds("intake", self._turn, lambda: self._bell.close())
        self._bell = Watched(spool.root / INCOMING, self._rounds.ring, recursive=False)
        self._collectors = [
            Collector(folder, printer.name, config.service, spool, self._rounds.ring)
            for printer in config.printer.values()
            for folder in printer.hot_folders
        ]
        self._missing: dict[str, None] = {}  # jobs with a directory in ``jobs``, and no row yet
        self._rebuilt: Counter[str] = Counter()  # rows made from journals, by their state
        self._mending = False
        self._failed: list[str] = []
        self._troubles: list[str] = []

    @property
    def troubles(self) -> list[str]:
        """What keeps jobs from coming in; none of it ends the service."""
        silent = f"spool {self._spool.root}: its file system does not answer; see its mount"
        theirs = [text for collector in self._collectors for text in collector.troubles()]
        return [*self._troubles, *([silent] if self._rounds.is_stuck() else []), *theirs]

    def start(self) -> None:
        """Mend what a crash left, then begin to look."""
        self.mend()
        for rounds in self._all():
            rounds.start()

    def stop(self) -> None:
        """Take nothing in any more; a thread that hangs is left behind."""
        for rounds in self._all():
            rounds.stop()
        deadline = time.monotonic() + _STOP_S
        if not all([rounds.join(deadline - time.monotonic()) for rounds in self._all()]):
            logger.warning("a file system does not answer; the service stops without its thread")

    def is_alive(self) -> bool:
        """Tell whether every thread still runs."""
        return all(rounds.is_alive() for rounds in self._all())

    def _all(self) -> list[Rounds]:
        return [*(collector.rounds for collector in self._collectors), self._rounds]

    def catch_up(self) -> list[str]:
        """Bring rows up to date that are older than their journals; return their jobs' ids."""
        behind = rebuild.catch_up(self._store, self._spool.adopted())
        if behind:
            logger.warning("the job table was older than the journals of %d jobs", len(behind))
        return behind

    def mend(self) -> list[str]:
        """Insert what has a directory in ``jobs`` but no row.

        The service died in between; or the job table was lost, and the journals say how far
        each job had come. Returns what keeps others from being inserted.
        """
        ids = self._spool.adopted()
        for i in range(0, len(ids), 500):
            batch = ids[i : i + 500]
            known = table.known(self._store, batch)
            self._missing |= dict.fromkeys(job_id for job_id in batch if job_id not in known)
        # Those first that were begun: what repeats one of them must not go before it.
        begun = {i for i in self._missing if self._spool.journal.written(i) is not None}
        self._missing = dict.fromkeys(sorted(self._missing, key=lambda i: i not in begun))
        self._insert_missing()
        if self._rebuilt:
            said = ", ".join(f"{count} {state}" for state, count in self._rebuilt.items())
            logger.warning("jobs that the job table lacked were rebuilt from journals: %s", said)
            self._rebuilt.clear()
        return self._failed

    def mend_soon(self) -> None:
        """Mend before the next look at ``incoming``: another node died."""
        self._mending = True
        self._rounds.ring()

    def _insert_missing(self) -> int:
        inserted = 0
        for job_id in list(self._missing):
            with self._one():
                if self._spool.is_adopted(job_id):
                    inserted += self._insert(job_id)
                else:
                    self._missing.pop(job_id)  # taken away by a person
        return inserted

    def adopt(self) -> int:
        """Make a row of every job that was committed; return how many are new."""
        adopted = 0
        for name in self._spool.incoming():
            self._rounds.progress()
            with self._one():
                adopted += self._adopt(name)
        return adopted

    @contextmanager
    def _one(self) -> Iterator[None]:
        """Let what happens to one job concern only that one; the next round tries it again."""
        try:
            yield
        except (OSError, SpoolError) as error:
            if _said(error) not in self._troubles:
                logger.error("%s", _said(error))
            self._failed.append(_said(error))

    def _adopt(self, name: str) -> bool:
        try:
            self._spool.ticket(name, INCOMING)
            self._spool.adopt(name)
        except TicketError as error:
            if self._spool.reject(name, str(error)) and is_job_id(name):
                logger.error("incoming/%s was rejected: %s", name, error, extra=_REJECTED)
            return False
        except SpoolError:
            if self._spool.is_adopted(name):  # it was renamed, and is not on disk for certain
                self._missing[name] = None
            raise
        # Also where another node was faster: it may die before it makes the row.
        return self._insert(name)

    def _insert(self, job_id: str) -> bool:
        self._missing[job_id] = None
        state = rebuild.insert(self._store, job_id)
        if state is not None:
            self._missing.pop(job_id)
            self._rebuilt[state] += 1
            return state is State.READY
        try:
            ticket = self._spool.ticket(job_id)
        except TicketError as error:
            if self._spool.reject(job_id, str(error), JOBS):
                logger.error("jobs/%s was rejected: %s", job_id, error, extra=_REJECTED)
            self._missing.pop(job_id)
            return False
        steps = snapshot(self._config, ticket.printer)
        held = rebuild.unreadable(self._store, job_id) or (_UNKNOWN if steps is None else None)
        workflow = steps or Snapshot(defaults={}, steps=[])
        stated = attributes(self._config, ticket)
        first = table.first_remote(workflow)
        earlier = table.submit(self._store, ticket, workflow, stated, held, first)
        self._missing.pop(job_id)
        if earlier is None:
            about = {"event": "accepted", "job": job_id[:8]}
            logger.info("job %s: accepted from %s", job_id[:8], ticket.source, extra=about)
        elif earlier != job_id:
            about = {"event": "repeated", "job": earlier[:8]}
            logger.info("job %s: repeats job %s, dropped", job_id[:8], earlier[:8], extra=about)
            self._spool.remove(job_id)
        return earlier is None

    def _turn(self) -> float:
        self._failed = []
        try:
            self._bell.watch()
            if self._mending:
                self._mending = False
                self.mend()
            if self._insert_missing() + self.adopt():
                self._arrived()
        except InterruptedError:
            pass
        except (OSError, SpoolError) as error:
            self._failed.append(_said(error))
            logger.error("%s", self._failed[-1])
        except TROUBLES as error:
            self._failed.append(f"the job table cannot be written: {said(error)}")
            logger.error("%s", self._failed[-1])
        more = len(self._failed) - _SHOWN
        self._troubles = self._failed[:_SHOWN] + ([f"{more} more like these"] if more > 0 else [])
        return self._config.service.rescan


def _said(error: OSError | SpoolError) -> str:
    return str(error) if isinstance(error, SpoolError) else error.strerror or str(error)
