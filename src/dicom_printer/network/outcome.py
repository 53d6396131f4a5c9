"""What became of an association or an operation, as one of our errors.

Associations: PS3.8 section 9.3.4 (rejections). Statuses: PS3.4 Table B.2-1
(C-STORE) and PS3.7 Annex C. Messages name the remote and its address, never a
value out of a dataset.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from pydicom.uid import UID

from dicom_printer.config.models import Remote
from dicom_printer.errors import (
    NoAnswerError,
    RemoteBusyError,
    RemoteRefusedError,
    RemoteUnreachableError,
    StepError,
)

SUCCESS = 0x0000

_REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""(source, diagnostic) of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

_PRESENTATION = 3
_CALLING, _CALLED = (1, 3), (1, 7)

_STATUSES = {
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0107: "attribute list error",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0112: "no such SOP instance",
    0x0113: "no such event type",
    0x0114: "no such argument",
    0x0115: "invalid argument value",
    0x0116: "attribute value out of range",
    0x0117: "invalid SOP instance",
    0x0118: "no such SOP class",
    0x0119: "class-instance conflict",
    0x0120: "missing attribute",
    0x0121: "missing attribute value",
    0x0122: "SOP class not supported",
    0x0123: "no such action",
    0x0124: "not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    0xB000: "coercion of data elements",
    0xB006: "elements discarded",
    0xB007: "data set does not match SOP class",
}

_RANGES = {
    0xA7: "out of resources",
    0xA9: "data set does not match SOP class",
    0xC0: "cannot understand",
}
"""Where PS3.4 defines the first digits only."""


def where(remote: Remote) -> str:
    """Return the remote's logical name and its address, for messages."""
    host = f"[{remote.host}]" if ":" in remote.host else remote.host
    return f"remote {remote.name or remote.ae_title!r} ({remote.ae_title} at {host}:{remote.port})"


def meaning(status: int) -> str:
    """Return a status in hexadecimal with its meaning: ``0xA700 (out of resources)``."""
    text = _STATUSES.get(status) or _RANGES.get(status >> 8)
    if text is None:
        text = "cannot understand" if status >> 12 == 0xC else "unknown status"
    return f"0x{status:04X} ({text})"


def is_warning(status: int) -> bool:
    """Tell whether a C-STORE status is a warning: stored, with a remark (seed's Table 3.11)."""
    return status & 0xFFF0 == 0xB000


def unresolved(remote: Remote, reason: str) -> StepError:
    """Say that the host name has no address."""
    return RemoteUnreachableError(
        f"{where(remote)}: the name {remote.host} is not resolved ({reason})",
        "it is tried again by itself; see to the name service, or correct the remote's `host`",
    )


def no_connection(remote: Remote, waited_s: float) -> StepError:
    """Say that no TCP connection came about."""
    if waited_s < remote.association_timeout:
        how = "no TCP connection: refused, or no route to the host"
    else:
        how = f"no TCP connection within {remote.association_timeout:g} s: off, or a firewall"
    return RemoteUnreachableError(f"{where(remote)}: {how}", _echo(remote))


def _echo(remote: Remote) -> str:
    return f"it is tried again by itself; see `dicom-printer echo {shlex.quote(remote.name)}`"


def silence(remote: Remote) -> StepError:
    """Say that TCP connects, but the association request stays without an answer."""
    return RemoteUnreachableError(
        f"{where(remote)}: no answer to the association request "
        f"within {remote.association_timeout:g} s",
        _echo(remote),
    )


def broken_off(remote: Remote) -> StepError:
    """Say that the association request was answered with an abort or a closed connection."""
    if remote.tls is not None:
        see = "see that it accepts our certificate (its log says so), and that it is a DICOM port"
    else:
        see = "see that it is a DICOM port; where it is one for TLS, state `tls` for this remote"
    return RemoteUnreachableError(
        f"{where(remote)}: broke off instead of answering the association request",
        f"it is tried again by itself; if it lasts, {see}",
    )


