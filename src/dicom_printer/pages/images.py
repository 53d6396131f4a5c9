"""PNG, JPEG and TIFF documents through Pillow. In the render worker only."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from dicom_printer.errors import DocumentError
from dicom_printer.pages.limits import check_size, damaged
from dicom_printer.pages.wire import Limits, Pixels

# What Pillow's readers raise for files that are not in order.
_UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    SyntaxError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


class Images:
    """A PNG, a JPEG, or a TIFF of one page or more, with the pixels it has."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        # Pillow would only warn up to twice its limit; the exact one is checked below, for each
        # image and before anything of it is decoded.
        Image.MAX_IMAGE_PIXELS = None
        try:
            self._image = Image.open(path, formats=("PNG", "JPEG", "TIFF"))
            # Other frames of a PNG are an animation, those of a JPEG previews.
            self.count = 1
            if isinstance(self._image, TiffImagePlugin.TiffImageFile):
                self.count = _frames(self._image, limits.max_pages)
        except _UNREADABLE:
            raise damaged("the image cannot be read; it may be cut off") from None

    def render(self, number: int, dpi: int) -> tuple[Pixels, float | None]:
        """Return the image `number`, counted from 1; `dpi` does not matter to it."""
        image = self._image
        try:
            image.seek(number - 1)
            check_size(image.height, image.width, self._limits, f"image {number}")
            spacing_mm = _spacing(image)
            image.load()
            if image.mode.startswith("I;16"):
                tags = getattr(image, "tag_v2", {})  # gone after the next line
                return _from_sixteen(ImageOps.exif_transpose(image), tags), spacing_mm
            return _eight_bit(ImageOps.exif_transpose(image), number), spacing_mm
        except _UNREADABLE:
            raise damaged(f"image {number} cannot be decoded; it may be cut off") from None

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()


def _frames(image: TiffImagePlugin.TiffImageFile, most: int) -> int:
    """Return how many pages a TIFF has, `most` + 1 where it has more: Pillow's count has no end."""
    for number in range(1, most + 1):
        try:
            image.seek(number)
        except EOFError:
            return number
    return most + 1


def _spacing(image: Image.Image) -> float | None:
    """Return the distance of two pixels in mm where the file states it, for both directions."""
    try:
        across, down = (float(dpi) for dpi in image.info["dpi"])
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None
    square = math.isclose(across, down, rel_tol=0.01)
    return 25.4 / across if square and 10 <= across <= 10000 else None


def _eight_bit(image: Image.Image, number: int) -> Pixels:
    """Return an image as gray or RGB, transparency on white."""
    if image.mode in {"I", "F", "LAB", "HSV"}:
        raise DocumentError(
            f"image {number} has pixels of an unusual kind (Pillow's mode {image.mode})",
            "save it with 8 bits a channel and print it again, then discard this job",
            reason="type not supported",
        )
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear.getchannel("A"))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode != "L":
        image = image.convert("RGB")
    return np.asarray(image)


def _from_sixteen(image: Image.Image, tags: Mapping[int, Any]) -> Pixels:
    """Scale 16 bit gray; a TIFF may use fewer of them, or have black and white swapped."""
    bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
    top = (1 << bits) - 1
    wide = np.asarray(image).astype(np.uint32)
    pixels: Pixels = ((np.minimum(wide, top) * 255 + top // 2) // top).astype(np.uint8)
    return np.invert(pixels) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else pixels
