"""The end of an association: asked for by us, or by the peer (PS3.8 section 7.2)."""

from __future__ import annotations

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider

from dicom_printer.network.sockets import ended
from dicom_printer.network.watchdog import Watchdog


def peer_left(raw: Association) -> bool:
    """Tell whether the peer has asked for the release: it answers nothing any more."""
    return bool(vars(raw).get("peer_left", False))


def note(dul: DULServiceProvider) -> None:
    """Remember the peer's A-RELEASE-RQ, and wake up whoever waits for an answer behind it."""
    vars(dul.assoc).update(peer_left=True)
    dul.assoc.dimse.msg_queue.put((None, None))


def end(raw: Association, timeout_s: float, *, abort: bool) -> None:
    """Release an association or abort it; wait until the peer has what it asked for itself.

    Its A-RELEASE-RQ is answered by the association's own thread, which then ends.
    """
    with Watchdog(raw, timeout_s, timeout_s):
        if peer_left(raw):
            raw.join(timeout_s)
        elif abort:
            raw.abort()
        else:
            raw.release()
    ended(raw)
