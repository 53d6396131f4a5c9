"""Five defects of pynetdicom 3.0.4, corrected in place.

1. A lost answer. ``send_*`` pauses the association's own thread and then waits
   for the answer, but the pause takes effect only after that thread's next look
   at the queue of messages: an answer that is quick enough is taken there, and
   thrown away as unexpected. The request then ends in its time-out. The thread
   has no business with answers: it now leaves them in the queue, in their order.
2. A hang. An N-EVENT-REPORT is served in a thread of its own, which resets the
   sign by which ``send_*`` knows that the association's thread is paused; the
   next ``send_*`` waits for that sign for ever. Events are now served without
   touching it.
3. A foreign answer. ``send_*`` takes whatever comes next for the answer: a peer
   that answers a request twice has thereby answered the one after it. Only an
   answer of the request's kind and with its Message ID (PS3.7 section 9.3) is
   handed on now; any other is dropped.
4. A stuck reader. Whether an encrypted connection has data is asked of ``select``,
   which sees a session ticket or a part of a record as well: the thread that also
   sends then waits in its reading, and a peer that waits for our request is waited
   for. The socket itself is asked now, see :class:`dicom_printer.network.tls.Socket`.
5. A release that nobody hears. A peer that asks for the release answers nothing more
   (PS3.8 section 7.2), yet whoever waits for an answer is not woken up, and would abort
   what the association's thread is about to release. Now it is woken up, and leaves it.

All are private interfaces, so the version is pinned in pyproject.toml and
checked here.
"""

from __future__ import annotations

from typing import Any

import pynetdicom
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.sop_class import uid_to_service_class
from pynetdicom.transport import AssociationSocket

from dicom_printer.network import outbound
from dicom_printer.network.leaving import peer_left
from dicom_printer.network.tls import Socket

WRITTEN_FOR = "3.0.4"

_send_msg = DIMSEServiceProvider.send_msg
_get_msg = DIMSEServiceProvider.get_msg
_serve_request = Association._serve_request
_handle_no_response = Association._handle_no_response
_ready: Any = AssociationSocket.ready


def is_request(message: Any) -> bool:
    """Tell a request from an answer, and from the ``None`` that wakes up whoever waits."""
    return message is not None and getattr(message, "MessageIDBeingRespondedTo", None) is None


def is_stray(provider: DIMSEServiceProvider, message: Any) -> bool:
    """Tell an answer to something else than the request that was sent last."""
    expected = getattr(provider, "expected", None)
    if expected is None or message is None or is_request(message):
        return False
    return bool((type(message), message.MessageIDBeingRespondedTo) != expected)


def answer(provider: DIMSEServiceProvider) -> Any:
    """Return the answer to the last request as it came; None where none was handed on."""
    return getattr(provider, "answer", None)


def expect(provider: DIMSEServiceProvider, kind: type, message_id: int) -> None:
    """Forget older answers, and hand on only one of a kind to a request that now goes out."""
    with provider.msg_queue.mutex:
        waiting = provider.msg_queue.queue
        kept = [item for item in waiting if item[1] is None or is_request(item[1])]
        waiting.clear()
        waiting.extend(kept)
    vars(provider).update(expected=(kind, message_id), answer=None)


def _send_msg_mended(self: DIMSEServiceProvider, primitive: Any, context_id: int) -> None:
    """Send a message; for a request, note what its answer looks like."""
    if self.assoc.is_requestor and is_request(primitive):
        expect(self, type(primitive), primitive.MessageID)
    if self.assoc.is_requestor:
        outbound.send(self, primitive, context_id)
    else:
        _send_msg(self, primitive, context_id)


def _get_msg_mended(self: DIMSEServiceProvider, block: bool = False) -> Any:
    """Return the next message; without ``block``, which only the reactor asks for, a request."""
    if not self.assoc.is_requestor:
        return _get_msg(self, block)
    if block:
        while is_stray(self, (item := _get_msg(self, block))[1]):
            continue
        if item[1] is not None and not is_request(item[1]):
            vars(self).update(answer=item[1])
        return item
    with self.msg_queue.mutex:
        waiting = self.msg_queue.queue
        while waiting and is_stray(self, waiting[0][1]):
            waiting.popleft()
        if waiting and is_request(waiting[0][1]):
            return waiting.popleft()
    return None, None


def _serve_request_mended(self: Association, msg: Any, context_id: int) -> None:
    """Serve a request, an N-EVENT-REPORT without touching the sign of the pause."""
    context = self._accepted_cx.get(context_id)
    if (
        not isinstance(msg, N_EVENT_REPORT)
        or context is None
        or self._sent_release
        or not msg.is_valid_request
    ):
        _serve_request(self, msg, context_id)
        return
    served = False
    try:
        uid_to_service_class(str(msg.AffectedSOPClassUID))(self).SCP(msg, context)
        served = True
    finally:
        if not served:
            self.abort()


def _handle_no_response_mended(self: Association) -> None:
    """Abort where an answer did not come, but not what the peer is about to leave."""
    if not peer_left(self):
        _handle_no_response(self)


def _ready_mended(self: AssociationSocket) -> bool:
    """Tell whether there is data to be read, of an encrypted connection without waiting."""
    found = bool(_ready.fget(self))
    if not (found and isinstance(self.socket, Socket)):
        return found
    try:
        return self.socket.has_data()
    except (OSError, ValueError):
        self.event_queue.put("Evt17")  # the transport connection is closed
        return False


def apply() -> None:
    """Correct pynetdicom; twice is once."""
    if pynetdicom.__version__ != WRITTEN_FOR:
        raise ImportError(
            f"pynetdicom {pynetdicom.__version__} is installed, but {__name__} corrects "
            f"{WRITTEN_FOR}: install that, or look whether its defects are still there"
        )
    # setattr: these are methods, and mypy rightly minds an assignment to one
    setattr(DIMSEServiceProvider, "send_msg", _send_msg_mended)  # noqa: B010
    setattr(DIMSEServiceProvider, "get_msg", _get_msg_mended)  # noqa: B010
    setattr(Association, "_serve_request", _serve_request_mended)  # noqa: B010
    setattr(Association, "_handle_no_response", _handle_no_response_mended)  # noqa: B010
    setattr(AssociationSocket, "ready", property(_ready_mended))  # noqa: B010
