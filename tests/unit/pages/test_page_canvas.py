"""The memory that pages are drawn into: what was there before is never seen."""

from __future__ import annotations

from pathlib import Path

import documents
import numpy as np
import pypdfium2
import pytest
from pypdfium2.raw import FPDFBitmap_BGR
from reportlab.lib.colors import Color
from reportlab.pdfgen import canvas as reportlab

from dicom_printer.pages.canvas import KEPT, Canvas
from dicom_printer.pages.pdfs import Pdfium
from dicom_printer.pages.wire import Limits, Pixels

LIMITS = Limits(max_pixels=100_000_000, max_pages=100, memory=1 << 30, page_timeout=60)


def fresh(path: Path, number: int) -> Pixels:
    """Draw a page into memory of its own, as pypdfium2 does where nobody says otherwise."""
    with pypdfium2.PdfDocument(path) as pdf:
        pdf.init_forms()
        bitmap = pdf[number - 1].render(scale=100 / 72 * (1 - 2e-7), rev_byteorder=True)
        return np.array(bitmap.to_numpy())


def sizes(path: Path) -> Path:
    """Pages full of colour, large and small in turns, and an empty one after each."""
    drawing = reportlab.Canvas(str(path))
    for width, height in ((300, 400), (500, 700), (90, 60), (700, 500), (301, 77)):
        drawing.setPageSize((width, height))
        drawing.setFillColor(Color(width / 1000, 0.2, height / 1000, alpha=0.5))
        drawing.rect(0, 0, width, height, stroke=0, fill=1)
        drawing.showPage()
        drawing.setPageSize((width - 1, height))
        drawing.showPage()
    drawing.save()
    return path


@pytest.mark.parametrize("make", [sizes, documents.report])
def test_a_page_is_the_same_whatever_was_drawn_before(
    tmp_path: Path, make: documents.Maker
) -> None:
    path = make(tmp_path / "d.pdf")
    pdf = Pdfium(path, LIMITS)
    numbers = [*range(1, pdf.count + 1), *range(pdf.count, 0, -1)]
    for number in numbers:
        pixels, _ = pdf.render(number, 100)
        assert isinstance(pixels, np.ndarray)
        assert np.array_equal(pixels, fresh(path, number))
    pdf.close()


def drawn_on(canvas: Canvas, width: int, height: int) -> Pixels:
    pixels: Pixels = canvas.bitmap(width, height, format=FPDFBitmap_BGR).to_numpy()
    assert pixels.shape == (height, width, 3)
    assert (pixels == 255).all()
    pixels[:] = 7
    return pixels


def test_it_is_white_and_the_same_memory() -> None:
    canvas = Canvas()
    first = drawn_on(canvas, 50, 40)
    assert np.shares_memory(first, drawn_on(canvas, 40, 50))
    assert np.shares_memory(first, drawn_on(canvas, 10, 10))
    assert not np.shares_memory(first, drawn_on(canvas, 60, 50))


def test_a_very_large_page_leaves_nothing_behind() -> None:
    canvas = Canvas()
    small = drawn_on(canvas, 10, 10)
    large = drawn_on(canvas, 4096, KEPT // 4096 // 3 + 1)
    again = drawn_on(canvas, 4096, KEPT // 4096 // 3 + 1)
    assert not np.shares_memory(large, again)
    assert not np.shares_memory(small, drawn_on(canvas, 10, 10))


def test_pdfium_fills_nothing() -> None:
    bitmap = Canvas().bitmap(2, 2, format=FPDFBitmap_BGR)
    bitmap.fill_rect((0, 0, 0, 255), 0, 0, 2, 2)
    assert bytes(bitmap.buffer) == b"\xff" * 12
