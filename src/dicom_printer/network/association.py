"""One association as requestor: opened, used, and ended within a known time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from pydicom import Dataset
from pynetdicom import _config
from pynetdicom.association import Association as RawAssociation

from dicom_printer.config.models import Remote
from dicom_printer.errors import StepError
from dicom_printer.network import (
    connecting,
    inbound,
    leaving,
    mend,
    negotiation,
    outcome,
    storage,
    tls,
)  # fmt: skip
from dicom_printer.network.encoding import Encoder
from dicom_printer.network.sockets import given_up_unheard
from dicom_printer.network.syntaxes import (
    UNCOMPRESSED,
    VERIFICATION,
    Contexts,
    allowed,
)
from dicom_printer.network.watchdog import Watchdog, own_data, patience_s

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"

LOGGER = logging.getLogger(__name__)
_PYNETDICOM = logging.getLogger("pynetdicom")


class Association:
    """An established association with a remote; made by :func:`associate`.

    Attributes
    ----------
    remote : Remote
        Whom it is with.
    transfer_syntaxes : dict of str to tuple of str
        What the peer accepted, by abstract syntax.
    tls : Session or None
        With what it is encrypted.
    reused, was_gone : bool
        Kept from another job, with no answer since; then the peer had left before, or it left
        in good order after an answer: what was not answered goes out on another association.
    """

    def __init__(self, remote: Remote, raw: RawAssociation) -> None:
        self.remote = remote
        self.tls = tls.session(raw)
        self.transfer_syntaxes: dict[str, tuple[str, ...]] = {}
        self._context_ids: dict[tuple[str, str], int] = {}
        for context in raw.accepted_contexts:
            abstract = str(context.abstract_syntax)
            proposed = raw.requestor.requested_contexts
            of_this = [cx.transfer_syntax for cx in proposed if cx.context_id == context.context_id]
            # some accept what was not proposed
            for syntax in (str(each) for each in context.transfer_syntax if each in of_this[0]):
                accepted = self.transfer_syntaxes.get(abstract, ())
                self.transfer_syntaxes[abstract] = (*accepted, syntax)
                self._context_ids.setdefault((abstract, syntax), int(context.context_id or 0))
        self._encoder = Encoder()
        self._raw = raw
        self._message_id = 0
        # set while it is not known what the peer makes of the last request
        self._in_doubt = False
        self.reused = self.was_gone = self._has_answered = False

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        gone = self._in_doubt or leaving.peer_left(self._raw)
        return bool(self._raw.is_established) and not gone

    def take_over(self) -> None:
        """Go on with it for another job, until whose first answer the peer may be gone."""
        self.reused = True

    def store(self, ds: Dataset) -> int:
        """Store an instance (C-STORE, PS3.4 Annex B).

        Parameters
        ----------
        ds : pydicom.Dataset
            The instance. Uncompressed, and made here rather than read from a file,
            it is sent in whichever uncompressed syntax the peer chose; where its
            ``file_meta`` names a compressed syntax, in that one.

        Returns
        -------
        int
            The status: 0x0000, or a warning 0xB00x, with which it is stored as well.

        Raises
        ------
        NoAnswerError, RemoteBusyError, RemoteRefusedError
            It is not known to be stored.
        BadValueError
            It cannot be encoded.
        """
        syntax = self._syntax_for(ds)
        sop_class, uid = str(ds.SOPClassUID), str(ds.SOPInstanceUID)
        data = self._encoder.encoded(ds, syntax)
        context_id = self._context_ids[sop_class, syntax]
        status = self._operate(
            "C-STORE",
            lambda: storage.c_store(self._raw, context_id, self._next_id(), sop_class, uid, data),
            size=len(data),
        )
        stored = mend.answer(self._raw.dimse).AffectedSOPInstanceUID
        if stored and stored != uid:
            self._in_doubt = True
            raise outcome.broken(self.remote, "success for an instance that was not sent")
        return status

    def echo(self) -> None:
        """Verify that the peer answers (C-ECHO, PS3.4 Annex A)."""
        if VERIFICATION not in self.transfer_syntaxes:
            raise outcome.no_context(self.remote, VERIFICATION, UNCOMPRESSED)
        self._operate("C-ECHO", lambda: self._raw.send_c_echo(msg_id=self._next_id()))

    def _syntax_for(self, ds: Dataset) -> str:
        """Choose the transfer syntax that an instance goes out in."""
        sop_class = str(ds.SOPClassUID)
        accepted = self.transfer_syntaxes.get(sop_class, ())
        meta = getattr(ds, "file_meta", None)
        made_in = str(meta.TransferSyntaxUID) if meta is not None else UNCOMPRESSED[1]
        possible = UNCOMPRESSED if made_in in UNCOMPRESSED else (made_in,)
        for syntax in accepted:
            if syntax in possible:
                return syntax
        raise outcome.no_context(self.remote, sop_class, possible)

    def _next_id(self) -> int:
        self._message_id = self._message_id % 65535 + 1
        return self._message_id

    def _operate(
        self,
        name: str,
        send: Callable[[], Dataset],
        judge: outcome.Judge = outcome.judged,
        size: int = 0,
    ) -> int:
        """Send one request with its data, `size` bytes, and judge its answer.

        That must follow what we send within the time-out, and nothing that is received
        puts it off.
        """
        if not self._raw.is_established:
            raise self.failure(name, None)
        self._in_doubt = True
        timeout_s = self.remote.dimse_timeout
        limit_s = min(self.remote.association_timeout, timeout_s / 2)
        with (
            Watchdog(self._raw, timeout_s, patience_s(timeout_s, size), own_data) as watchdog,
            given_up_unheard(self._raw, limit_s) if self.reused else nullcontext(),
        ):
            try:
                answer = send()
            except RuntimeError:  # pynetdicom's word for: the association has just gone
                answer = Dataset()
        if "Status" not in answer:
            raise self.failure(name, watchdog.bit_after_s)
        status = int(answer.Status)
        if (error := judge(self.remote, name, status)) is not None:
            raise error
        self._in_doubt = self.reused = False
        self._has_answered = True
        return status

    def failure(self, name: str, waited_s: float | None) -> StepError:
        """Say why the answer to a request did not come; `waited_s` where it was waited for."""
        if what := inbound.breach(self._raw):
            return outcome.broken(self.remote, what)
        left = leaving.peer_left(self._raw) and self._has_answered
        self.was_gone = (self.reused or left) and waited_s is None
        return outcome.no_answer(self.remote, name, waited_s)

    def close(self) -> None:
        """Release the association; abort it where it is not known what the peer is doing."""
        leaving.end(self._raw, self.remote.association_timeout, abort=self._in_doubt)


def opened(remote: Remote, contexts: Contexts) -> Association:
    """Do as :func:`associate`; the caller closes it."""
    if not (proposed := allowed(remote, contexts)):
        raise outcome.nothing_to_propose(remote, contexts[0][0])
    # its log lines repeat what our errors say; those of its encoder may quote values
    _PYNETDICOM.setLevel(logging.DEBUG if LOGGER.isEnabledFor(logging.DEBUG) else logging.CRITICAL)
    association = Association(remote, connecting.established(remote, proposed))
    try:
        negotiation.require_usual_pdus(remote, association._raw)
    except BaseException:
        association.close()
        raise
    return association


@contextmanager
def associate(remote: Remote, contexts: Contexts) -> Iterator[Association]:
    """Open an association for the length of a block (PS3.8 section 7.1).

    Parameters
    ----------
    remote : Remote
        Whom to associate with; its time-outs and its maximum PDU hold.
    contexts : sequence of (str, sequence of str)
        Such as ``(SECONDARY_CAPTURE, UNCOMPRESSED)``; each abstract syntax with its transfer
        syntaxes makes one presentation context; one that can be received only as it is
        (a compressed syntax) may stand in an entry of its own.

    Yields
    ------
    Association
        With at least one context accepted; released at the end, or aborted after a failure.

    Raises
    ------
    RemoteUnreachableError, RemoteBusyError, RemoteRefusedError
        There is no association.
    StepError
        The remote's ``transfer_syntaxes`` leave nothing to propose.
    """
    association = opened(remote, contexts)
    try:
        yield association
    finally:
        association.close()


_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
