"""The Image Pixel Module of a page (PS3.3 section C.7.6.3), and its pixels as they are."""

from __future__ import annotations

import functools

import numpy as np
from pydicom import DataElement, Dataset

from dicom_printer.codec import Frame
from dicom_printer.errors import DocumentError


def description(image: np.ndarray | Frame, page_number: int) -> Dataset:
    """Return the module, but for the pixels; it is other pages' as well, and not to be changed.

    Raises
    ------
    DocumentError
        Where the page has more pixels a side than an image can.
    """
    if isinstance(image, Frame):
        shape, bits = image.shape, image.bits
    else:
        shape, bits = image.shape, 12 if _is_twelve(image) else 8
    rows, columns = shape[:2]
    if max(rows, columns) > 0xFFFF:
        raise DocumentError(
            f"page {page_number} has {columns} x {rows} pixels, and an image at most 65535 a side",
            "print it smaller, or lower the step's `dpi`",
        )
    return _description(tuple(shape), bits)


@functools.lru_cache(maxsize=8)
def _description(shape: tuple[int, ...], bits: int) -> Dataset:
    ds = Dataset()
    ds.SamplesPerPixel = 1 if len(shape) == 2 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if len(shape) == 2 else "RGB"
    if len(shape) == 3:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = shape[:2]
    ds.BitsAllocated = 16 if bits == 12 else 8
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    return ds


def data(pixels: np.ndarray) -> DataElement:
    """Return the pixels as the element that they are, of an image that was described."""
    if pixels.dtype == np.uint16:
        # words: the network turns them where the transfer syntax is big endian (PS3.5 A.2)
        return DataElement(0x7FE00010, "OW", pixels.astype("<u2", copy=False).tobytes())
    value = pixels.tobytes()
    # OB is bytes in their order, whatever the byte order of the transfer syntax (PS3.5 A.2);
    # as OW, Explicit VR Big Endian would have to swap them
    return DataElement(0x7FE00010, "OB", value + b"\0" if len(value) % 2 else value)


def _is_twelve(pixels: np.ndarray) -> bool:
    """Tell 12 bits from 8; what is neither is a mistake of the caller's."""
    twelve = pixels.dtype == np.uint16 and pixels.ndim == 2
    eight = pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,))
    if not eight and not (twelve and pixels.max() < 1 << 12):
        raise ValueError(
            f"pixels are {pixels.dtype} {pixels.shape}, not gray of 8 or 12 bits or RGB of 8"
        )
    return twelve
