"""The memory that PDFium draws into: white, and the same from page to page.

pypdfium2 takes new memory for every page, zeroes it, and has PDFium fill it pixel by pixel, which
is a fifth of the time that a page of text takes. In the render worker only.
"""

from __future__ import annotations

import ctypes

import pypdfium2
from pypdfium2.internal import BitmapTypeToNChannels

KEPT = 32 << 20
"""Bytes that stay for the next page at most: A4 at 300 dpi. A larger page has its own."""
_WHITE = 0xFF


class Canvas:
    """White bitmaps of PDFium, one at a time.

    What was drawn on the one is gone when the next is asked for: whoever wants a page's
    pixels has copied or sent them by then. Until then the last page stays in the worker, which
    ends with the service, writes no core, and may be read by no other user.
    """

    def __init__(self) -> None:
        self._memory = _bytes(0)

    def bitmap(
        self, width: int, height: int, *, format: int, rev_byteorder: bool = False
    ) -> pypdfium2.PdfBitmap:
        """Return a bitmap that is white all over, as ``PdfPage.render`` wants its maker.

        Parameters
        ----------
        width, height : int
            In pixels.
        format : int
            PDFium's, as ``FPDFBitmap_BGR``.
        rev_byteorder : bool, optional
            Whether red is the first of the three.

        Raises
        ------
        MemoryError
            Where the worker may not have so much.
        """
        size = width * height * BitmapTypeToNChannels[format]
        memory = self._memory
        if size > len(memory):
            memory = self._memory = _bytes(0)  # the small one goes before the large one comes
            memory = _bytes(size)
            if size <= KEPT:
                self._memory = memory
        ctypes.memset(memory, _WHITE, size)
        return _White.new_native(width, height, format, rev_byteorder, buffer=memory)


class _White(pypdfium2.PdfBitmap):  # type: ignore[misc]  # pypdfium2 has no types
    """A bitmap that is as `PdfPage.render` would have it filled."""

    def fill_rect(self, *_: object) -> None:
        """Leave it: it is white already."""


def _bytes(size: int) -> ctypes.Array[ctypes.c_ubyte]:
    return (ctypes.c_ubyte * size)()
