"""Pixels as the bytes of a compressed frame (PS3.5 sections 8.2 and A.4).

RLE by pylibjpeg-rle, JPEG by libjpeg-turbo (imagecodecs). Both are imported on use: a site
that does not compress does not pay for them. JPEG Lossless is Selection Value 1. The render
workers encode what they render, so that nothing here needs more than numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dicom_printer import jpeg
from dicom_printer.errors import DocumentError

RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
LOSSY = frozenset({JPEG_BASELINE, JPEG_EXTENDED})

MAX_JPEG_SIDE = 65500
"""What libjpeg-turbo takes; the standard itself allows 65535."""

_RLE_HEADER = 64
_MARKERS = {
    JPEG_BASELINE: jpeg.SOF0,
    JPEG_EXTENDED: jpeg.SOF1,
    JPEG_LOSSLESS: jpeg.SOF3,
}

Pixels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Encoding:
    """How pixels are encoded.

    Attributes
    ----------
    syntax : str
        The UID of a transfer syntax: :data:`RLE`, :data:`JPEG_BASELINE` (8 bits only),
        :data:`JPEG_EXTENDED` or :data:`JPEG_LOSSLESS`.
    quality : int
        1 to 100, of the two lossy ones.
    """

    syntax: str
    quality: int = 90


@dataclass(frozen=True, eq=False)
class Frame:
    """An image as the bytes of one frame.

    Attributes
    ----------
    syntax : str
        The UID of the transfer syntax.
    shape : tuple of int
        Rows and columns of a gray image; and 3, of one in colour.
    bits : int
        Bits a sample: 8 or 12.
    """

    syntax: str
    shape: tuple[int, ...]
    bits: int
    data: bytes


def encoded(pixels: Pixels, how: Encoding) -> Frame:
    """Encode an image.

    Parameters
    ----------
    pixels : numpy.ndarray
        8 bit, rows by columns (gray) or rows by columns by 3 (RGB); or uint16 with 12
        significant bits, rows by columns.

    Raises
    ------
    DocumentError
        Where a page is larger than the encoder takes.
    """
    bits = 8 if pixels.itemsize == 1 else 12
    data = _ENCODERS[how.syntax](np.ascontiguousarray(pixels), how.quality)
    return Frame(how.syntax, pixels.shape, bits, data)


def check(frame: Frame) -> None:
    """Make sure that a frame is what it is said to be, as far as its headers tell.

    Raises
    ------
    ValueError
        Where a reader would find something else than its attributes say.
    """
    samples = 1 if len(frame.shape) == 2 else 3
    if frame.syntax == RLE:
        if len(frame.data) < _RLE_HEADER or frame.data[0] != samples * ((frame.bits + 7) // 8):
            raise ValueError("the RLE header has another number of segments")
        return
    found = jpeg.header(frame.data)
    said = (found.marker, found.precision, found.rows, found.columns, len(found.sampling))
    if said != (_MARKERS[frame.syntax], frame.bits, *frame.shape[:2], samples):
        raise ValueError("the JPEG header says something else")


def as_extended(data: bytes) -> bytes:
    """Return a baseline stream as one of process 2, whose frame header is SOF1.

    Process 2 says the same in a frame with another name (ITU-T T.81 table B.1), and a
    reader that goes by the transfer syntax expects it.
    """
    at = jpeg.header(data).at
    return data[:at] + bytes((0xFF, jpeg.SOF1)) + data[at + 2 :]


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
    """Encode as process 2 (8 bits) or 4 (12), both of which have SOF1."""
    if pixels.itemsize == 1:
        return as_extended(_baseline(pixels, quality))  # the encoder writes SOF0 for 8 bits
    return _jpeg(pixels, level=quality)


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


_ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    RLE: _rle,
    JPEG_BASELINE: _baseline,
    JPEG_EXTENDED: _extended,
    JPEG_LOSSLESS: _lossless,
}
