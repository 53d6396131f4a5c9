"""C-FIND: ask a worklist or an archive (PS3.4 Annexes C and K).

The answers are taken from pynetdicom as they came, and read by
:mod:`~dicom_printer.network.answers`, for two reasons: what pynetdicom logs when one
cannot be read quotes the patient's values, and the text of a peer that declares no
character set has to be read in the one that the configuration states for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association as RawAssociation
from pynetdicom.dimse_primitives import C_FIND

from dicom_printer.config.models import Remote
from dicom_printer.errors import BadValueError
from dicom_printer.network import outcome
from dicom_printer.network.answers import decoded, unreadable
from dicom_printer.network.association import Association, associate
from dicom_printer.network.inbound import PENDING, gathering
from dicom_printer.network.syntaxes import UNCOMPRESSED
from dicom_printer.network.watchdog import Watchdog, own_data

WORKLIST = "1.2.840.10008.5.1.4.31"
"""Modality Worklist Information Model - FIND (PS3.4 section K.6.1)."""
PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
"""Patient Root Query/Retrieve Information Model - FIND (PS3.4 section C.6.1)."""

OVERALL = 5
"""A whole query may last as many DIMSE time-outs: a peer that drips answers ends too."""

MOST_BYTES = 1 << 26
"""What the answers to a query may weigh in memory: some 3000 of the usual 4 KiB and 60 elements.
Where more come the query is cancelled, as after `most` answers."""
ELEMENT_BYTES = 300
"""What an element that was read weighs besides its value, measured."""


@dataclass(frozen=True)
class Found:
    """What a peer answered.

    Attributes
    ----------
    answers : list of pydicom.Dataset
        In their order; not yet compared with the keys. ``SpecificCharacterSet`` is
        there only where the peer declared one.
    is_complete : bool
        False where there are more, and the query was cancelled.
    """

    answers: list[Dataset]
    is_complete: bool


def _length(message: C_FIND) -> int:
    return message.Identifier.getbuffer().nbytes if message.Identifier else 0


def _elements(ds: Dataset) -> int:
    """Return how many elements a data set has, those of its items included."""
    return sum(1 for _ in ds.iterall())


def query(remote: Remote, model: str, identifier: Dataset, most: int) -> Found:
    """Ask a remote over an association of its own (C-FIND, PS3.7 section 9.1.2).

    Parameters
    ----------
    remote : Remote
        Whom to ask; its ``dimse_timeout`` is the longest silence, :data:`OVERALL` times
        that the longest query.
    model : str
        :data:`WORKLIST` or :data:`PATIENT_ROOT`.
    identifier : pydicom.Dataset
        The keys; those that are empty are asked for.
    most : int
        How many answers are taken, :data:`MOST_BYTES` of them at most; where more come, the
        query is cancelled (C-CANCEL).

    Raises
    ------
    RemoteUnreachableError, NoAnswerError, RemoteBusyError, RemoteRefusedError
        The query was not answered to its end; the association is aborted.
    BadValueError
        The identifier cannot be encoded.
    """
    with associate(remote, [(model, UNCOMPRESSED)]) as association:
        return _Finding(association, model).ask(identifier, most)


class _Finding:
    """One query on an association."""

    def __init__(self, association: Association, model: str) -> None:
        self.remote = association.remote
        accepted = association.transfer_syntaxes.get(model)
        if not accepted:
            raise outcome.no_context(self.remote, model, UNCOMPRESSED)
        self._association = association
        self._raw: RawAssociation = association._raw
        self._model = UID(model)
        self._syntax = UID(accepted[0])

    def ask(self, identifier: Dataset, most: int) -> Found:
        """Send the request and gather the answers (seed's Tables 3.6 and 3.7)."""
        message_id = self._association._next_id()
        self._association._in_doubt = True
        limit_s = OVERALL * self.remote.dimse_timeout
        with (
            Watchdog(self._raw, self.remote.dimse_timeout, limit_s, own_data) as watchdog,
            gathering(self._raw),
        ):
            try:
                # The request is sent by the call; the generator that it returns is for
                # reading the answers, and is left alone: see the head of this module.
                self._raw.send_c_find(identifier, self._model, msg_id=message_id)
                found = self._gather(message_id, most, watchdog)
            except RuntimeError:  # pynetdicom's word for: the association has just gone
                found = None
            except ValueError:
                # without the cause: it may quote the value, and values are the patient's
                raise BadValueError("the keys cannot be encoded for C-FIND") from None
            finally:
                # what send_c_find paused; it must go on so that it can end
                self._raw._reactor_checkpoint.set()
        if found is None:
            raise self._association.failure("C-FIND", watchdog.bit_after_s)
        return found

    def _gather(self, message_id: int, most: int, watchdog: Watchdog) -> Found | None:
        """Return the answers; None where the last of them did not come."""
        answers: list[Dataset] = []
        weight = 0
        # what had come before the time was up is not read any more: that may take long
        while (message := self._next()) is not None and watchdog.bit_after_s is None:
            status = int(message.Status or 0)
            if status == outcome.SUCCESS:
                self._association._in_doubt = False
                return Found(answers, is_complete=True)
            if status not in PENDING:
                raise outcome.failed(self.remote, "C-FIND", status)
            watchdog.moved()
            if len(answers) == most or weight > MOST_BYTES:
                self._cancel(message_id)
                return Found(answers, is_complete=False)
            ds = decoded(message.Identifier, self._syntax, self.remote)
            weight += _length(message) + ELEMENT_BYTES * _elements(ds)
            answers.append(ds)
        return None

    def _cancel(self, message_id: int) -> None:
        """Ask the peer to stop (C-CANCEL, PS3.7 section 9.3.2.3), and wait until it does.

        Some do not heed it: they are given the time of one answer, then the association
        is aborted.
        """
        self._raw.send_c_cancel(message_id, query_model=self._model)
        end = time.monotonic() + self.remote.dimse_timeout
        while time.monotonic() < end and (message := self._next()) is not None:
            if message.Status not in PENDING:
                self._association._in_doubt = False
                return

    def _next(self) -> C_FIND | None:
        """Return the next answer; None where the association ended, or the watchdog bit.

        One to another request is never handed on: see :mod:`~dicom_printer.network.mend`.
        """
        message = cast("object", self._raw.dimse.get_msg(block=True)[1])
        if message is None:
            return None
        if not isinstance(message, C_FIND) or not message.is_valid_response:
            raise unreadable(self.remote)
        return message
