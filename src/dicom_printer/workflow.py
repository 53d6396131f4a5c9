"""One job through its steps: ``when``, placeholders, ``on_error``. No DICOM, no sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from dicom_printer import actions, defaults, expressions, placeholders
from dicom_printer.actions import Action, Job
from dicom_printer.attributes import Value
from dicom_printer.config import Remote, RemoteStep, Retry, Step, of_model
from dicom_printer.config.units import spoken
from dicom_printer.errors import (
    MatchError,
    RemoteError,
    RemoteUnreachableError,
    SpoolError,
    StepError,
    TicketError,
    Verdict,
)
from dicom_printer.jobs import rebuild
from dicom_printer.jobs.remotes import Down, remote_down, remote_up
from dicom_printer.jobs.running import Running
from dicom_printer.kept import Kept
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool
from dicom_printer.ticket import Ticket

logger = logging.getLogger(__name__)


class Interrupted(Exception):  # noqa: N818 - no error: somebody wants the job back
    """The job must not go on now: an operator asked for it, or the service stops.

    Attributes
    ----------
    request : dict of str to str or None
        What the operator asked; None where the service stops.
    """

    def __init__(self, request: dict[str, str] | None) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True)
class Workflow:
    """What every job needs to be carried on.

    Attributes
    ----------
    must_stop : callable
        True as soon as the service cannot wait for its jobs any longer.
    """

    spool: Spool
    remotes: Mapping[str, Remote]
    renderer: Renderer
    kept: Kept
    must_stop: Callable[[], bool]

    def carry_on(self, running: Running) -> None:
        """Take a claimed job through its steps until it ends, waits, or fails.

        Raises
        ------
        LostClaimError
            Where the job was taken from this worker meanwhile.
        """
        try:
            if not rebuild.overtaken(running):
                self._steps(running)
        except Interrupted as interrupted:
            _obey(running, interrupted.request)
        except TicketError as error:
            running.hold("spool damaged", str(error))
        except SpoolError as error:
            # Not the job's fault, and it passes: no file descriptor, no memory, a bad disk. So it
            # is never given up; one whose time to give up has come would be woken at once.
            now = running.store.clock()
            until = now + Retry().delay(running.failures + 1)
            end = max(running.give_up_at or now + Retry().give_up, until)
            running.suspend(until, end, reason="spool unreadable", error=str(error), counts=True)

    def begin(self, job_id: str, raw: Mapping[str, Any], attributes: Mapping[str, Value]) -> None:
        """Begin with a job's next step before the job can be claimed, as far as that goes.

        Nothing comes of it but a head start; what is wrong is said when the job has its turn.
        This is the dispatcher: no code and no expression of the site's may keep it, or end it.
        """
        if raw.get("action") not in actions.ACTIONS or raw.get("when"):
            return
        try:
            ticket = self.spool.ticket(job_id)
            action, step = _prepared(raw, placeholders.values(ticket, attributes))
        except (StepError, TicketError, SpoolError):
            return
        if begin := getattr(action, "begin", None):
            begin(step, ticket, self.spool.document(ticket), self.renderer)

    def _steps(self, running: Running) -> None:
        ticket = self.spool.ticket(running.id)
        steps = running.snapshot["steps"]
        while running.step < len(steps):
            self._interruption(running)
            if not self._step(running, ticket, steps[running.step]):
                return
        if not running.ended:
            running.finish()
        logger.info("job %s: done", running.id[:8], extra={"event": "done"})

    def _step(self, running: Running, ticket: Ticket, raw: Mapping[str, Any]) -> bool:
        """Carry one step out; True where the job may go on with the next one."""
        number, name = running.step + 1, str(raw.get("action"))
        label = f"step {number} ({name})"
        common = Step(action=name)  # what holds where the step itself cannot be read
        try:
            common = _common(raw)
            values = placeholders.values(ticket, running.attributes)
            if not _wanted(common, values):
                running.go_on(f"{label}: skipped by when")
                return True
            action, step = _prepared(raw, values)
            if isinstance(step, RemoteStep) and not self._acquired(running, step.remote):
                return False
            detail = action.run(step, self._job(running, ticket, values, step))
        except StepError as error:
            return self._failed(running, label, common, raw, error)
        if isinstance(step, RemoteStep):
            remote_up(running.store, step.remote)
        running.go_on(f"{label}: {detail}")
        return True

    def _acquired(self, running: Running, name: str) -> bool:
        if name not in self.remotes:
            raise StepError(
                f'the remote "{name}" of this job\'s workflow is not in the configuration',
                "configure it again, or `dicom-printer retry --fresh JOB` for the new workflow",
                reason="remote unknown",
            )
        found = running.acquire(name)
        if isinstance(found, Down):
            raise _KnownDownError(found)
        return found

    def _job(self, running: Running, ticket: Ticket, values: Mapping[str, str], step: Step) -> Job:
        return Job(
            ticket=ticket,
            document=self.spool.document(ticket),
            running=running,
            defaults=defaults.filled(running.snapshot["defaults"], values),
            remotes=self.remotes,
            renderer=self.renderer,
            place=self.kept.at(running.remote, running.slot, takes=step.takes_kept),
            interruption=lambda: self._interruption(running),
        )

    def _interruption(self, running: Running) -> None:
        request = running.requested()
        if request is not None or self.must_stop():
            raise Interrupted(request)

    def _failed(
        self, running: Running, label: str, common: Step, raw: Mapping[str, Any], error: StepError
    ) -> bool:
        """Do what ``on_error`` says; True where the job goes on with the next step."""
        text = f"{label}: {error}"
        about = {"event": "failed", "remote": str(raw.get("remote", ""))}
        logger.warning("job %s: %s", running.id[:8], text, extra=about)
        if not isinstance(error, _KnownDownError):  # who did not try did not fail
            running.store.figures.failed(error.reason, about["remote"])
        if error.verdict is Verdict.UNKNOWN:
            # Before anything else that is wanted of the job: it may be done already.
            self._note_remote(running, common, raw, error)
            running.hold(error.reason, text)
            return False
        if (request := running.requested()) is not None:
            raise Interrupted(request)
        on_error, transient = common.on_error, error.verdict is Verdict.TRANSIENT
        policy = error.policy or (on_error.transient if transient else on_error.permanent)
        again_at = self._note_remote(running, common, raw, error)
        if policy == "continue":
            running.go_on(f"{text} (continued)")
            return True
        if policy == "hold":
            running.hold(error.reason, text)
        elif policy == "discard":
            running.discard(error.reason, text)
        else:
            _suspend(running, common, error, text, again_at)
        return False

    def _note_remote(
        self, running: Running, common: Step, raw: Mapping[str, Any], error: StepError
    ) -> float | None:
        """Keep account of the remote's health; return when it is asked again, if it is down."""
        name = raw.get("remote")
        if not isinstance(name, str) or name not in self.remotes:
            return None
        if isinstance(error, _KnownDownError):
            return error.down.until
        if isinstance(error, MatchError):
            remote_up(running.store, name)
        if not isinstance(error, RemoteError):
            return None
        unreachable = isinstance(error, RemoteUnreachableError)
        if error.verdict is Verdict.PERMANENT:
            remote_up(running.store, name)  # it answered, if only to refuse
        elif unreachable or running.failures == 0:
            # A document that a peer chokes on looks like a peer that is down. So only a
            # failure to associate, and a job's first failure, count against the remote:
            # after that it is the job that has to wait.
            until = remote_down(running.store, name, error.message, common.retry.delay)
            return until if unreachable else None
        return None