def rejected(remote: Remote, result: int, source: int, diagnostic: int) -> StepError:
    """Translate an A-ASSOCIATE-RJ (PS3.8 section 9.3.4).

    Parameters
    ----------
    remote : Remote
        The remote that rejected.
    result : int
        1 for permanent, 2 for transient.
    source : int
        1 for the service user, 2 and 3 for the provider (ACSE, presentation).
    diagnostic : int
        The reason, by source.
    """
    reason = _REJECTIONS.get((source, diagnostic), f"source {source}, reason {diagnostic}")
    said = f"{where(remote)}: rejected the association: {reason}"
    # a full peer passes by itself, whether or not it calls that permanent
    if result != 1 or source == _PRESENTATION:
        return RemoteBusyError(said)
    titles = f"(called AE title {remote.ae_title}, calling {remote.calling_ae_title})"
    remedies = {
        _CALLED: f"correct `ae_title`, now {remote.ae_title}, and restart the service",
        _CALLING: f"have {remote.calling_ae_title} made known to the remote as a calling AE title",
    }
    remedy = remedies.get((source, diagnostic), "settle it with the administrator of the remote")
    return RemoteRefusedError(f"{said} {titles}", f"{remedy}, then `dicom-printer retry JOB`")


def no_context(remote: Remote, abstract_syntax: str, syntaxes: Sequence[str]) -> StepError:
    """Say that the peer takes the SOP class in no proposed syntax (PS3.8 section 9.3.3.2)."""
    proposed = ", ".join(UID(uid).name for uid in syntaxes)
    return RemoteRefusedError(
        f"{where(remote)}: does not accept {UID(abstract_syntax).name} in any of: {proposed} "
        f"(called AE title {remote.ae_title}, calling {remote.calling_ae_title})",
        "have the remote set to accept it, then `dicom-printer retry JOB`",
    )


def nothing_to_propose(remote: Remote, abstract_syntax: str) -> StepError:
    """Say that the remote's own setting excludes every transfer syntax of the SOP class."""
    return StepError(
        f"{where(remote)}: its `transfer_syntaxes` leave none for {UID(abstract_syntax).name}",
        "add one, for instance ExplicitVRLittleEndian, restart, then `dicom-printer retry JOB`",
        reason="transfer syntax excluded",
    )


def no_answer(remote: Remote, operation: str, waited_s: float | None) -> StepError:
    """Say that an answer did not come: in so many seconds, or by an abort or a lost connection."""
    if waited_s is not None:
        return NoAnswerError(
            f"{where(remote)}: the answer to {operation} did not come "
            f"within {waited_s:.4g} s; the association was aborted"
        )
    return NoAnswerError(
        f"{where(remote)}: the answer to {operation} did not come: "
        "the remote released or aborted the association, or the connection was lost",
        "it is tried again by itself; if it lasts, see that the remote knows the calling "
        f"AE title {remote.calling_ae_title}: some accept an unknown one and then abort",
    )


_BROKEN = "it is tried again by itself; if it lasts, settle it with the maker of the remote"


def broken(remote: Remote, what: str) -> StepError:
    """Say that the peer broke the protocol, or a limit, on an association."""
    return NoAnswerError(
        f"{where(remote)}: breaks the protocol: {what}; the association was aborted", _BROKEN
    )


def broken_in_negotiation(remote: Remote, what: str) -> StepError:
    """Say that the answer to the association request is none."""
    return RemoteUnreachableError(
        f"{where(remote)}: the answer to the association request is not DICOM: {what}",
        "it is tried again by itself; if it lasts, see that the port is a DICOM port without TLS",
    )


def too_short(remote: Remote, smallest: int) -> StepError:
    """Say that the peer takes only PDUs of a few bytes."""
    return RemoteRefusedError(
        f"{where(remote)}: takes no PDU of {smallest} bytes or more",
        "have its maximum PDU length raised, then `dicom-printer retry JOB`",
    )


Judge = Callable[[Remote, str, int], StepError | None]
"""Takes a remote, an operation and the status it was answered with; None where it is done."""


def judged(remote: Remote, operation: str, status: int) -> StepError | None:
    """Judge the status of a C-STORE or C-ECHO (seed's Table 3.11)."""
    if status == SUCCESS or is_warning(status):
        return None
    return failed(remote, operation, status)


def failed(remote: Remote, operation: str, status: int) -> StepError:
    """Translate a failure status (PS3.4 Table B.2-1, PS3.7 Annex C)."""
    said = f"{where(remote)}: {operation} failed with status {meaning(status)}"
    if status >> 8 == 0xA7 or status == 0x0213:
        return RemoteBusyError(said)
    return RemoteRefusedError(said)
