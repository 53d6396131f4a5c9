"""The two rasterisers, and Pillow for images. Runs in the render worker only.

pypdfium2 renders; what it refuses, poppler (through pdf2image) may still render.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dicom_printer.config.models import Pages
from dicom_printer.errors import DocumentError
from dicom_printer.pages.wire import Mode

_TAIL = 16384
_MAX_SIDE = 65535  # Rows and Columns are US (PS3.3 section C.7.6.3)
_POINT = 72.0

Rendered = tuple[np.ndarray, float | None]
"""Pixels, and their distance on the paper in mm."""


class Document(Protocol):
    """A document that is open."""

    count: int

    def render(self, number: int, dpi: int, mode: Mode) -> Rendered:
        """Render the page `number`, counted from 1."""

    def close(self) -> None:
        """Let go of the file."""


def damaged(message: str) -> DocumentError:
    """Return the error of a document that cannot be read."""
    return DocumentError(message, reason="document damaged")


def open_document(path: Path, limits: Pages, engine: str = "pdfium") -> Document:
    """Open a document as what it is, whatever it is called.

    Raises
    ------
    DocumentError
        Where it is empty, encrypted, damaged, of another type, or has too many pages.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise DocumentError("the document is empty", reason="document empty")
    if b"%PDF-" in head:
        _complete(path)
        opened: Document = Poppler(path, limits) if engine == "poppler" else _pdf(path, limits)
    elif head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")):
        opened = Images(path, limits)
    else:
        raise DocumentError(
            "the document is not a PDF, PNG, JPEG or TIFF, whatever its name says",
            reason="type not supported",
        )
    if not 1 <= opened.count <= limits.max_pages:
        opened.close()
        if not opened.count:
            raise DocumentError("the document has no pages", reason="document empty")
        raise DocumentError(
            f"the document has {opened.count} pages, and [pages] max_pages is {limits.max_pages}",
            reason="too many pages",
        )
    return opened


def _complete(path: Path) -> None:
    """Refuse a PDF whose end is missing: both engines would mend it, with pages missing."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        tail = file.read()
    if b"%%EOF" not in tail or b"startxref" not in tail:
        raise damaged("the PDF is cut off: its end is missing")


def _pdf(path: Path, limits: Pages) -> Document:
    try:
        return Pdfium(path, limits)
    except DocumentError:
        return Poppler(path, limits)


def expected_size(
    width_pt: float, height_pt: float, dpi: int, limits: Pages, number: int
) -> tuple[int, int]:
    """Return rows and columns of a page, computed before anything is rendered.

    Raises
    ------
    DocumentError
        Where the limits do not allow so many.
    """
    columns = max(math.ceil(width_pt * dpi / _POINT - 1e-6), 1)
    rows = max(math.ceil(height_pt * dpi / _POINT - 1e-6), 1)
    _allowed(rows, columns, limits, number)
    return rows, columns


def _allowed(rows: int, columns: int, limits: Pages, number: int) -> None:
    if rows * columns > limits.max_pixels or max(rows, columns) > _MAX_SIDE:
        raise DocumentError(
            f"page {number} would have {columns} x {rows} pixels, and [pages] max_pixels is "
            f"{limits.max_pixels}",
            "lower the step's dpi or raise max_pixels, then `dicom-printer retry --fresh JOB`",
            reason="page too large",
        )


def _checked(pixels: np.ndarray, rows: int, columns: int, number: int) -> np.ndarray:
    """Compare with what was expected; an engine may round a pixel either way."""
    if abs(pixels.shape[0] - rows) > 1 or abs(pixels.shape[1] - columns) > 1:
        raise damaged(
            f"page {number} was rendered as {pixels.shape[1]} x {pixels.shape[0]} pixels where "
            f"{columns} x {rows} were expected"
        )
    return pixels


def in_mode(image: Image.Image, mode: Mode) -> np.ndarray:
    """Return an RGB or L image's pixels in the mode that was asked for."""
    if mode == "gray" or (mode == "auto" and (image.mode == "L" or _is_gray(np.asarray(image)))):
        return np.asarray(image.convert("L"))
    return np.asarray(image.convert("RGB"))


def _is_gray(pixels: np.ndarray) -> bool:
    """Tell whether red, green and blue are the same everywhere: a sample first, then bands."""
    for band in [pixels[::37], *(pixels[i : i + 256] for i in range(0, len(pixels), 256))]:
        if not (
            np.array_equal(band[..., 0], band[..., 1])
            and np.array_equal(band[..., 1], band[..., 2])
        ):
            return False
    return True


