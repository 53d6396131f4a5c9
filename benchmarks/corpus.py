"""The documents: made here, the same for everybody; and real ones where packages brought them."""

from __future__ import annotations

import gzip
import random
import shutil
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from reportlab import rl_config
from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

REAL = {
    "R-exts": Path("/usr/share/R/doc/manual/R-exts.pdf"),  # Debian's r-doc-pdf
    "libtasn1": Path("/usr/share/doc/libtasn1-doc/libtasn1.pdf"),  # Debian's libtasn1-doc
}
"""Manuals of Debian packages, used where they are installed."""

_TEXT = """
examination report findings chest lateral projection contrast normal limits comparison
prior study impression no acute change follow up recommended invented patient
"""
_WORDS = _TEXT.split()


def build(folder: Path) -> dict[str, Path]:
    """Write the corpus into `folder`; return its documents by name.

    Returns
    -------
    dict of str to Path
        ``report`` (10 pages of text and charts), ``scan`` (10 full-page JPEG images of
        200 dpi), ``mixed`` (100 pages: seven of text to two of charts to one scan),
        ``short`` and ``long`` (10 and 600 such pages), ``page`` (one page of text), and real ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "report": ["text", "chart"] * 5,
        "scan": ["scan"] * 10,
        "short": _mixture(10),
        "mixed": _mixture(100),
        "long": _mixture(600),
        "page": ["text"],
    }
    found = {name: _document(folder / f"{name}.pdf", pages) for name, pages in kinds.items()}
    return found | real(folder)


def mixed(folder: Path, pages: int) -> Path:
    """Write the mixture with another number of pages."""
    folder.mkdir(parents=True, exist_ok=True)
    return _document(folder / f"mixed-{pages}.pdf", _mixture(pages))


def real(folder: Path) -> dict[str, Path]:
    """Return the manuals that this machine has, unpacked into `folder` where they are packed."""
    found = {}
    for name, path in REAL.items():
        packed = path.with_name(f"{path.name}.gz")
        if path.exists():
            found[name] = path
        elif packed.exists():
            found[name] = folder / path.name
            with gzip.open(packed) as source, found[name].open("wb") as target:
                shutil.copyfileobj(source, target)
    return found


def _mixture(pages: int) -> list[str]:
    pattern = ["text", "text", "chart", "text", "text", "scan", "text", "chart", "text", "text"]
    return [pattern[number % len(pattern)] for number in range(pages)]


def _document(path: Path, kinds: list[str]) -> Path:
    if path.exists():
        return path
    rl_config.useA85 = 0  # no text around the images: no scanner does that
    chance = random.Random(path.stem)  # noqa: S311 (the same document each time)
    canvas = Canvas(str(path), pagesize=A4)
    for number, kind in enumerate(kinds, 1):
        if kind == "scan":
            _scan(canvas, number)
        else:
            _text(canvas, number, chance, lines=24 if kind == "chart" else 46)
            if kind == "chart":
                _chart(canvas, chance)
        canvas.showPage()
    canvas.save()
    return path


def _text(canvas: Canvas, number: int, chance: random.Random, lines: int) -> None:
    canvas.setFillGray(0)
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(72, 790, f"Invented report, page {number}")
    canvas.setFont("Times-Roman", 11)
    for line in range(lines):
        canvas.drawString(72, 765 - 15 * line, " ".join(chance.choices(_WORDS, k=12)))


def _chart(canvas: Canvas, chance: random.Random) -> None:
    for bar in range(10):
        canvas.setFillColor(Color(0.1 * bar, 0.4, 1 - 0.1 * bar))
        canvas.rect(90 + 42 * bar, 80, 30, chance.uniform(40, 260), stroke=0, fill=1)
    canvas.setStrokeColorRGB(0.7, 0.1, 0.1)
    line = canvas.beginPath()
    line.moveTo(90, 200)
    for x in range(91, 510):
        line.lineTo(x, 200 + chance.uniform(-90, 90))
    canvas.drawPath(line)


def _scan(canvas: Canvas, number: int) -> None:
    canvas.drawImage(_scanned(number % 10), 0, 0, *A4)


@cache
def _scanned(number: int) -> ImageReader:
    """Return a full page as a scanner's software makes it: JPEG of 200 dpi, in colour."""
    chance, size = random.Random(number), (1654, 2339)  # noqa: S311
    noise = np.random.default_rng(number).normal(128, 12, (size[1] // 2, size[0] // 2))
    image = Image.fromarray(noise.astype(np.uint8)).resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, *size), outline=(180, 170, 150), width=40)
    for line in range(48):
        text = " ".join(chance.choices(_WORDS, k=10))
        draw.text((150, 150 + 42 * line), text, fill=(30, 30, 60), font_size=28)
    draw.rectangle((1000, 1500, 1450, 2000), fill=(200, 90 + number, 60))
    data = BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.8)).save(data, "JPEG", quality=85, dpi=(200, 200))
    data.seek(0)
    return ImageReader(data)
