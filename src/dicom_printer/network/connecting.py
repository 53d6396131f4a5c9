"""Getting an association: the remote's addresses, its encryption, its time-outs."""

from __future__ import annotations

import socket
import time

from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association as RawAssociation

from dicom_printer.config.models import Remote
from dicom_printer.network import events, negotiation, outcome, tls, tls_outcome
from dicom_printer.network.sockets import NegotiationLimit, ended, hurry
from dicom_printer.network.syntaxes import Contexts

IDLE_S = 900.0
"""After so long without a word from us or the peer an association is given up: far longer
than a page may take to render, so that a job's association outlasts the wait for its pages."""

NEGOTIATION_GRACE_S = 1.0
"""So much later than pynetdicom's own clock the socket of a negotiation is shut."""


def established(remote: Remote, contexts: Contexts) -> RawAssociation:
    """Try the remote's addresses, in the order of the name service, until one is there."""
    try:
        found = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise outcome.unresolved(remote, reason) from error
    waited_s = 0.0
    for family, _, _, _, address in found:
        flow_and_scope = address[2:4] if family == socket.AF_INET6 else None
        start = time.monotonic()
        try:
            raw, connected = _request(remote, contexts, str(address[0]), flow_and_scope)
        except OSError:  # no socket of this family on this machine
            continue
        if raw.is_established:
            return raw
        ended(raw)
        waited_s = time.monotonic() - start
        if (not_encrypted := tls_outcome.failure(remote, raw)) is not None:
            raise not_encrypted
        if connected:
            raise negotiation.failure(remote, contexts, raw, waited_s)
    raise outcome.no_connection(remote, waited_s)


def _request(
    remote: Remote, contexts: Contexts, host: str, flow_and_scope: tuple[int, ...] | None
) -> tuple[RawAssociation, bool]:
    """Request an association; tell also whether TCP connected."""
    encryption = tls.arguments(remote)
    limit = NegotiationLimit(remote.association_timeout + NEGOTIATION_GRACE_S)
    ae = AE(remote.calling_ae_title)
    ae.implementation_class_uid = UID(remote.implementation_class_uid)
    ae.implementation_version_name = remote.implementation_version_name
    ae.connection_timeout = remote.association_timeout
    ae.acse_timeout = remote.association_timeout
    # The watchdog is the clock of an operation. pynetdicom's own starts when the request is
    # queued: a large image over a slow line would be aborted while it is still being sent.
    ae.dimse_timeout = None
    ae.network_timeout = IDLE_S
    with limit:
        raw = ae.associate(
            (host, *flow_and_scope) if flow_and_scope else host,  # type: ignore[arg-type]
            remote.port,
            contexts=[build_context(abstract, list(syntaxes)) for abstract, syntaxes in contexts],
            ae_title=remote.ae_title,
            max_pdu=remote.max_pdu,
            tls_args=encryption,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, limit.opened),
                (evt.EVT_DATA_SENT, hurry),
                (evt.EVT_DATA_RECV, hurry),
                (evt.EVT_N_EVENT_REPORT, events.heard),
            ],
        )
    return raw, limit.is_connected
