"""A PDF as an Encapsulated PDF instance (PS3.3 section A.45.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydicom import Dataset

from dicom_printer import capture
from dicom_printer.attributes import Attributes, name_of, shortened

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"

_OF_IMAGES = {"ImageType", "PatientOrientation", "Laterality"}


def uid(job_id: str) -> str:
    """Return the SOP Instance UID of a job's PDF: the same for ever, so that a retry skips it."""
    return capture.uid(job_id, "pdf")


def dataset(
    job_id: str, pdf: bytes, title: str, attributes: Attributes, *, created: datetime
) -> Dataset:
    """Make the Encapsulated PDF of a job, in a series of its own.

    Parameters
    ----------
    job_id : str
        The job; UIDs derive from it.
    pdf : bytes
        The document.
    title : str
        The job's title, which is the document's where the attributes state none.
    attributes : mapping of str to str
        What is known of patient, study and the rest; they go before the defaults. What
        describes an image is left out.
    created : datetime
        When it was printed.

    Returns
    -------
    pydicom.Dataset
        With ``file_meta`` for Explicit VR Little Endian.
    """
    stated = {k: v for k, v in attributes.items() if name_of(k) not in _OF_IMAGES}
    own: dict[str, Any] = {
        "Modality": "DOC",
        "SeriesNumber": 2,  # the first is that of the pages as images
        "AcquisitionDateTime": "",  # when what stands in the document was found, nobody knows
        "DocumentTitle": shortened("DocumentTitle", title),
        "ConceptNameCodeSequence": [],
    }
    ds = capture.composite(
        job_id, SOP_CLASS, uid(job_id), stated, own, created=created, series=["pdf"]
    )
    ds.InstanceNumber = 1
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.add_new("EncapsulatedDocument", "OB", pdf + b"\0" if len(pdf) % 2 else pdf)
    ds.EncapsulatedDocumentLength = len(pdf)  # without the byte that makes it even
    return ds
