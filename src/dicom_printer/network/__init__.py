"""Everything that touches an association: the only package that imports pynetdicom."""

from dicom_printer.network import mend
from dicom_printer.network.association import (
    SECONDARY_CAPTURE,
    UNCOMPRESSED,
    VERIFICATION,
    Association,
    associate,
    echo,
)
from dicom_printer.network.outcome import meaning
from dicom_printer.network.receiver import Receiver

mend.apply()

__all__ = [
    "SECONDARY_CAPTURE",
    "UNCOMPRESSED",
    "VERIFICATION",
    "Association",
    "Receiver",
    "associate",
    "echo",
    "meaning",
]
