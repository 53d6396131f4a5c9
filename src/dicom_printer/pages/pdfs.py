"""The two engines for PDF. In the render worker only.

pypdfium2 renders; what it refuses, poppler (through pdf2image) may still render. Both draw
forms and annotations, honour ``/Rotate`` and show the crop box. A PDF that opens without a
password is rendered even where its owner forbids printing: whoever printed it has printed it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdfium2

from dicom_printer.codec import Frame
from dicom_printer.errors import DocumentError
from dicom_printer.pages.canvas import Canvas
from dicom_printer.pages.limits import POINTS, check_rendered, damaged, expected
from dicom_printer.pages.wire import Limits, Pixels

Rendered = tuple[Pixels, float | None]
"""Pixels as gray or RGB, and their distance on the paper in mm."""
Passed = tuple[Frame, float]
"""A page as it lies in the PDF, and the distance of its pixels."""
Passing = Callable[[pypdfium2.PdfPage, int], Passed | None]
"""What says whether a page is passed through."""


_DOWN = 1 - 2e-7
"""pypdfium2 rounds a side up to whole pixels. Floating point puts 792 points at 150 dpi next above
1650, and PDFium's 32 bits 595.2 points above 1240: a row more, and the page stretched to it."""

_CANVAS = Canvas()  # this process draws a page at a time, whatever document it is of


class Pdfium:
    """A PDF in PDFium."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        try:
            self._pdf = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError:
            # Why, poppler is asked: PDFium's last error may be that of an earlier document.
            raise damaged("the PDF cannot be opened") from None
        with contextlib.suppress(pypdfium2.PdfiumError):
            self._pdf.init_forms()  # a form that cannot be set up is not drawn; the page is
        self.count = len(self._pdf)

    def render(self, number: int, dpi: int, passing: Passing | None = None) -> Rendered | Passed:
        """Render the page `number`, counted from 1, unless it is passed through.

        The pixels are there until another page is rendered, of whatever document.
        """
        try:
            page = self._pdf[number - 1]
        except pypdfium2.PdfiumError:
            raise damaged(f"page {number} cannot be read") from None
        try:
            if passing is not None and (passed := passing(page, number)) is not None:
                return passed
            width_pt, height_pt = page.get_size()
            rows, columns = expected(width_pt, height_pt, dpi, self._limits, number)
            bitmap = page.render(
                scale=dpi / POINTS * _DOWN,
                may_draw_forms=True,
                draw_annots=True,
                rev_byteorder=True,
                bitmap_maker=_CANVAS.bitmap,
            )
            pixels = bitmap.to_numpy()  # on the canvas: there until the next page is rendered
        except pypdfium2.PdfiumError:
            raise damaged(f"page {number} cannot be rendered") from None
        finally:
            page.close()
        check_rendered(pixels.shape, rows, columns, number)
        return pixels, 25.4 / dpi

    def close(self) -> None:
        """Let go of the file."""
        self._pdf.close()


class Poppler:
    """A PDF in poppler, a page a call so that memory stays flat."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self.count = int(self._info().get("Pages", 0))

    def _info(self, number: int = 1) -> dict[str, str]:
        from pdf2image import exceptions, pdfinfo_from_path  # only where it is needed: 20 ms

        timeout = max(int(self._limits.page_timeout), 1)
        try:
            found: dict[str, str] = pdfinfo_from_path(
                str(self._path), first_page=number, last_page=number, timeout=timeout
            )
        except exceptions.PDFPageCountError as error:
            raise _refused(str(error)) from None
        except exceptions.PDFPopplerTimeoutError:
            raise damaged("the PDF cannot be opened by either engine") from None
        except exceptions.PDFInfoNotInstalledError:
            raise damaged("the PDF cannot be opened, and poppler is not installed") from None
        return found

    def render(self, number: int, dpi: int) -> Rendered:
        """Render the page `number`, counted from 1."""
        from pdf2image import convert_from_path, exceptions

        width_pt, height_pt = _size(self._info(number), number)
        rows, columns = expected(width_pt, height_pt, dpi, self._limits, number)
        try:
            # pdf2image unpacks exactly what pdftoppm wrote, so that nothing is a ValueError
            (image,) = convert_from_path(
                str(self._path), dpi=dpi, first_page=number, last_page=number, use_cropbox=True,
                use_pdftocairo=False, timeout=max(int(self._limits.page_timeout), 1),
            )  # fmt: skip
            pixels = np.asarray(image)
        except (exceptions.PDFPageCountError, exceptions.PDFPopplerTimeoutError, ValueError,
                OSError):  # fmt: skip
            raise damaged(f"page {number} cannot be rendered by either engine") from None
        check_rendered(pixels.shape, rows, columns, number)
        return pixels, 25.4 / dpi

    def close(self) -> None:
        """Let go of the file; poppler holds none between two calls."""


def _refused(said: str) -> DocumentError:
    """Translate what ``pdfinfo`` says of a PDF that it does not open."""
    if "Incorrect password" in said:
        return DocumentError(
            "the PDF is encrypted and wants a password",
            "print it again without a password, then discard this job",
            reason="document encrypted",
        )
    if "Invalid page count 0" in said or "last page (0)" in said:
        return DocumentError(
            "the document has no pages",
            "print it again, then discard this job",
            reason="document empty",
        )
    return damaged("the PDF cannot be opened by either engine")


def _size(info: dict[str, str], number: int) -> tuple[float, float]:
    """Return width and height in points as the page is shown, from ``pdfinfo -f N -l N``."""
    table = {" ".join(key.split()): value for key, value in info.items()}
    try:
        words = table.get(f"Page {number} size", table.get("Page size", "")).split()
        width, height = float(words[0]), float(words[2])
    except (IndexError, ValueError):
        raise damaged(f"page {number} has no size") from None
    turned = table.get(f"Page {number} rot", table.get("Page rot", "0")) in {"90", "270"}
    return (height, width) if turned else (width, height)
