"""A dataset with a compressed frame (PS3.5 section A.4); what is lossy says so."""

from __future__ import annotations

import functools
import math

from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.valuerep import format_number_as_ds

from dicom_printer import jpeg
from dicom_printer.capture import file_meta
from dicom_printer.codec import LOSSY, Frame


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
    # Elements are put in anew below, never assigned to: ds has the same ones. And not
    # Dataset(ds), which would share what they lie in.
    out = Dataset()
    out.update(ds)
    # the value must be even, and so must every fragment (PS3.5 section A.4)
    out.add_new(0x7FE00010, "OB", encapsulate([frame.data]))
    out["PixelData"].is_undefined_length = True
    if frame.syntax in LOSSY:
        _say_lossy(out, frame)
    out.file_meta = file_meta(str(ds.SOPClassUID), ds.SOPInstanceUID, frame.syntax)
    return out


def _say_lossy(out: Dataset, frame: Frame) -> None:
    """Add what is due after lossy compression (PS3.3 section C.7.6.1.1.5)."""
    photometric = ""
    if len(frame.shape) == 3:
        # A scan's own JPEG may be 4:4:4, or 4:2:0: there is no word for that, and DCMTK says
        # YBR_FULL_422 as well. Every reader goes by the stream.
        whole = set(jpeg.header(frame.data).sampling) == {0x11}
        photometric = "YBR_FULL" if whole else "YBR_FULL_422"
    # one value alone is a text, and no list; a second one is wanted (section C.7.6.1.1.2)
    types = [out.ImageType] if isinstance(out.ImageType, str) else list(out.ImageType)
    out.update(_lossy(photometric, ("DERIVED", *(types[1:] or ["SECONDARY"]))))
    ratio = math.prod(frame.shape) * frame.bits / (8 * len(frame.data))
    out.add_new("LossyImageCompressionRatio", "DS", format_number_as_ds(round(ratio, 2)))


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
