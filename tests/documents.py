"""Documents to print: good ones and hostile ones. Every name and value in them is invented.

Each function writes its document to the path that it is given and returns that path.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A3, A4, A5, landscape
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

Maker = Callable[[Path], Path]

SIZES: tuple[tuple[tuple[float, float], int], ...] = (
    (A4, 0),
    (landscape(A4), 0),
    (A4, 90),
    (A3, 0),
    (A5, 0),
    (landscape(A3), 270),
    ((600, 200), 180),
    ((200.5, 610.25), 0),
)
"""What :func:`sizes` is made of: page size in points before rotation, and /Rotate."""

WORDS = (
    "Report",
    "of",
    "an",
    "invented",
    "examination",
    "with",
    "nothing",
    "of",
    "note",
    "in",
    "it",
)


def report(path: Path, pages: int = 3, title: str = "Report") -> Path:
    """A report: text and a coloured chart on every A4 page."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setTitle(title)
    for number in range(1, pages + 1):
        _text(canvas, number)
        _chart(canvas, number)
        canvas.showPage()
    canvas.save()
    return path


def gray(path: Path, pages: int = 2) -> Path:
    """A report in black and gray only."""
    canvas = Canvas(str(path), pagesize=A4)
    for number in range(1, pages + 1):
        _text(canvas, number)
        canvas.setFillGray(0.5)
        canvas.rect(90, 90, 200, 100 + 10 * number, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return path


def slow(path: Path, pages: int = 4, seconds: float = 1.0) -> Path:
    """Pages that take about so long to render each, however small: many dashed curves."""
    curve = b"%d %d m 0 0 200 %d %d 100 c S\n"
    curves = range(int(8_000 * seconds))
    content = [
        b"0.3 w [0.2 0.3] 0 d\n"
        + b"".join(curve % (n % 200, page, n % 199, n % 197) for n in curves)
        for page in range(pages)
    ]
    path.write_bytes(raw_pdf(["/MediaBox [0 0 200 200]"] * pages, content))
    return path


def sizes(path: Path) -> Path:
    """Portrait, landscape, each /Rotate, A3 and odd sizes; nothing on them is symmetric.

    The font is embedded, so that two engines have no reason to draw anything differently.
    """
    registerFont(TTFont("Vera", "Vera.ttf"))  # comes with reportlab
    canvas = Canvas(str(path))
    for number, (size, rotate) in enumerate(SIZES, 1):
        width, height = size
        canvas.setPageSize(size)
        canvas.setPageRotation(rotate)
        canvas.setFillColorRGB(0.8, 0.1, 0.1)
        canvas.rect(0.05 * width, 0.75 * height, 0.3 * width, 0.2 * height, stroke=0, fill=1)
        canvas.setFillColorRGB(0.1, 0.2, 0.8)
        canvas.circle(0.75 * width, 0.25 * height, 0.03 * (number + 2) * min(size), fill=1)
        canvas.setFillGray(0)
        canvas.setFont("Vera", 0.35 * min(size))
        canvas.drawString(0.4 * width, 0.45 * height, str(number))
        canvas.setFont("Vera", 11)
        canvas.drawString(0.05 * width, 0.1 * height, f"page {number} of {len(SIZES)}")
        canvas.showPage()
    canvas.save()
    return path


def scan(path: Path, pages: int = 3) -> Path:
    """A scan: one full-page JPEG image of 150 dpi on each A4 page."""
    canvas = Canvas(str(path), pagesize=A4)
    for number in range(1, pages + 1):
        data = BytesIO()
        picture(number, (1240, 1754)).save(data, "JPEG", quality=85, dpi=(150, 150))
        data.seek(0)
        canvas.drawImage(ImageReader(data), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return path


def encrypted(path: Path, password: str = "secret") -> Path:
    """A PDF that does not open without the user's password."""
    return _encrypted(path, StandardEncryption(password, "owner", strength=128))


def owner_locked(path: Path) -> Path:
    """A PDF that opens without a password and forbids printing and copying."""
    lock = StandardEncryption("", "owner", canPrint=0, canModify=0, canCopy=0, strength=128)
    return _encrypted(path, lock)


def truncated(path: Path, share: float = 0.6) -> Path:
    """A report that was cut off, as by a full disk or a program that died."""
    whole = report(path, pages=3).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def empty(path: Path) -> Path:
    """A file of no bytes at all."""
    path.write_bytes(b"")
    return path


def no_pages(path: Path) -> Path:
    """A valid PDF of no pages."""
    path.write_bytes(raw_pdf([]))
    return path


def huge(path: Path) -> Path:
    """One page of 200 by 200 inches, the largest that PDF 1.4 allows."""
    path.write_bytes(raw_pdf(["/MediaBox [0 0 14400 14400]"]))
    return path


def text_named_pdf(path: Path) -> Path:
    """Text that only calls itself a PDF."""
    path.write_text("This is not a PDF, whatever its name may be.\n" * 40, encoding="utf-8")
    return path


def png_bomb(path: Path, side: int = 50_000) -> Path:
    """A small PNG of one bit a pixel that unpacks to billions of pixels."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * ((side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))
    return path


def png(path: Path, size: tuple[int, int] = (320, 200)) -> Path:
    """A picture in colour as PNG, 100 dpi."""
    picture(1, size).save(path, "PNG", dpi=(100, 100))
    return path


def jpeg(path: Path, size: tuple[int, int] = (320, 200)) -> Path:
    """A picture in colour as JPEG, 150 dpi."""
    picture(1, size).save(path, "JPEG", quality=90, dpi=(150, 150))
    return path


def tiff(path: Path, pages: int = 3, size: tuple[int, int] = (320, 200)) -> Path:
    """Pictures as one TIFF, LZW, 200 dpi."""
    first, *others = (picture(number, size) for number in range(1, pages + 1))
    first.save(path, "TIFF", save_all=True, append_images=others, dpi=(200, 200),
               compression="tiff_lzw")  # fmt: skip
    return path


def picture(number: int, size: tuple[int, int] = (320, 200)) -> Image.Image:
    """A picture in colour that looks different for each number, and no two ways round alike."""
    width, height = size
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 10, height // 10, width // 3, height // 3), fill=(200, 30, 30))
    for mark in range(number % 10 + 1):
        left = width // 10 + mark * width // 14
        draw.rectangle((left, height // 2, left + width // 28, height * 3 // 4), fill=(20, 60, 180))
    draw.text((width // 2, height // 8), f"scan {number}", fill=(0, 0, 0), font_size=height // 8)
    return image.filter(ImageFilter.GaussianBlur(1))


def raw_pdf(pages: Sequence[str], content: Sequence[bytes] = ()) -> bytes:
    """Return a PDF made by hand: the inside of each page's dictionary, and its content stream."""
    kids = " ".join(f"{3 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode("ascii"),
    ]
    for index, inside in enumerate(pages):
        stream = content[index] if index < len(content) else b""
        page = f"<< /Type /Page /Parent 2 0 R /Contents {4 + 2 * index} 0 R {inside} >>"
        objects.append(page.encode("ascii"))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    data = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return data + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(data))
    )


def _encrypted(path: Path, lock: StandardEncryption) -> Path:
    canvas = Canvas(str(path), pagesize=A4, encrypt=lock)
    _text(canvas, 1)
    canvas.showPage()
    canvas.save()
    return path


def _text(canvas: Canvas, number: int) -> None:
    canvas.setFillGray(0)
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(72, 760, f"Page {number}")
    canvas.setFont("Times-Roman", 11)
    for line in range(24):
        shift = (number * 5 + line * 3) % len(WORDS)
        canvas.drawString(72, 730 - 15 * line, " ".join(WORDS[shift:] + WORDS[:shift]))


def _chart(canvas: Canvas, number: int) -> None:
    for bar in range(8):
        height = 40 + (number * 37 + bar * 53) % 180
        canvas.setFillColor(Color(0.1 * bar, 0.5, 1 - 0.1 * bar))
        canvas.rect(90 + 50 * bar, 80, 36, height, stroke=0, fill=1)
    canvas.setStrokeGray(0)
    canvas.line(80, 80, 500, 80)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
