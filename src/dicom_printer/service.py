"""The daemon: dispatch due jobs, recover, drain, stop.

One thread dispatches, one takes in, a few carry jobs on. The dispatcher learns of another
process's writes as :mod:`dicom_printer.jobs.changes` says; nothing else polls.
"""

from __future__ import annotations

import logging
import math
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

from dicom_printer import __version__, metrics
from dicom_printer.config import Config
from dicom_printer.errors import NodeTakenError, SpoolError
from dicom_printer.intake import Intake
from dicom_printer.jobs import changes, due, look, nodes, table
from dicom_printer.jobs.damage import is_damage, refuse_damaged
from dicom_printer.jobs.database import TROUBLES, open_database, place, said, unusable
from dicom_printer.jobs.nodes import Node
from dicom_printer.jobs.running import LostClaimError, Running
from dicom_printer.jobs.store import Store
from dicom_printer.kept import Kept
from dicom_printer.logs import about
from dicom_printer.notices import Notices
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool
from dicom_printer.systemd import StatusLine, notify
from dicom_printer.workflow import Workflow

logger = logging.getLogger(__name__)

_TICK_S = 0.5
_HOUSEKEEPING_S = 600.0
_TROUBLED_S = 5.0
_WEIGHED_S = 10.0


def _look_after(running: Running, error: BaseException | None) -> None:
    """Take a job from a worker that ended with `error`."""
    if isinstance(error, LostClaimError):
        raise error
    if isinstance(error, (*TROUBLES, SpoolError)):
        # Raises again while the table cannot be written; the job is kept until it can.
        running.put_back("the job table could not be written")
    elif isinstance(error, sa.exc.DatabaseError) and is_damage(error.orig):
        raise error  # not the job's fault: the service ends, and the table is rebuilt
    elif error is not None:
        about = {"event": "broke", "job": running.id[:8], "printer": running.printer}
        logger.error("job %s: its action broke", running.id[:8], exc_info=error, extra=about)
        running.hold(
            "action broke",
            f"the action broke ({type(error).__name__}); see the service's log, "
            "then `dicom-printer retry JOB`",
        )


def _said(error: sa.exc.SQLAlchemyError | SpoolError) -> str:
    if isinstance(error, SpoolError):
        return str(error)
    return f"the job table cannot be written: {said(error)}"


