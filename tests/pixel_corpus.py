"""Documents of every kind of page whose pixels are compared with another engine's.

Their fonts are embedded, so that two engines have no reason to draw another letter; nothing
on them is symmetric, so that a page that is turned, mirrored or shifted is another page. The
pages are small, as letters and lines are no smaller on them.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import documents
import pikepdf
from PIL import Image, ImageDraw
from reportlab.lib.colors import CMYKColor, Color
from reportlab.lib.pagesizes import landscape
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONT = "Vera"  # comes with reportlab
PAGE = (300.0, 420.0)
"""In points: whole pixels at 150 dpi, where no engine has to round or to stretch it."""


def text_and_charts(path: Path) -> Path:
    """A report: a page of text, and one with a chart below it."""
    canvas = _canvas(path)
    for number in (1, 2):
        _heading(canvas, f"Report, page {number}")
        _lines(canvas, 360, 24 if number == 1 else 8)
        for bar in range(8 * (number - 1)):
            canvas.setFillColor(Color(0.1 * bar, 0.5, 1 - 0.1 * bar))
            canvas.rect(30 + 28 * bar, 40, 20, 40 + 53 * bar % 150, stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.showPage()
    canvas.save()
    return path


def scans(path: Path) -> Path:
    """Pages of one image each: JPEG in colour and gray, lossless colour, and a fax of one bit."""
    canvas = _canvas(path)
    picture = documents.picture(3, (625, 875))
    fax = documents.picture(3, (1250, 1750)).convert("L").point(lambda v: 255 * (v > 100))
    for each, form in ((picture, "JPEG"), (picture.convert("L"), "JPEG"), (picture, "PNG"),
                       (fax.convert("1"), "PNG")):  # fmt: skip
        data = BytesIO()
        each.save(data, form)
        data.seek(0)
        canvas.drawImage(ImageReader(data), 0, 0, *PAGE)
        canvas.showPage()
    canvas.save()
    return path


def mixed(path: Path) -> Path:
    """Text, and pictures of which one is turned."""
    canvas = _canvas(path, landscape(PAGE))
    _heading(canvas, "Findings", 260)
    _lines(canvas, 240, 5)
    canvas.drawImage(ImageReader(documents.picture(5, (400, 300))), 30, 20, 160, 120)
    canvas.saveState()
    canvas.translate(270, 40)
    canvas.rotate(20)
    canvas.drawImage(ImageReader(documents.picture(2, (300, 300))), 0, 0, 100, 100)
    canvas.restoreState()
    canvas.showPage()
    canvas.save()
    return path


def rotation(path: Path) -> Path:
    """Every ``/Rotate``, and an odd size."""
    canvas = _canvas(path)
    for turns, shown in enumerate((PAGE, PAGE, landscape(PAGE), (400, 121.7))):
        canvas.setPageSize(shown)
        # what is stated is what is shown: reportlab swaps the sides of the page
        size = shown[::-1] if turns % 2 else shown
        canvas.setPageRotation(90 * turns)
        canvas.setFillColorRGB(0.1, 0.2, 0.8)
        canvas.circle(0.75 * size[0], 0.25 * size[1], 0.1 * min(size), fill=1)
        canvas.setFillGray(0)
        canvas.setFont(FONT, 0.4 * min(size))
        canvas.drawString(0.3 * size[0], 0.45 * size[1], str(turns + 1))
        canvas.showPage()
    canvas.save()
    return path


def paper(path: Path) -> Path:
    """Sides of paper that are whole pixels, or nearly so, and must not get one more."""
    canvas = _canvas(path)
    for size in ((792, 120), (120, 612), (595.2, 140), (595.276, 140.5)):
        canvas.setPageSize(size)
        canvas.setFont(FONT, 10)
        canvas.drawString(30, 60, "Some paper")
        canvas.rect(20, 20, size[0] - 40, size[1] - 40)
        canvas.showPage()
    canvas.save()
    return path


def crop_box(path: Path) -> Path:
    """A page that shows a part of itself, one of that turned, and one from below zero."""
    boxes = (
        "/MediaBox [0 0 400 300] /CropBox [50 40 350 240]",
        "/MediaBox [0 0 400 300] /CropBox [50.3 40.6 350.2 240.9] /Rotate 90",
        "/MediaBox [-100 -50 300 250] /CropBox [-60 -20 200 200]",
    )
    look = b"0.9 0.2 0.1 rg 70 60 90 40 re f 0 0 1 RG 3 w 60 50 m 200 190 l 240 60 l S"
    path.write_bytes(documents.raw_pdf(boxes, [look] * 3))
    return path


def annotations_and_forms(path: Path) -> Path:
    """What stands on the page and not in it: a mark with its look, and a form that was filled."""
    canvas = _canvas(path)
    _heading(canvas, "Questionnaire")
    _lines(canvas, 360, 6)
    form = canvas.acroForm
    form.textfield(x=30, y=200, width=200, height=30, value="filled in", borderStyle="solid",
                   fillColor=Color(0.8, 0.9, 1), borderColor=Color(0, 0, 0.6))  # fmt: skip
    form.checkbox(x=30, y=150, size=24, checked=True, buttonStyle="cross")
    form.checkbox(x=80, y=150, size=24, checked=False)
    canvas.showPage()
    canvas.save()
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        look = pdf.make_stream(
            b"0.9 0.1 0.1 RG 4 w 4 4 112 32 re S 0.9 0.8 0.1 rg 20 12 60 16 re f"
        )
        look.Type, look.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
        look.BBox = [0, 0, 120, 40]
        mark = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Stamp, F=4, Rect=[150, 60, 270, 100]
        )
        mark.AP = pikepdf.Dictionary(N=look)
        pdf.pages[0].Annots.append(pdf.make_indirect(mark))
        pdf.save(path)
    return path


def transparency(path: Path) -> Path:
    """Half transparent shapes one upon another, and a picture with a soft mask."""
    canvas = _canvas(path)
    _lines(canvas, 390, 20)
    for number, alpha in enumerate((0.25, 0.5, 0.75)):
        canvas.setFillColor(Color(number == 0, number == 1, number == 2), alpha=alpha)
        canvas.circle(100 + 45 * number, 280 + 20 * number, 50, stroke=0, fill=1)
    masked = documents.picture(4, (300, 200)).convert("RGBA")
    mask = Image.linear_gradient("L").resize((300, 200))
    ImageDraw.Draw(mask).ellipse((100, 50, 250, 150), fill=0)
    masked.putalpha(mask)
    canvas.drawImage(ImageReader(masked), 50, 40, 200, 130, mask="auto")
    canvas.showPage()
    canvas.save()
    return path


def cmyk(path: Path) -> Path:
    """Text and patches in process colours, pure and mixed."""
    canvas = _canvas(path)
    canvas.setFillColor(CMYKColor(0, 0, 0, 1))
    _lines(canvas, 390, 6)
    inks = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 0, 0), (0, 1, 1, 0),
            (1, 0, 1, 0), (0.2, 0.4, 0.6, 0.1), (0.6, 0.1, 0.3, 0.3), (0, 0, 0, 0.5)]  # fmt: skip
    for number, ink in enumerate(inks):
        canvas.setFillColor(CMYKColor(*ink))
        canvas.rect(20 + 52 * (number % 5), 60 + 90 * (number // 5), 45, 80, stroke=0, fill=1)
    canvas.showPage()
    canvas.save()
    return path


def gray(path: Path) -> Path:
    """Steps and a ramp of gray, and text."""
    canvas = _canvas(path)
    _lines(canvas, 390, 10)
    for step in range(16):
        canvas.setFillGray(step / 15)
        canvas.rect(20 + 16 * step, 150, 16, 40 + 3 * step, stroke=0, fill=1)
    canvas.drawImage(ImageReader(Image.linear_gradient("L")), 20, 30, 250, 90)
    canvas.showPage()
    canvas.save()
    return path


def _canvas(path: Path, size: tuple[float, float] = PAGE) -> Canvas:
    registerFont(TTFont(FONT, "Vera.ttf"))
    return Canvas(str(path), pagesize=size)


def _heading(canvas: Canvas, text: str, at: float = 385) -> None:
    canvas.setFont(FONT, 18)
    canvas.drawString(20, at, text)


def _lines(canvas: Canvas, top: float, count: int) -> None:
    canvas.setFont(FONT, 10)
    for line in range(count):
        shift = 3 * line % len(documents.WORDS)
        words = documents.WORDS[shift:] + documents.WORDS[:shift]
        canvas.drawString(20, top - 15 * line, " ".join(words[:7]))


CORPUS: dict[str, documents.Maker] = {
    "text and charts": text_and_charts,
    "scans": scans,
    "mixed": mixed,
    "rotation": rotation,
    "paper": paper,
    "crop box": crop_box,
    "annotations and forms": annotations_and_forms,
    "transparency": transparency,
    "CMYK": cmyk,
    "gray": gray,
}
