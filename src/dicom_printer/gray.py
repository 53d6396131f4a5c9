"""Gray from colour, with 8 significant bits or 12 (PS3.3 section C.7.6.3.1.2, MONOCHROME2).

Twelve bits are made from the colours themselves, before anything is rounded to eight: a
smooth run of colours keeps its steps, which eight bits would have thrown together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = 19595, 38470, 7471
"""The weights of ITU-R BT.601 in 65536ths, as Pillow's ``convert("L")`` has them."""

_BAND = 256  # rows: what is needed besides the pixels stays small, whatever their number
# 4095 / 255 = 273 / 17: whole numbers, so that white is 4095 and gray is the same as colour
_TIMES, _BY = 273, 17


def to_gray(pixels: np.ndarray[Any, Any], bits: int = 8) -> np.ndarray[Any, Any]:
    """Return the luminance of an image.

    Parameters
    ----------
    pixels : numpy.ndarray
        uint8, rows by columns (gray) or rows by columns by 3 (RGB).
    bits : int, optional
        8 or 12.

    Returns
    -------
    numpy.ndarray
        Rows by columns; uint8 from 0 to 255, or uint16 from 0 to 4095. Black is 0. Gray
        pixels of 8 bits come back as they are.
    """
    if pixels.dtype != np.uint8 or (pixels.ndim != 2 and pixels.shape[2:] != (3,)):
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not 8 bit gray or RGB")
    if bits not in {8, 12}:
        raise ValueError(f"gray has 8 bits or 12, not {bits}")
    if bits == 8:
        return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    if pixels.ndim == 2:
        table = (np.arange(256) * _TIMES * 2 + _BY) // (_BY * 2)
        return np.take(table.astype(np.uint16), pixels)
    gray = np.empty(pixels.shape[:2], np.uint16)
    for top in range(0, len(pixels), _BAND):
        gray[top : top + _BAND] = _twelve(pixels[top : top + _BAND])
    return gray


def _twelve(band: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the luminance of some rows, 0 to 4095, to the nearest."""
    sums = band[..., 0] * np.uint32(RED)
    sums += band[..., 1] * np.uint32(GREEN)
    sums += band[..., 2] * np.uint32(BLUE)
    sums >>= np.uint32(1)  # 15 bits behind the point: times 273 it still fits 32
    sums *= np.uint32(_TIMES)
    sums += np.uint32(_BY << 14)
    sums //= np.uint32(_BY << 15)
    return sums