class Service:
    """The service of one spool.

    Parameters
    ----------
    config : Config
        Checked by :mod:`dicom_printer.checks`.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._spool = Spool(config.service.spool)
        self._wake = threading.Event()
        self._draining = self._must_stop = False
        self._name = config.service.node or socket.gethostname()
        self._running: dict[Future[None], Running] = {}
        self._next_housekeeping = self._next_due = self._time = 0.0
        self._troubles: list[str] | None = None
        self._unwatched = self._short = ""
        self._next_weighing = 0.0
        self._status = StatusLine(self._counted)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a second one does not wait for running jobs.

        Raises
        ------
        SpoolError
            Where the spool cannot be used, or another service uses it.
        """
        self._spool.create()
        with ExitStack() as stack:
            service = self._config.service
            shared = bool(service.database.get_secret_value())
            stack.enter_context(self._spool.only_service(self._name if shared else ""))
            try:
                self._open(stack)
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, self._on_signal)
                self._intake.start()
                stack.callback(self._intake.stop)
                notify("READY=1")
                logger.info("serving the spool %s", self._spool.root, extra={"event": "started"})
                self._serve()
            except (*TROUBLES, sa.exc.DatabaseError) as error:
                raise unusable(error, self._spool.database) from None
            notify("STOPPING=1")
        logger.info("stopped", extra={"event": "stopped"})

    def _open(self, stack: ExitStack) -> None:
        service = self._config.service
        where = place(service, self._spool.database)
        if isinstance(where, Path):
            refuse_damaged(where)
        engine = open_database(where, upgrade=True)
        stack.callback(engine.dispose)
        limits = {name: remote.associations for name, remote in self._config.remote.items()}
        self._store = Store(engine, limits, journal=self._spool.journal, node=self._name)
        self._node = Node(self._store, service.lease, __version__)
        self._notices = Notices(self._config, self._spool, self._store)
        self._changes = changes.watch(self._store)
        stack.callback(self._changes.close)
        renderer = Renderer(self._config.pages, service.render_workers)
        stack.callback(renderer.close)
        kept = Kept(keeps=not self._store.shared)
        stack.callback(kept.close)
        remotes, must_stop = self._config.remote, lambda: self._must_stop
        self._workflow = Workflow(self._spool, remotes, renderer, kept, must_stop)
        self._intake = Intake(self._config, self._spool, self._store, self._wake.set)
        self._show_figures(stack, renderer)
        nodes.require_same_spool(self._store, self._spool.is_adopted)
        self._node.join()
        stack.callback(self._leave)
        self._intake.catch_up()
        if recovered := self._node.recover():
            text = "%d jobs were running when the service ended; they go on"
            logger.warning(text, recovered, extra={"event": "recovered"})
        self._spool.sweep()

    def _leave(self) -> None:
        try:
            self._node.leave()
        except (*TROUBLES, sa.exc.DatabaseError) as error:  # why we leave says more
            logger.error("%s", _said(error))

    def _show_figures(self, stack: ExitStack, renderer: Renderer) -> None:
        address = self._config.service.metrics
        if address is None:
            return
        watched = metrics.Watched(
            self._config, self._spool, self._store, renderer, lambda: self._troubles or ()
        )
        try:
            stack.callback(metrics.serve(watched, address))
        except OSError as error:
            # Who cannot be watched can print all the same.
            self._unwatched = f"[service] metrics cannot be served: {error.strerror or error}"
            logger.error("%s", self._unwatched)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._must_stop = self._draining
        self._draining = True
        self._wake.set()

    def _serve(self) -> None:
        with ThreadPoolExecutor(self._config.service.workers, "job") as pool:
            while not self._draining:
                rang = self._wake.wait(_TICK_S)
                self._wake.clear()
                notify("WATCHDOG=1")
                try:
                    self._turn(pool, rang)
                except NodeTakenError:
                    self._must_stop = True  # our jobs are another's
                    raise
                except (*TROUBLES, SpoolError) as error:
                    # A full disk, above all: nothing is lost, so wait until it has passed.
                    logger.error("%s", _said(error))
                    self._wake.set()  # what rang is not done yet
                    time.sleep(_TROUBLED_S)
            self._drain()

    def _turn(self, pool: ThreadPoolExecutor, rang: bool) -> None:
        silent = self._node.silent
        if self._node.turn() or self._node.silent - silent:
            self._intake.mend_soon()  # who died may have died between a rename and its row
        self._reap()
        if time.monotonic() >= self._next_housekeeping:
            self._next_housekeeping = time.monotonic() + _HOUSEKEEPING_S
            self._keep_house()
        self._report()
        changed, before, self._time = self._changes.seen(), self._time, self._store.clock()
        # Where the clock was set back, nothing that was to come at a time can wait for it.
        if rang or changed or self._time >= self._next_due or self._time < before:
            self._dispatch(pool)
            self._next_due = due.next_due(self._store) or math.inf
        self._status.turn(rang or changed)
        self._notices.turn(rang or changed)

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        while len(self._running) < self._config.service.workers and not self._draining:
            if (running := table.claim(self._store)) is None:
                break
            future = pool.submit(self._carry_on, running)
            self._running[future] = running
            future.add_done_callback(lambda _: self._wake.set())
        if self._running and not self._draining:
            # The first pages of jobs that wait for the association of another.
            for each in due.coming(self._store, self._config.service.render_workers):
                self._workflow.begin(each.id, each.step, each.attributes)

    def _carry_on(self, running: Running) -> None:
        with about(job=running.id[:8], printer=running.printer):
            self._workflow.carry_on(running)

    def _reap(self) -> None:
        """Look after what the workers left: an action that broke must not strand its job."""
        for future in [f for f in self._running if f.done()]:
            running, error = self._running[future], future.exception()
            try:
                _look_after(running, error)
            except LostClaimError:
                logger.error(
                    "job %s: it was taken from this node's worker, which writes nothing more; "
                    "another one goes on with it",
                    running.id[:8],
                )
            del self._running[future]

    def _report(self) -> None:
        if time.monotonic() >= self._next_weighing:
            self._next_weighing = time.monotonic() + _WEIGHED_S
            self._short = self._spool.short_of(self._config.service.min_free)
        troubles = [*self._intake.troubles, *filter(None, (self._unwatched, self._short))]
        if not self._intake.is_alive():
            troubles.append("the intake thread died; restart the service")
        if troubles != self._troubles:
            self._troubles = troubles
            self._node.report(troubles)

    def _counted(self) -> str:
        counts = Counter[str]()
        for row in look.counts(self._store):
            counts[row["state"]] += row["jobs"]
        waiting = ", ".join(f"{counts[state]} {state}" for state in look.WAITING)
        return f"{waiting}; {len(self._troubles or ())} troubles"

    def _drain(self) -> None:
        """Let the jobs that are running end, so that what was begun is completed."""
        deadline = time.monotonic() + self._config.service.drain
        if self._running:
            logger.info("stopping when %d running jobs have ended", len(self._running))
        while self._running:
            if time.monotonic() >= deadline:
                self._must_stop = True
            try:
                self._node.turn()
                self._reap()
            except (*TROUBLES, SpoolError) as error:
                logger.error("%s", _said(error))
                if time.monotonic() >= deadline:
                    return  # the next start recovers what is left running
            notify("WATCHDOG=1")
            self._wake.wait(_TICK_S)
            self._wake.clear()

    def _keep_house(self) -> None:
        """Forget the jobs that ended long ago: first their documents, then their rows."""
        limit = self._store.clock() - self._config.service.keep
        if ids := table.finished_before(self._store, limit):
            # A row without its directory is forgotten; a directory without its row would be
            # taken for a job that just came in.
            gone = [job_id for job_id in ids if self._spool.remove(job_id)]
            table.forget(self._store, gone)
            if len(gone) == len(ids):
                # The rest at the next turns: a month's jobs take longer than the watchdog waits,
                # and jobs that are due, the lease and a stop do not wait for them either.
                self._next_housekeeping = 0.0
                return
            text = "%d finished jobs cannot be deleted; see %s"
            logger.error(text, len(ids) - len(gone), self._spool.root)
        if self._store.shared:
            self._intake.mend_soon()  # a node that could not write the table may have left
        nodes.forget(self._store, limit)
        self._spool.sweep()
