"""Gray or colour: pixels in the mode that a step asks for."""

from __future__ import annotations

import numpy as np

from dicom_printer.gray import to_gray
from dicom_printer.pages.wire import Mode, Pixels

_BAND = 256  # rows; three planes of them fit the processor's cache


def in_mode(pixels: Pixels, mode: Mode, bits: int = 8) -> Pixels:
    """Return gray or RGB pixels as `mode` wants them, with Pillow's weights for gray.

    Parameters
    ----------
    bits : int, optional
        8, or 12 for gray.
    """
    if bits == 12:
        return to_gray(pixels, 12)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2) if mode == "color" else pixels
    if mode == "auto" and is_gray(pixels):
        return np.ascontiguousarray(pixels[..., 0])
    if mode == "gray":
        return to_gray(pixels)
    return pixels


def is_gray(pixels: Pixels) -> bool:
    """Tell whether red, green and blue are the same everywhere: a sample first, then bands."""
    bands = [pixels[::16, ::16]]
    bands += [pixels[top : top + _BAND] for top in range(0, len(pixels), _BAND)]
    return all(
        np.array_equal(band[..., 0], band[..., 1]) and np.array_equal(band[..., 1], band[..., 2])
        for band in bands
    )
