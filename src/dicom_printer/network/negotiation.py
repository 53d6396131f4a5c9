"""The answer to an association request: why there is none, or why it is of no use."""

from __future__ import annotations

from pynetdicom.association import Association as RawAssociation

from dicom_printer.config.models import Remote
from dicom_printer.errors import StepError
from dicom_printer.network import inbound, outcome
from dicom_printer.network.syntaxes import Contexts

SMALLEST_PDU = 1024
"""A peer that takes only shorter PDUs is refused: DCMTK's smallest are 4096, and of a page
would be made as many messages as it has bytes."""


def failure(remote: Remote, contexts: Contexts, raw: RawAssociation, waited_s: float) -> StepError:
    """Say why there is no association, though TCP connected."""
    if what := inbound.breach(raw):
        return outcome.broken_in_negotiation(remote, what)
    answer = raw.acceptor.primitive
    if raw.is_rejected and answer is not None:
        return outcome.rejected(
            remote, answer.result or 1, answer.result_source or 1, answer.diagnostic or 1
        )
    if answer is not None and answer.result == 0:
        first = contexts[0][0]
        proposed = [syntax for abstract, many in contexts if abstract == first for syntax in many]
        return outcome.no_context(remote, first, proposed)
    if waited_s >= remote.association_timeout:
        return outcome.silence(remote)
    return outcome.broken_off(remote)


def require_usual_pdus(remote: Remote, raw: RawAssociation) -> None:
    """Raise where the peer takes so short PDUs that nothing sensible can be sent."""
    if inbound.sent_pdu_size(raw) < SMALLEST_PDU:
        raise outcome.too_short(remote, SMALLEST_PDU)
