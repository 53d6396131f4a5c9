"""What the service and a render worker say to each other: a line of JSON, then bytes.

A worker is not trusted: it has read the document. The service takes nothing from it that
it did not expect, and reserves no memory for more than the limits allow.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from dicom_printer.codec import Encoding, Frame

Mode = Literal["color", "gray", "auto"]
Pixels = np.ndarray[Any, Any]
MAX_LINE = 65536
MAX_TEXT = 1 << 20
"""Bytes of a document's text that are read; what follows is cut off."""
MAX_PDF = 1 << 28
"""Bytes of a PDF that is sent as it is. Sending needs several times as much memory."""
MAX_SIDE = 65535
"""Rows and Columns are of VR US (PS3.3 section C.7.6.3)."""


@dataclass(frozen=True)
class How:
    """How a page is rendered.

    Attributes
    ----------
    dpi : int
        Dots per inch of a PDF's pages; images keep the pixels they have.
    mode : str
        ``color`` (RGB), ``gray``, or ``auto``: gray where every pixel is.
    bits : int
        8, or 12 for gray: those are made from the colours, before anything is rounded.
    """

    dpi: int = 150
    mode: Mode = "auto"
    bits: Literal[8, 12] = 8


@dataclass(frozen=True, eq=False)
class Page:
    """One page as an image.

    Attributes
    ----------
    number : int
        The page's number in the document, from 1.
    pixels : numpy.ndarray
        8 bit, rows by columns (gray) or rows by columns by 3 (RGB); or gray as uint16 with
        12 significant bits.
    spacing_mm : float or None
        Distance between pixels on the paper; None for an image that states none, or not
        the same in both directions.
    """

    number: int
    pixels: Pixels
    spacing_mm: float | None


@dataclass(frozen=True, eq=False)
class EncodedPage:
    """One page as a compressed frame: the same as :class:`Page`, but for its pixels."""

    number: int
    frame: Frame
    spacing_mm: float | None


@dataclass(frozen=True)
class Limits:
    """``[pages]`` as a worker needs it, without the configuration's modules."""

    max_pixels: int
    max_pages: int
    memory: int
    page_timeout: float


class ProtocolError(Exception):
    """The other side said what it must not say."""


def request(number: int, how: How, encoding: Encoding | None) -> dict[str, Any]:
    """Return what is asked of a worker for a page."""
    return {
        "do": "page",
        "number": number,
        "how": asdict(how),
        "encoding": None if encoding is None else asdict(encoding),
    }


def line(message: dict[str, Any]) -> bytes:
    """Return a message as its line."""
    return json.dumps(message).encode("ascii") + b"\n"


def parsed(text: bytes) -> dict[str, Any]:
    """Return a line's message."""
    try:
        message = json.loads(text)
    except ValueError:
        raise ProtocolError("its answer is not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("its answer is not a table")
    return message


def announced(message: dict[str, Any], limits: Limits, most: int = MAX_TEXT) -> int:
    """Return how many bytes follow a message, after a check that they are allowed.

    Parameters
    ----------
    message : dict
        What the worker said.
    limits : Limits
        What pixels are held to.
    most : int, optional
        How many bytes what is not pixels may have.
    """
    shape, size = message.get("shape"), message.get("bytes", 0)
    if shape is None:
        if type(size) is not int or not 0 <= size <= most:
            raise ProtocolError("it announced more bytes than are read")
        return size
    if not isinstance(shape, list) or not all(type(n) is int and n >= 1 for n in shape):
        raise ProtocolError("it announced pixels of no size")
    if len(shape) not in {2, 3} or shape[2:] not in ([], [3]) or max(shape) > MAX_SIDE:
        raise ProtocolError("it announced pixels of another form")
    if shape[0] * shape[1] > limits.max_pixels:
        raise ProtocolError("it announced more pixels than the limits allow")
    bits = message.get("bits", 8)
    if type(bits) is not int or (bits, len(shape)) not in {(8, 2), (8, 3), (12, 2)}:
        raise ProtocolError("it announced pixels of another depth")
    raw = math.prod(shape) * (2 if bits == 12 else 1)
    if "frame" not in message:
        return raw
    size = message["frame"]
    # what does not compress becomes a little longer
    if type(size) is not int or not 1 <= size <= 2 * raw + MAX_LINE:
        raise ProtocolError("it announced a frame of no such length")
    return size
