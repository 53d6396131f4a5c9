"""A page and its attributes as a Secondary Capture Image (PS3.3 section A.8.1)."""

from __future__ import annotations

import functools
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from dicom_printer import __version__, image_pixel
from dicom_printer.attributes import (
    Attributes,
    character_set,
    check_value,
    element,
    name_of,
    shortened,
    texts,
)
from dicom_printer.codec import Frame

__all__ = ["Attributes", "check_value", "composite", "dataset", "shortened", "uid"]

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
MODEL = "DICOM Printer"

_NAMESPACE = uuid.UUID("6e4b07e1-c743-4958-a9f8-06f4549bfbc1")

_NEVER_EMPTY = {"StudyInstanceUID", "Modality", "ConversionType", "ImageType", "BurnedInAnnotation"}
"""Of those that may be stated: where the value is empty, the default stays."""

_UNPAIRED = """
    ABDOMEN ABDOMENPELVIS AORTA BACK BLADDER BRAIN CERVIX CHEST CHESTABDOMEN CHESTABDPELVIS
    COCCYX COLON CSPINE CTSPINE DUODENUM ESOPHAGUS FACE GALLBLADDER HEAD HEADNECK HEART ILEUM
    JAW JEJUNUM LARYNX LIVER LSPINE LSSPINE MAXILLA MEDIASTINUM NECK NECKCHEST NOSE PANCREAS
    PELVIS PENIS PHARYNX PROSTATE RECTUM SKULL SPINE SPLEEN SSPINE STERNUM STOMACH THYROID
    TLSPINE TONGUE TRACHEA TSPINE UTERUS VAGINA WHOLEBODY
"""
"""Body parts that have no side: with them, Laterality must be absent (PS3.3 section C.7.3.1)."""


_IDENTIFYING = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyInstanceUID",
)


def identity(attributes: Attributes) -> str:
    """Return a digest of whose an instance is: the same patient, request and study, the same text.

    Stands in the job table in place of the values themselves.
    """
    values = [str(attributes.get(keyword, "")) for keyword in _IDENTIFYING]
    return hashlib.sha256("\0".join(values).encode()).hexdigest()


def uid(job_id: str, *parts: str | int) -> str:
    """Return a UID that is the same for the same parts, for ever (PS3.5 section B.2).

    So that a retry sends a page as the instance that it was the first time.
    """
    name = "\x1f".join([job_id, *map(str, parts)])
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def dataset(
    job_id: str,
    page_number: int,
    instance_number: int,
    image: np.ndarray | Frame,
    spacing_mm: float | None,
    attributes: Attributes,
    *,
    created: datetime,
    variant: str = "",
) -> Dataset:
    """Make the Secondary Capture Image of a page (PS3.3 section A.8.1).

    Parameters
    ----------
    job_id : str
        The job; UIDs derive from it.
    page_number : int
        The page's number in its document.
    instance_number : int
        Its place in the series, from 1.
    image : numpy.ndarray or Frame
        The pixels: 8 bit, rows by columns (MONOCHROME2) or rows by columns by 3 (RGB); or
        uint16 with 12 significant bits, rows by columns. Of a compressed frame only the
        description goes in, see :mod:`dicom_printer.encode`.
    spacing_mm : float or None
        Distance between pixels on the paper, where it is known.
    attributes : mapping of str to str
        What is known of patient, study and the rest; they go before the defaults.
    created : datetime
        When it was printed; study, series and content get its local date and time
        where the attributes state neither of the two.
    variant : str, optional
        Which rendering of the page this is: other pixels are another instance, and
        stand in another series.

    Returns
    -------
    pydicom.Dataset
        With ``file_meta`` for Explicit VR Little Endian; as it was made here, it can be
        written in any uncompressed transfer syntax.
    """
    instance = uid(job_id, "page", page_number, *((variant,) if variant else ()))
    # Elements are put in anew, never assigned to: those in common are other pages' as well.
    common = _common(job_id, variant, created, json.dumps(dict(attributes)))
    ds = together(common, image_pixel.description(image, page_number))
    ds.add_new("SOPInstanceUID", "UI", UID(instance))
    ds.add_new("InstanceNumber", "IS", instance_number)
    ds.file_meta = file_meta(SOP_CLASS, UID(instance))
    if spacing_mm is not None:
        ds.add(_spacing(spacing_mm))
    if not isinstance(image, Frame):
        ds.add(image_pixel.data(image))
    return ds


def together(*parts: Dataset) -> Dataset:
    """Return a dataset with the elements of several, the same objects; a later one's go first.

    What ``update`` does as well, but that looks at each element again, for every page.
    """
    elements = dict(parts[0].items())
    for part in parts[1:]:
        elements.update(part.items())
    return Dataset(elements)


