"""A dataset in a compressed transfer syntax (PS3.5 sections 8.2 and A.4).

RLE by pylibjpeg-rle, JPEG by libjpeg-turbo (imagecodecs). Both are imported on use: a site
that does not compress does not pay for them. JPEG Lossless is Selection Value 1; what is
lossy says so in its attributes (PS3.3 section C.7.6.1.1.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from dicom_printer.errors import DocumentError

RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
LOSSY = frozenset({JPEG_BASELINE, JPEG_EXTENDED})

MAX_JPEG_SIDE = 65500
"""What libjpeg-turbo takes; the standard itself allows 65535."""

_SOF0, _SOF1 = b"\xff\xc0", b"\xff\xc1"

Pixels = np.ndarray[Any, Any]


def encoded(ds: Dataset, syntax: str, quality: int = 90) -> Dataset:
    """Return a Secondary Capture Image in a compressed transfer syntax.

    Parameters
    ----------
    ds : pydicom.Dataset
        As :func:`dicom_printer.capture.dataset` makes it: one frame, MONOCHROME2 of 8 or 12
        bits or RGB by pixel. It is not changed; its elements are shared.
    syntax : str
        The UID: one of :data:`RLE`, :data:`JPEG_BASELINE` (8 bits only),
        :data:`JPEG_EXTENDED` and :data:`JPEG_LOSSLESS`.
    quality : int, optional
        1 to 100, of the two lossy ones; other pixels are another instance, so that the
        caller's UIDs must tell which.

    Raises
    ------
    DocumentError
        Where a page is larger than the encoder takes.
    """
    pixels = _pixels(ds)
    # Elements are put in anew below, never assigned to: ds has the same ones. And not
    # Dataset(ds), which would share what they lie in.
    out = Dataset()
    for element in ds:
        out.add(element)
    frame = _ENCODERS[syntax](pixels, quality)
    # the value must be even, and so must every fragment (PS3.5 section A.4)
    out.add_new(0x7FE00010, "OB", encapsulate([frame]))
    out["PixelData"].is_undefined_length = True
    if syntax in LOSSY:
        if pixels.ndim == 3:
            out.add_new("PhotometricInterpretation", "CS", "YBR_FULL_422")
        # one value alone is a text, and no list; a second one is wanted (section C.7.6.1.1.2)
        types = [ds.ImageType] if isinstance(ds.ImageType, str) else list(ds.ImageType)
        out.add_new("ImageType", "CS", ["DERIVED", *(types[1:] or ["SECONDARY"])])
        out.LossyImageCompression = "01"
        ratio = float(pixels.size * ds.BitsStored) / (8 * len(frame))
        out.LossyImageCompressionRatio = format_number_as_ds(round(ratio, 2))
        out.LossyImageCompressionMethod = "ISO_10918_1"
    out.file_meta = FileMetaDataset()
    out.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    out.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    out.file_meta.TransferSyntaxUID = UID(syntax)
    return out


def _pixels(ds: Dataset) -> Pixels:
    """Return the samples, without a copy."""
    shape = (ds.Rows, ds.Columns) + ((3,) if ds.SamplesPerPixel == 3 else ())
    kind = "<u2" if ds.BitsAllocated == 16 else "u1"
    # without the byte that makes an odd number of bytes even
    return np.frombuffer(ds.PixelData, kind, count=int(np.prod(shape))).reshape(shape)


def _rle(pixels: Pixels, _: int) -> bytes:
    """Encode with PackBits, a segment each byte of each sample (PS3.5 annex G)."""
    from rle.utils import encode_pixel_data

    return encode_pixel_data(
        pixels.tobytes(),
        byteorder="<",
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=3 if pixels.ndim == 3 else 1,
        bits_allocated=pixels.itemsize * 8,
    )


def _lossless(pixels: Pixels, _: int) -> bytes:
    """Encode as process 14 with predictor 1, RGB as it is (PS3.5 section 8.2.1)."""
    return _jpeg(pixels, lossless=True, predictor=1)


def _extended(pixels: Pixels, quality: int) -> bytes:
    """Encode as process 2 (8 bits) or 4 (12), both of which have SOF1.

    The encoder writes SOF0 for 8 bits: process 2 says the same in a frame with another
    name (ITU-T T.81 table B.1), and a reader that goes by the transfer syntax expects it.
    """
    frame = _baseline(pixels, quality) if pixels.itemsize == 1 else _jpeg(pixels, level=quality)
    return _sof1(frame)


def _baseline(pixels: Pixels, quality: int) -> bytes:
    """Encode as process 1; colour as YBR_FULL_422, so with 4:2:2 and not the usual 4:2:0."""
    if pixels.itemsize != 1:
        raise ValueError("JPEG Baseline has 8 bits")
    return _jpeg(pixels, level=quality, subsampling="422" if pixels.ndim == 3 else None)


def _jpeg(pixels: Pixels, **how: Any) -> bytes:
    import imagecodecs

    if max(pixels.shape[:2]) > MAX_JPEG_SIDE:
        raise DocumentError(
            f"a page has {pixels.shape[1]} x {pixels.shape[0]} pixels, and JPEG takes at most "
            f"{MAX_JPEG_SIDE} a side",
            "lower the step's `dpi` or its `compression`, then `dicom-printer retry --fresh JOB`",
        )
    if pixels.itemsize == 2:
        how["bitspersample"] = 12
    return bytes(imagecodecs.jpeg8_encode(pixels, **how))


def _sof1(frame: bytes) -> bytes:
    """Return a frame whose SOF0, if it has one, is SOF1."""
    at = 2
    while frame[at : at + 2] not in {_SOF0, _SOF1}:
        # each segment before the frame header has a length, and none has samples in it
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return frame[:at] + _SOF1 + frame[at + 2 :]


_ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    RLE: _rle,
    JPEG_BASELINE: _baseline,
    JPEG_EXTENDED: _extended,
    JPEG_LOSSLESS: _lossless,
}
