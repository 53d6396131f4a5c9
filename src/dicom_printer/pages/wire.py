"""What the service and a render worker say to each other: a line of JSON, then pixels.

A worker is not trusted: it has read the document. The service takes nothing from it that
it did not expect, and reserves no memory for more than the limits allow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Mode = Literal["color", "gray", "auto"]
MAX_LINE = 65536
MAX_TEXT = 1 << 20
"""Bytes of a document's text that are read; what follows is cut off."""


@dataclass(frozen=True)
class How:
    """How a page is rendered.

    Attributes
    ----------
    dpi : int
        Dots per inch of a PDF's pages; images keep the pixels they have.
    mode : str
        ``color`` (RGB), ``gray`` (8 bit), or ``auto``: gray where every pixel is.
    """

    dpi: int = 150
    mode: Mode = "auto"


@dataclass(frozen=True)
class Page:
    """One page as an image.

    Attributes
    ----------
    number : int
        The page's number in the document, from 1.
    pixels : numpy.ndarray
        8 bit, rows by columns (gray) or rows by columns by 3 (RGB).
    spacing_mm : float or None
        Distance between pixels on the paper; None for an image that states none.
    """

    number: int
    pixels: np.ndarray
    spacing_mm: float | None


def line(message: dict[str, Any]) -> bytes:
    """Return a message as its line."""
    return json.dumps(message).encode() + b"\n"