class _KnownDownError(RemoteUnreachableError):
    """The remote failed a moment ago: this job did not even try."""

    def __init__(self, down: Down) -> None:
        super().__init__(down.error)
        self.down = down


def _suspend(
    running: Running, common: Step, error: StepError, text: str, again_at: float | None
) -> None:
    now = running.store.clock()
    give_up_at = running.give_up_at or now + common.retry.give_up
    if now >= give_up_at:
        # Not the error's own advice: it says that the job is tried again by itself.
        said = text.removesuffix(f"; {error.remedy}")
        text = (
            f"given up after {spoken(common.retry.give_up)}: {said}; "
            "when the cause is gone, `dicom-printer retry JOB`"
        )
        end = running.discard if common.then == "discard" else running.hold
        end(error.reason, text)
        return
    until = again_at or now + common.retry.delay(running.failures + 1)
    attempted = not isinstance(error, _KnownDownError)
    running.suspend(until, give_up_at, error.reason, text, counts=attempted)


def _obey(running: Running, request: dict[str, str] | None) -> None:
    if request is None:
        running.put_back("the service stopped; it goes on when it is started again")
        return
    verb, user, reason = request["verb"], request["user"], request["reason"]
    text = f"{verb} by a person" + (f": {reason}" if reason else "")
    if verb == "hold":
        running.hold("held by a person", text, user)
    else:
        running.discard("cancelled" if verb == "cancel" else "discarded by a person", text, user)


def _common(raw: Mapping[str, Any]) -> Step:
    try:
        return Step.model_validate({k: v for k, v in raw.items() if k in Step.model_fields})
    except ValidationError as error:
        raise _unusable(Step, error) from None


def _prepared(raw: Mapping[str, Any], values: Mapping[str, str]) -> tuple[Action, Step]:
    """Return the action of a step, and its settings with every placeholder filled."""
    action = actions.find(str(raw["action"]))
    if action is None:
        raise StepError(
            f"there is no action {raw['action']!r} on this machine",
            "install the package that brings it, then `dicom-printer retry JOB`",
            reason="action unknown",
        )
    now = datetime.now().astimezone()
    verbatim = action.Settings.verbatim
    filled = {k: v if k in verbatim else placeholders.fill(v, values, now) for k, v in raw.items()}
    try:
        return action, action.Settings.model_validate(filled)
    except ValidationError as error:
        raise _unusable(action.Settings, error) from None


def _unusable(model: type[Step], error: ValidationError) -> StepError:
    return StepError(
        # Filled with the job's values: none of them may stand in a message.
        "; ".join(str(mistake) for mistake in of_model(model, error, quoting=False)),
        "correct the workflow, then `dicom-printer retry --fresh JOB`",
        reason="step unusable",
    )


def _wanted(step: Step, values: Mapping[str, str]) -> bool:
    return all(expressions.fits(regex, values.get(name, "")) for name, regex in step.when.items())