class Pdfium:
    """A PDF in PDFium, forms and annotations drawn."""

    def __init__(self, path: Path, limits: Pages) -> None:
        import pypdfium2

        self._limits = limits
        try:
            self._pdf = pypdfium2.PdfDocument(path)
            with contextlib.suppress(pypdfium2.PdfiumError):
                self._pdf.init_forms()  # a document without forms has none to show
        except pypdfium2.PdfiumError:
            # Why, PDFium cannot be asked: its last error may be that of an earlier document.
            raise damaged("the PDF cannot be opened") from None
        self.count = len(self._pdf)
        self._errors = pypdfium2.PdfiumError

    def render(self, number: int, dpi: int, mode: Mode) -> Rendered:
        """Render the page `number`, counted from 1."""
        try:
            page = self._pdf[number - 1]
        except self._errors:
            raise damaged(f"page {number} cannot be read") from None
        try:
            width, height = page.get_size()
            rows, columns = expected_size(width, height, dpi, self._limits, number)
            bitmap = page.render(
                scale=dpi / _POINT,
                grayscale=mode == "gray",
                may_draw_forms=True,
                rev_byteorder=True,
            )
            image = bitmap.to_pil()
            pixels = in_mode(image if image.mode == "L" else image.convert("RGB"), mode)
            bitmap.close()
        except self._errors:
            raise damaged(f"page {number} cannot be rendered") from None
        finally:
            page.close()
        return _checked(pixels, rows, columns, number), 25.4 / dpi

    def close(self) -> None:
        """Let go of the file."""
        self._pdf.close()


class Poppler:
    """A PDF in poppler, a page a call so that memory stays flat."""

    def __init__(self, path: Path, limits: Pages) -> None:
        from pdf2image import exceptions, pdfinfo_from_path

        self._path, self._limits = path, limits
        try:
            info = pdfinfo_from_path(str(path), timeout=int(limits.page_timeout) or 1)
        except (
            exceptions.PDFPageCountError,
            exceptions.PDFPopplerTimeoutError,
            ValueError,
        ) as error:
            raise _refused(str(error)) from None
        except exceptions.PDFInfoNotInstalledError:
            raise damaged("the PDF cannot be opened, and poppler is not installed") from None
        self.count = int(info.get("Pages", 0))

    def render(self, number: int, dpi: int, mode: Mode) -> Rendered:
        """Render the page `number`, counted from 1."""
        from pdf2image import convert_from_path, exceptions, pdfinfo_from_path

        timeout = int(self._limits.page_timeout) or 1
        try:
            info = pdfinfo_from_path(
                str(self._path), first_page=number, last_page=number, timeout=timeout
            )
            width, height = _poppler_size(info, number)
            rows, columns = expected_size(width, height, dpi, self._limits, number)
            (image,) = convert_from_path(
                str(self._path), dpi=dpi, first_page=number, last_page=number,
                grayscale=mode == "gray", timeout=timeout,
            )  # fmt: skip
        except (
            exceptions.PDFPageCountError, exceptions.PDFPopplerTimeoutError, ValueError, OSError,
        ):  # fmt: skip
            raise damaged(f"page {number} cannot be rendered by either engine") from None
        pixels = in_mode(image if image.mode == "L" else image.convert("RGB"), mode)
        return _checked(pixels, rows, columns, number), 25.4 / dpi

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
        return DocumentError("the document has no pages", reason="document empty")
    return damaged("the PDF cannot be opened by either engine")


def _poppler_size(info: dict[str, str], number: int) -> tuple[float, float]:
    """Return width and height in points as the page is shown, from ``pdfinfo -f N -l N``."""
    words = str(
        info[f"Page    {number} size"] if f"Page    {number} size" in info else info["Page size"]
    ).split()
    width, height = float(words[0]), float(words[2])
    turned = str(info.get(f"Page    {number} rot", "0")) in {"90", "270"}
    return (height, width) if turned else (width, height)


class Images:
    """A PNG, a JPEG, or a TIFF of one page or more, with the pixels it has."""

    def __init__(self, path: Path, limits: Pages) -> None:
        self._limits = limits
        # Pillow would only warn; the exact limit is checked below, before anything is decoded.
        Image.MAX_IMAGE_PIXELS = None
        try:
            self._image = Image.open(path, formats=("PNG", "JPEG", "TIFF"))
            self.count = int(getattr(self._image, "n_frames", 1))
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
            raise damaged("the image cannot be read") from None

    def render(self, number: int, dpi: int, mode: Mode) -> Rendered:
        """Return the image `number`, counted from 1; `dpi` does not matter to it."""
        try:
            self._image.seek(number - 1)
            _allowed(self._image.height, self._image.width, self._limits, number)
            spacing_mm = _spacing(self._image)
            image = _eight_bit(ImageOps.exif_transpose(self._image))
        except (OSError, ValueError, EOFError, SyntaxError, IndexError):
            raise damaged(f"image {number} cannot be decoded; it may be cut off") from None
        return in_mode(image, mode), spacing_mm

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()


def _spacing(image: Image.Image) -> float | None:
    try:
        dpi = float(image.info["dpi"][0])
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return 25.4 / dpi if 10 <= dpi <= 10000 else None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an image as L or RGB: transparency on white, 16 bit scaled and not cut."""
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((np.clip(wide, 0, 65535) // 257).astype(np.uint8))
    if image.mode == "F":
        raise ValueError
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        return white.convert("RGB")
    if image.mode in {"1", "L"}:
        return image.convert("L")
    return image.convert("RGB")
