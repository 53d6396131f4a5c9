"""One small tree of errors. Each class carries its verdict, its exit code and a remedy.

The message says what happened, ``remedy`` what to do about it. Neither ever
holds a value of the patient's: both are written to the log.
"""

from __future__ import annotations

from enum import StrEnum

from dicom_printer.installed import document


class Verdict(StrEnum):
    """What a failure of a step means for its job."""

    TRANSIENT = "transient"
    """Likely to pass by itself: a network that is down, a peer that is full."""

    PERMANENT = "permanent"
    """Will fail again the same way until a person does something."""

    UNKNOWN = "unknown"
    """It may have been done: repeating it could do it twice, so a person has to look."""


class DicomPrinterError(Exception):
    """The root: something that a person has to read.

    Parameters
    ----------
    message : str
        What happened, and to which job or file.
    remedy : str, optional
        What to do; the class's own remedy where none is given.
    """

    exit_code = 1
    remedy = ""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if remedy is not None:
            self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(DicomPrinterError):
    """The command line was called in a way that cannot be carried out."""

    exit_code = 2
    remedy = "see `dicom-printer --help`"


class ConfigError(DicomPrinterError):
    """The configuration cannot be used."""

    exit_code = 2
    remedy = "correct the file and run `dicom-printer check`"


class SpoolError(DicomPrinterError):
    """The spool is missing, not writable, full, or not ours."""

    exit_code = 3
    remedy = "see that the spool directory exists, has free space and belongs to the service's user"


class NodeTakenError(SpoolError):
    """Another service has the name of this one."""


class QueueError(DicomPrinterError):
    """CUPS refused, or a queue is not ours to touch."""

    exit_code = 1
    remedy = "see that CUPS runs (`lpstat -r`) and that you may administer it"


class TicketError(DicomPrinterError):
    """A ticket that does not keep to its contract."""

    remedy = f"see the ticket contract in {document('cups-backend/README.md')}"


class NoSuchJobError(DicomPrinterError):
    """A job that is not there, or a shortened id that fits several."""

    exit_code = 4
    remedy = "see `dicom-printer jobs` for the jobs that are there"


class JobStateError(DicomPrinterError):
    """An operation that does not fit the state the job is in."""

    exit_code = 2


class StepError(DicomPrinterError):
    """A step of a workflow failed.

    Attributes
    ----------
    verdict : Verdict
        Whether the workflow may expect a later attempt to succeed.
    reason : str
        Two or three words for the table of jobs, the same for every job it happens to.
    policy : str or None
        What the step's own settings say of this very failure, in place of ``on_error``.
    """

    verdict = Verdict.PERMANENT
    reason = "step failed"
    policy: str | None = None

    def __init__(self, message: str, remedy: str | None = None, *, reason: str = "") -> None:
        super().__init__(message, remedy)
        if reason:
            self.reason = reason


class DocumentError(StepError):
    """The document cannot be turned into pages: encrypted, damaged, empty, too large."""

    reason = "document unsuitable"
    remedy = "look at it with `dicom-printer show JOB`, print it again, then discard this job"


class RenderError(StepError):
    """The renderer was ended by a limit or died; another attempt may pass."""

    verdict = Verdict.TRANSIENT
    reason = "rendering failed"
    remedy = (
        "it is tried again; where the document is in order, raise the limits in [pages] and restart"
    )


class ValueMissingError(StepError):
    """A value that the step needs is not known for this job."""

    reason = "value missing"
    remedy = (
        "state it: `dicom-printer match JOB --set KEYWORD=VALUE`; or print again with it filled in"
    )


class BadValueError(StepError):
    """A value does not fit its attribute (PS3.5 section 6.2)."""

    reason = "bad value"
    remedy = "correct it: `dicom-printer match JOB --set KEYWORD=VALUE`; or print again"


class ExpressionError(StepError):
    """A regular expression of the workflow takes too long over what came with this job."""

    reason = "expression too slow"
    remedy = (
        "see `dicom-printer show JOB` for the text; have the expression of the workflow say "
        "exactly what may repeat, restart, `dicom-printer retry --fresh JOB`"
    )


class MatchError(StepError):
    """A remote answered a query, and the job is not matched.

    Parameters
    ----------
    policy : str, optional
        What the step's settings say of it: suspend, hold, continue or discard.
    """

    remedy = "see `dicom-printer match JOB`"

    def __init__(self, message: str, remedy: str | None = None, *, policy: str = "") -> None:
        super().__init__(message, remedy)
        self.policy = policy or None


class NoMatchError(MatchError):
    """No entry matches; it may be entered later."""

    verdict = Verdict.TRANSIENT
    reason = "no match"


class SeveralMatchesError(MatchError):
    """More than one entry matches: a person has to choose."""

    reason = "several matches"


class RemoteError(StepError):
    """A remote did not do what was asked of it."""


class RemoteUnreachableError(RemoteError):
    """No association, for a reason that lies with the network or with a peer that is down."""

    verdict = Verdict.TRANSIENT
    reason = "remote unreachable"
    remedy = "it is tried again by itself; see `dicom-printer echo REMOTE`"


class RemoteTLSError(RemoteUnreachableError):
    """No encrypted connection with the right peer came about; nothing was sent in the clear."""

    reason = "tls failed"


class NoAnswerError(RemoteError):
    """The association was there, and then the answer to a request did not come."""

    verdict = Verdict.TRANSIENT
    reason = "no answer"
    remedy = "it is tried again by itself; if it lasts, see the log of the remote"


class RemoteBusyError(RemoteError):
    """The peer is there and asks to be left alone for a while."""

    verdict = Verdict.TRANSIENT
    reason = "remote busy"
    remedy = "it is tried again by itself; if it lasts, ask the administrator of the remote"


class RemoteRefusedError(RemoteError):
    """The peer is there and will not have it: AE title, SOP class, or a failure status."""

    reason = "remote refused"
    remedy = "settle it with the administrator of the remote, then `dicom-printer retry JOB`"


class OutcomeUnknownError(RemoteError):
    """A film was sent, and nobody knows whether it comes out: the answer never came."""

    verdict = Verdict.UNKNOWN
    reason = "outcome unknown"
    remedy = (
        "look at the printer: if the film came out, `dicom-printer release JOB` goes on behind it; "
        "if it did not, `dicom-printer retry JOB` prints it again; or discard the job"
    )
