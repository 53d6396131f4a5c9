"""A dataset with a compressed frame (PS3.5 section A.4); what is lossy says so."""

from __future__ import annotations

import functools
import math
import struct

from pydicom import DataElement, Dataset
from pydicom.valuerep import format_number_as_ds

from dicom_printer import jpeg
from dicom_printer.capture import file_meta, together
from dicom_printer.codec import LOSSY, Frame

_ITEM = struct.Struct("<LL")
_ITEM_TAG = 0xE000FFFE  # (FFFE,E000), the group first
_OFFSETS = _ITEM.pack(_ITEM_TAG, 4) + bytes(4)
"""Of one frame, which begins where the fragments do."""


def encoded(ds: Dataset, frame: Frame) -> Dataset:
    """Return a Secondary Capture Image in the compressed transfer syntax of a frame.

    Parameters
    ----------
    ds : pydicom.Dataset
        As :func:`dicom_printer.capture.dataset` makes it of this frame. It is not changed;
        its elements are shared.
    frame : Frame
        The pixels; those of another quality are another instance, so that the caller's
        UIDs must tell which.
    """
    # Elements are put in anew below, never assigned to: ds has the same ones.
    out = together(ds, _of_lossy(ds, frame)) if frame.syntax in LOSSY else together(ds)
    value = _encapsulated(frame.data)
    out.add(DataElement(0x7FE00010, "OB", value, is_undefined_length=True))
    out.file_meta = file_meta(str(ds.SOPClassUID), ds.SOPInstanceUID, frame.syntax)
    return out


def _encapsulated(data: bytes) -> bytes:
    """Return a frame as the one fragment behind a Basic Offset Table (PS3.5 section A.4).

    What pydicom's ``encapsulate`` returns, copied once and not four times.
    """
    pad = len(data) % 2  # every fragment is of even length
    return b"".join((_OFFSETS, _ITEM.pack(_ITEM_TAG, len(data) + pad), data, b"\0" * pad))


def _of_lossy(ds: Dataset, frame: Frame) -> Dataset:
    """Return what is due after lossy compression (PS3.3 section C.7.6.1.1.5)."""
    photometric = ""
    if len(frame.shape) == 3:
        # A scan's own JPEG may be 4:4:4, or 4:2:0: there is no word for that, and DCMTK says
        # YBR_FULL_422 as well. Every reader goes by the stream.
        whole = set(jpeg.header(frame.data).sampling) == {0x11}
        photometric = "YBR_FULL" if whole else "YBR_FULL_422"
    # one value alone is a text, and no list; a second one is wanted (section C.7.6.1.1.2)
    types = [ds.ImageType] if isinstance(ds.ImageType, str) else list(ds.ImageType)
    out = together(_lossy(photometric, ("DERIVED", *(types[1:] or ["SECONDARY"]))))
    ratio = math.prod(frame.shape) * frame.bits / (8 * len(frame.data))
    out.add_new("LossyImageCompressionRatio", "DS", format_number_as_ds(round(ratio, 2)))
    return out


@functools.lru_cache(maxsize=8)
def _lossy(photometric: str, image_type: tuple[str, ...]) -> Dataset:
    """Return what all lossy pages of a kind have in common; it is not to be changed."""
    ds = Dataset()
    ds.ImageType = list(image_type)
    if photometric:
        ds.PhotometricInterpretation = photometric
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionMethod = "ISO_10918_1"
    return ds