@functools.lru_cache(maxsize=8)
def _spacing(spacing_mm: float) -> DataElement:
    """Return the distance between the pixels of a page; shared, as what pages have in common.

    Not Pixel Spacing: these are millimetres on the paper. Whoever measures on a printed
    radiograph must not be given them for the patient's (PS3.3 section C.8.6.1).
    """
    value = format_number_as_ds(float(spacing_mm))
    return DataElement("NominalScannedPixelSpacing", "DS", [value] * 2)


@functools.lru_cache(maxsize=8)
def _common(job_id: str, variant: str, created: datetime, attributes: str) -> Dataset:
    """Return what all pages of a job have in common; it is not to be changed.

    Its elements are the same objects for each page, so that the network encodes them once.
    """
    series = (variant,) if variant else ()
    own = {"ImageType": ["DERIVED", "SECONDARY"], "PatientOrientation": "", "Laterality": ""}
    stated = json.loads(attributes)
    ds = composite(job_id, SOP_CLASS, "", stated, own, created=created, series=series)
    if ds.get("BodyPartExamined") in _UNPAIRED.split() and not ds.Laterality:
        del ds.Laterality
    return ds


def composite(
    job_id: str,
    sop_class: str,
    sop_instance_uid: str,
    attributes: Attributes,
    own: Mapping[str, Any],
    *,
    created: datetime,
    series: Sequence[str] = (),
) -> Dataset:
    """Make what an instance of any SOP class has: patient, study, series, equipment.

    Parameters
    ----------
    attributes : mapping of str to str
        What is known; it goes before `own`, and that before the defaults for all.
    own : mapping of str to object
        The defaults of this SOP class.
    series : sequence of str, optional
        What tells this series of the job from its others.

    Returns
    -------
    pydicom.Dataset
        With ``file_meta`` for Explicit VR Little Endian.
    """
    stated = {name_of(keyword): value for keyword, value in attributes.items()}
    ds = Dataset()
    for keyword, value in {**_defaults(job_id, created, series, stated), **own}.items():
        setattr(ds, keyword, value)
    for keyword, value in stated.items():
        if value or keyword not in _NEVER_EMPTY:
            ds.add(element(keyword, value))
    ds.SOPClassUID, ds.SOPInstanceUID = UID(sop_class), UID(sop_instance_uid)
    ours = (value for value in own.values() if isinstance(value, str))
    ds.SpecificCharacterSet = character_set(
        [*ours, *(text for value in stated.values() for text in texts(value))]
    )
    ds.file_meta = file_meta(sop_class, ds.SOPInstanceUID)
    return ds


def file_meta(
    sop_class: str, sop_instance_uid: UID, syntax: str = ExplicitVRLittleEndian
) -> FileMetaDataset:
    """Return the file meta information of an instance (PS3.10 section 7.1), as far as is known."""
    meta = FileMetaDataset(dict(_of_class(sop_class, syntax).items()))
    meta.add_new("MediaStorageSOPInstanceUID", "UI", sop_instance_uid)
    return meta


@functools.lru_cache(maxsize=8)
def _of_class(sop_class: str, syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UID(sop_class), UID(syntax)
    return meta


def _defaults(
    job_id: str, created: datetime, series: Sequence[str], stated: Attributes
) -> dict[str, Any]:
    """Return every attribute of type 1 and 2, and some of type 3, that the caller may not know.

    Not Lossy Image Compression: a page may show a JPEG photograph, and a "00" that is not
    true is worse than nothing (PS3.3 section C.7.6.1.1.5).
    """
    local = created.astimezone()
    date, clock = local.strftime("%Y%m%d"), local.strftime("%H%M%S")
    values: dict[str, Any] = {
        "AccessionNumber": "",
        "Modality": "OT",
        "ConversionType": "WSD",
        "Manufacturer": MODEL,
        "ReferringPhysicianName": "",
        "PatientName": "",
        "PatientID": "",
        "PatientBirthDate": "",
        "PatientSex": "",
        "SecondaryCaptureDeviceManufacturer": MODEL,
        "SecondaryCaptureDeviceManufacturerModelName": MODEL,
        "SecondaryCaptureDeviceSoftwareVersions": __version__,
        "SoftwareVersions": __version__,
        "DateOfSecondaryCapture": date,
        "TimeOfSecondaryCapture": clock,
        "StudyInstanceUID": uid(job_id, "study"),
        "SeriesInstanceUID": uid(job_id, "series", *series),
        # a study of somebody else's has an id of its own
        "StudyID": "" if stated.get("StudyInstanceUID") else shortened("StudyID", job_id),
        "SeriesNumber": 1,
        "BurnedInAnnotation": "YES",  # a printed page bears names as a rule
    }
    for level in ("Study", "Series", "Content"):
        pair = f"{level}Date", f"{level}Time"
        # the hour of printing does not belong to a day that somebody else stated
        known = any(stated.get(keyword) for keyword in pair)
        values |= dict(zip(pair, ("", "") if known else (date, clock), strict=True))
    return values
