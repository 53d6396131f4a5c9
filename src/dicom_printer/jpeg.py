"""The headers of a JPEG stream (ITU-T T.81 annex B): what a frame says of itself."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SOF0, SOF1, SOF3 = 0xC0, 0xC1, 0xC3
"""Frame headers: baseline, extended sequential, lossless; all of them with Huffman coding."""

_SOI, _EOI, _SOS, _APP14 = 0xD8, 0xD9, 0xDA, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST = 4096
"""So many segments and fill bytes are read: a hostile stream has millions, each of which would
cost the service, which looks at a worker's frames as well, a hundred bytes of memory."""
_ADOBE = b"Adobe"
_TRANSFORM = 11
"""Where an Adobe segment says how the colours were transformed."""


@dataclass(frozen=True)
class Header:
    """What stands in front of the first scan.

    Attributes
    ----------
    marker : int
        Which process: :data:`SOF0`, ...
    at : int
        Where the frame header's marker stands in the stream.
    precision : int
        Bits a sample.
    sampling : tuple of int
        Of each component, how often it is sampled: across in the upper four bits, down below.
    transform : int or None
        What an Adobe segment says: 0 no transform of the colours, 1 YCbCr; None without one.
    identifiers : tuple of int
        The names of the components.
    segments : frozenset of int
        The markers of all segments in front of the first scan.
    """

    marker: int
    at: int
    precision: int
    rows: int
    columns: int
    sampling: tuple[int, ...]
    identifiers: tuple[int, ...]
    transform: int | None
    segments: frozenset[int]


def header(data: bytes | memoryview) -> Header:
    """Read the headers of a stream; of the samples nothing is looked at.

    Raises
    ------
    ValueError
        Where it is no JPEG stream that ends as one.
    """
    if bytes(data[-2:]) != bytes((0xFF, _EOI)):
        raise ValueError("the JPEG stream has no end")
    found = list(_segments(data))
    frames = [segment for segment in found if segment[0] in _FRAMES]
    if len(frames) != 1:
        raise ValueError("the JPEG stream has no frame header, or more than one")
    words = [
        body[_TRANSFORM]
        for marker, _, body in found
        if marker == _APP14 and body[:5] == _ADOBE and len(body) > _TRANSFORM
    ]
    markers = frozenset(marker for marker, _, _ in found)
    return _frame(*frames[0], words[-1] if words else None, markers)


def _segments(data: bytes | memoryview) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, place and content of each segment in front of the first scan."""
    if bytes(data[:2]) != bytes((0xFF, _SOI)):
        raise ValueError("the JPEG stream has no beginning")
    at = 2
    for _ in range(_MOST):
        if at + 4 > len(data):
            return
        if data[at] != 0xFF:
            raise ValueError("the JPEG stream has no marker where one is due")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SOS:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            raise ValueError("the JPEG stream has a segment without end")
        yield marker, at, bytes(data[at + 4 : at + 2 + length])
        at += 2 + length
    raise ValueError("the JPEG stream has too many segments in front of its first scan")


def _frame(
    marker: int, at: int, body: bytes, transform: int | None, segments: frozenset[int]
) -> Header:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise ValueError("the JPEG stream has a frame header of another length")
    precision, rows, columns, count = struct.unpack_from(">BHHB", body)
    of_each = [body[6 + 3 * n : 9 + 3 * n] for n in range(count)]
    return Header(
        marker=marker,
        at=at,
        precision=precision,
        rows=rows,
        columns=columns,
        sampling=tuple(each[1] for each in of_each),
        identifiers=tuple(each[0] for each in of_each),
        transform=transform,
        segments=segments,
    )
