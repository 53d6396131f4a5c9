"""What goes onto a film: which pages, which way round, as which attributes (PS3.3 section C.13).

No sockets: `network.printing` sends what is made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from PIL import Image
from pydicom import Dataset

from dicom_printer.attributes import character_set, element
from dicom_printer.errors import DocumentError
from dicom_printer.gray import to_gray

SESSION = frozenset(
    {
        "NumberOfCopies",
        "PrintPriority",
        "MediumType",
        "FilmDestination",
        "FilmSessionLabel",
        "MemoryAllocation",
        "OwnerID",
    }
)
"""What the Basic Film Session Presentation Module lets an SCU state (PS3.3 section C.13.1)."""

FILM_BOX = frozenset(
    {
        "ImageDisplayFormat",
        "AnnotationDisplayFormatID",
        "FilmOrientation",
        "FilmSizeID",
        "MagnificationType",
        "SmoothingType",
        "BorderDensity",
        "EmptyImageDensity",
        "MinDensity",
        "MaxDensity",
        "Trim",
        "ConfigurationInformation",
        "Illumination",
        "ReflectedAmbientLight",
        "RequestedResolutionID",
    }
)
"""The same of the Basic Film Box Presentation Module (PS3.3 section C.13.3)."""

IMAGE_BOX = frozenset(
    {
        "Polarity",
        "MagnificationType",
        "SmoothingType",
        "MinDensity",
        "MaxDensity",
        "ConfigurationInformation",
        "RequestedImageSize",
        "RequestedDecimateCropBehavior",
    }
)
"""The same of the Image Box Pixel Presentation Module (PS3.3 section C.13.5)."""

ENUMERATED = {
    "PrintPriority": ("HIGH", "MED", "LOW"),
    "FilmOrientation": ("PORTRAIT", "LANDSCAPE"),
    "Trim": ("YES", "NO"),
    "Polarity": ("NORMAL", "REVERSE"),
    "RequestedDecimateCropBehavior": ("DECIMATE", "CROP", "FAIL"),
}
"""Values that the standard enumerates; all others are the printer's to define."""

_STANDARD = re.compile(r"STANDARD\\([1-9]\d?),([1-9]\d?)")
_COUNTED = re.compile(r"(?:ROW|COL)\\([1-9]\d?(?:,[1-9]\d?)*)")


def capacity(image_display_format: str) -> int:
    r"""Return how many images a film has room for (PS3.3 section C.13.3, Image Display Format).

    ``STANDARD\columns,rows``, ``ROW\r1,r2,…`` and ``COL\c1,c2,…`` say so; SLIDE, SUPERSLIDE
    and CUSTOM do not, so they cannot be printed on.

    Raises
    ------
    ValueError
    """
    if found := _STANDARD.fullmatch(image_display_format):
        return int(found[1]) * int(found[2])
    if found := _COUNTED.fullmatch(image_display_format):
        return sum(map(int, found[1].split(",")))
    raise ValueError(r"must be 'STANDARD\columns,rows', 'ROW\r1,r2,…' or 'COL\c1,c2,…'")


def sheets(numbers: Sequence[int], room: int) -> list[tuple[int, ...]]:
    """Return the pages of each film, in their order; the last one may stay part empty."""
    return [tuple(numbers[i : i + room]) for i in range(0, len(numbers), room)]


def orientation(pixels: np.ndarray) -> str:
    """Return the FilmOrientation on which a page stands upright."""
    return "LANDSCAPE" if pixels.shape[1] > pixels.shape[0] else "PORTRAIT"


def fitted(pixels: np.ndarray, most: tuple[int, int]) -> np.ndarray:
    """Return a page made small enough, in proportion.

    Parameters
    ----------
    most : tuple of int
        Columns and rows that the printer has for an image; a page that lies on its side may
        have as many the other way round. A smaller page stays as it is.
    """
    rows, columns = pixels.shape[:2]
    wide, high = most
    if (columns > rows) != (wide > high):
        wide, high = high, wide
    scale = min(wide / columns, high / rows)
    if scale >= 1:
        return pixels
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def image(pixels: np.ndarray, bits: int | None) -> Dataset:
    """Return what an image box is set to: its image (PS3.3 section C.13.5).

    Parameters
    ----------
    pixels : numpy.ndarray
        uint8, rows by columns (gray) or rows by columns by 3 (RGB).
    bits : int or None
        8 or 12 for MONOCHROME2; None for RGB, colour by plane.
    """
    item = Dataset()
    rows, columns = pixels.shape[:2]
    if max(rows, columns) > 0xFFFF:
        raise DocumentError("a page has more than 65535 pixels a side", "lower the step's `dpi`")
    item.SamplesPerPixel = 3 if bits is None else 1
    item.PhotometricInterpretation = "RGB" if bits is None else "MONOCHROME2"
    if bits is None:
        item.PlanarConfiguration = 1
    item.Rows, item.Columns = rows, columns
    item.BitsAllocated = 16 if bits == 12 else 8
    item.BitsStored = bits or 8
    item.HighBit = item.BitsStored - 1
    item.PixelRepresentation = 0
    data = _by_plane(pixels) if bits is None else to_gray(pixels, bits)
    raw = data.astype("<u2").tobytes() if bits == 12 else data.tobytes()
    item.add_new(0x7FE00010, "OW" if bits == 12 else "OB", raw + b"\0" * (len(raw) % 2))
    ds = Dataset()
    keyword = "BasicColorImageSequence" if bits is None else "BasicGrayscaleImageSequence"
    setattr(ds, keyword, [item])
    return ds


def _by_plane(pixels: np.ndarray) -> np.ndarray:
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    return np.ascontiguousarray(np.moveaxis(colour, 2, 0))


def attributes(stated: Mapping[str, str]) -> Dataset:
    """Return the attributes that have a value; BadValueError where one does not fit its VR."""
    ds = Dataset()
    for keyword, text in stated.items():
        if text:
            ds.add(element(keyword, text))
    return with_character_set(ds, stated.values())


def annotation(position: int, text: str) -> Dataset:
    """Return what an annotation box is set to (PS3.3 section C.13.7)."""
    ds = Dataset()
    ds.AnnotationPosition = position
    ds.add(element("TextString", text))
    return with_character_set(ds, [text])


def with_character_set(ds: Dataset, values: Iterable[str]) -> Dataset:
    """State the character set where a value goes beyond ASCII; printers expect none else."""
    texts = list(values)
    if not all(text.isascii() for text in texts):
        ds.SpecificCharacterSet = character_set(texts)
    return ds
