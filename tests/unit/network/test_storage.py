"""The command set of a C-STORE request, beside pynetdicom's own."""

from __future__ import annotations

import pytest
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode

from dicom_printer.network import storage


@pytest.mark.parametrize("message_id", [1, 65535])
@pytest.mark.parametrize("uid", ["1.2.3.4", "1.2.3.45", "2.25." + "9" * 39])
@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.7", "1.2.3.45"])
def test_it_is_byte_for_byte_what_pynetdicom_makes(
    sop_class: str, uid: str, message_id: int
) -> None:
    request = C_STORE()
    request.MessageID, request.Priority = message_id, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, uid
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    message.command_set.CommandDataSetType = 0x0001  # there is a data set
    assert storage.command(message_id, sop_class, uid) == encode(message.command_set, True, True)
