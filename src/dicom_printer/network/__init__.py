"""Everything that touches an association: the only package that imports pynetdicom."""

from dicom_printer.network import inbound, mend, outbound, reactor
from dicom_printer.network.answers import check_characters
from dicom_printer.network.association import (
    ENCAPSULATED_PDF,
    SECONDARY_CAPTURE,
    Association,
    associate,
    opened,
)
from dicom_printer.network.find import PATIENT_ROOT, WORKLIST, Found, query
from dicom_printer.network.outcome import meaning
from dicom_printer.network.receiver import Receiver
from dicom_printer.network.syntaxes import UNCOMPRESSED, VERIFICATION
from dicom_printer.network.verification import Answered, echo

mend.apply()
inbound.apply()
outbound.apply()
reactor.apply()

__all__ = [
    "ENCAPSULATED_PDF",
    "PATIENT_ROOT",
    "SECONDARY_CAPTURE",
    "UNCOMPRESSED",
    "VERIFICATION",
    "WORKLIST",
    "Answered",
    "Association",
    "Found",
    "Receiver",
    "associate",
    "check_characters",
    "echo",
    "meaning",
    "opened",
    "query",
]
