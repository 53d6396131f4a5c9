"""The DIMSE-N services on an association, as film printers need them (PS3.7 section 10).

pynetdicom keeps the UID that a peer gives an instance to itself, and makes a failure of a
success whose data set it cannot read. Both are taken from the answer as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset

from dicom_printer.config.models import Remote
from dicom_printer.errors import BadValueError, StepError
from dicom_printer.network import mend, outcome
from dicom_printer.network.answers import settle
from dicom_printer.network.association import Association
from dicom_printer.network.syntaxes import UNCOMPRESSED, in_byte_order
from dicom_printer.network.watchdog import size_of


def whatever(_remote: Remote, _operation: str, _status: int) -> StepError | None:
    """Judge an operation that may fail: its caller looks at the status."""
    return None


@dataclass
class Answer:
    """What a peer answered.

    Attributes
    ----------
    status : int
        As it stands in the answer.
    uid : str
        The Affected SOP Instance UID of the answer; empty where it has none.
    data : pydicom.Dataset
        The attributes; empty where none came, or none that can be read.
    """

    status: int = -1
    uid: str = ""
    data: Dataset = field(default_factory=Dataset)


class Normalized:
    """Requests under one presentation context.

    Parameters
    ----------
    association : Association
        Established.
    context : str
        The abstract syntax of the context: a Meta SOP class, or a SOP class by itself.

    Raises
    ------
    RemoteRefusedError
        The peer did not accept that context.
    """

    def __init__(self, association: Association, context: str, judge: outcome.Judge) -> None:
        accepted = association.transfer_syntaxes.get(context)
        if not accepted:
            raise outcome.no_context(association.remote, context, UNCOMPRESSED)
        self.remote = association.remote
        self._association = association
        self._raw = association._raw
        self._context = context
        self._syntax = accepted[0]
        self._judge = judge

    def is_open(self) -> bool:
        """Tell whether a request could still be sent."""
        return bool(self._raw.is_established)

    def get(self, name: str, sop_class: str, uid: str) -> Answer:
        """Ask for every attribute of an instance (N-GET): some peers refuse a list of them."""
        return self._ask(
            f"N-GET ({name})",
            lambda n: self._raw.send_n_get([], sop_class, uid, n, self._context),
        )

    def create(
        self,
        name: str,
        sop_class: str,
        uid: str | None,
        ds: Dataset,
        judge: outcome.Judge | None = None,
    ) -> Answer:
        """Have an instance made (N-CREATE); `uid` None leaves its UID to the peer."""
        sent = self._encodable(ds)
        answer = self._ask(
            f"N-CREATE ({name})",
            lambda n: self._raw.send_n_create(sent, sop_class, uid, n, self._context),
            judge,
            sent,
        )
        answer.uid = answer.uid or uid or ""
        return answer

    def set(self, name: str, sop_class: str, uid: str, ds: Dataset) -> Answer:
        """Set attributes of an instance (N-SET)."""
        sent = in_byte_order(ds, self._syntax)
        return self._ask(
            f"N-SET ({name})",
            lambda n: self._raw.send_n_set(sent, sop_class, uid, n, self._context),
            data=sent,
        )

    def action(self, name: str, sop_class: str, uid: str) -> Answer:
        """Ask for the action of type 1 on an instance (N-ACTION)."""
        return self._ask(
            f"N-ACTION ({name})",
            lambda n: self._raw.send_n_action(None, 1, sop_class, uid, n, self._context),
        )

    def delete(self, name: str, sop_class: str, uid: str) -> Answer:
        """Have an instance deleted (N-DELETE); whether it was is no matter of ours."""
        return self._ask(
            f"N-DELETE ({name})",
            lambda n: self._raw.send_n_delete(sop_class, uid, n, self._context),
            whatever,
        )

    def _encodable(self, ds: Dataset) -> Dataset | None:
        """Return a data set as it is sent: an empty one must not be announced at all."""
        return in_byte_order(ds, self._syntax) if len(ds) else None

    def _ask(
        self,
        name: str,
        send: Callable[[int], Any],
        judge: outcome.Judge | None = None,
        data: Dataset | None = None,
    ) -> Answer:
        """Send a request and return its answer, which `judge` finds good."""
        answer = Answer()
        message_id = self._association._next_id()

        def request() -> Dataset:
            found = send(message_id)
            # N-DELETE has no data set, so its status comes alone
            status, read = found if isinstance(found, tuple) else (found, None)
            came = mend.answer(self._raw.dimse)
            if "Status" not in status or came is None:
                return Dataset()
            answer.status = int(came.Status)
            answer.uid = str(came.AffectedSOPInstanceUID or "")
            answer.data = read if read is not None else Dataset()
            settle(answer.data)
            judged = Dataset()
            judged.Status = answer.status
            return judged

        try:
            self._association._operate(name, request, judge or self._judge, size_of(data))
        except ValueError:
            # without the cause: it may quote the value, and values are the patient's
            raise BadValueError(f"the attributes of {name} cannot be encoded") from None
        return answer
