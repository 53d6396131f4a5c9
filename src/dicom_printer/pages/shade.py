"""Gray or colour: pixels in the mode that a step asks for."""

from __future__ import annotations

import numpy as np

from dicom_printer.gray import to_gray
from dicom_printer.pages.wire import Mode, Pixels

_BAND = 32  # rows, which fit the processor's cache


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
    sample = pixels[::16, ::16]
    if not (sample[..., :1] == sample).all():
        return False
    # Each byte beside the next one, but for blue beside the next pixel's red: three steps over
    # bytes that lie together, several times as fast as to compare planes of every third byte.
    rows = pixels.reshape(len(pixels), -1)
    within = np.resize(np.array([0xFF, 0xFF, 0], "u1"), rows.shape[1] - 1)
    differs = np.empty((min(_BAND, len(rows)), rows.shape[1] - 1), "u1")
    for top in range(0, len(rows), _BAND):
        band = rows[top : top + _BAND]
        out = differs[: len(band)]
        np.bitwise_xor(band[:, 1:], band[:, :-1], out=out)
        np.bitwise_and(out, within, out=out)
        if out.any():
            return False
    return True
