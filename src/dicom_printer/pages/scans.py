"""Scans pass through: a page that is one JPEG image is that JPEG, and not a picture of it.

It is what the two lossy transfer syntaxes want, so that it is taken out of the PDF as it stands:
no second loss, and a tenth of the time. Only where nothing on the page, and nothing said of the
image, makes it look otherwise than its own decoded pixels. PDFium tells what is drawn; what is
said of the image only qpdf (through pikepdf) lets us read. In the render worker only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pypdfium2
import pypdfium2.raw as pdfium

from dicom_printer import codec, jpeg
from dicom_printer.codec import Encoding, Frame
from dicom_printer.errors import DocumentError
from dicom_printer.pages.limits import POINTS, check_size
from dicom_printer.pages.wire import How, Limits

if TYPE_CHECKING:
    import pikepdf

_SIMPLE = {"ASCII85Decode", "ASCIIHexDecode", "FlateDecode"}
"""Filters that PDFium takes away in front of the JPEG itself."""

_OFF_PT = 0.5
"""How far the image may end from the page's own edge, in points."""
_FINER = 2.0
"""How many times the step's dpi an image may have: a site limits with it what it archives."""

_SEGMENTS = {0xE0, 0xEE, 0xFE, 0xDB, 0xC4, 0xDD, jpeg.SOF0}
"""JFIF, Adobe, comment, tables, restarts, frame. Exif may turn it, a profile change its colours."""
_SAMPLED = {(0x11,), *((luma, 0x11, 0x11) for luma in (0x11, 0x21, 0x22))}

_SAID = {
    "/Type", "/Subtype", "/Name", "/Width", "/Height", "/BitsPerComponent", "/ColorSpace",
    "/Filter", "/DecodeParms", "/Length", "/Interpolate", "/Intent", "/Metadata",
}  # fmt: skip
"""What may be said of the image: no mask, no Decode, no layer that it belongs to."""
_SPACES = {"/DeviceGray": 1, "/DeviceRGB": 3}
_MANY = 100
"""So many images of one page's resources are looked at."""


class Scans:
    """The scanned pages of one PDF.

    Parameters
    ----------
    path : Path
        The document; it is opened when the first page looks like a scan.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        self._pdf: pikepdf.Pdf | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._pdf is not None:
            self._pdf.close()
            self._pdf = None

    def frame(
        self, page: pypdfium2.PdfPage, number: int, how: How, encoding: Encoding
    ) -> tuple[Frame, float] | None:
        """Return a page as it lies in the PDF, and its pixels' distance in mm; None for a picture.

        Parameters
        ----------
        page : pypdfium2.PdfPage
            The page `number`, counted from 1.
        """
        if encoding.syntax not in codec.LOSSY or how.bits != 8:
            return None
        image = _only_image(page)
        if image is None:
            return None
        a, _, _, d, _, _ = image.get_matrix().get()
        data = bytes(image.get_data(decode_simple=True)).rstrip(b"\r\n")
        try:
            found = jpeg.header(data)
            check_size(found.rows, found.columns, self._limits, f"page {number}")
        except (ValueError, DocumentError):
            return None
        across, down = found.columns * POINTS / a, found.rows * POINTS / d
        if (
            not how.dpi * 0.99 <= min(across, down) <= how.dpi * _FINER
            or not math.isclose(across, down, rel_tol=0.01)
            or not _fits(found, how)
            or not self._says_nothing_else(number, image, found)
        ):
            return None
        shape = (found.rows, found.columns) + ((3,) if len(found.sampling) == 3 else ())
        if encoding.syntax == codec.JPEG_EXTENDED:
            data = codec.as_extended(data)
        return Frame(encoding.syntax, shape, 8, data), 25.4 / across

    def _says_nothing_else(
        self, number: int, image: pypdfium2.PdfImage, found: jpeg.Header
    ) -> bool:
        """Tell whether the image's dictionary leaves its pixels as they are."""
        import pikepdf  # only where a document has scans: 40 ms

        try:
            if self._pdf is None:
                self._pdf = pikepdf.Pdf.open(self._path)
            page = self._pdf.pages[number - 1]
            if "/UserUnit" in page.obj or _spaces_replaced(page) or _transferred(page):
                return False
            raw = bytes(image.get_data())
            same = [x for x in _images(page) if x.read_raw_bytes() == raw]
            return bool(same) and all(_plain(each, found) for each in same)
        except (pikepdf.PdfError, ArithmeticError, AttributeError, LookupError, TypeError,
                ValueError, RuntimeError, OSError):  # fmt: skip
            return False  # qpdf minds what PDFium does not: rendered it is what PDFium shows


def _only_image(page: pypdfium2.PdfPage) -> pypdfium2.PdfImage | None:
    """Return the image that is all of a page, upright and whole, if that is all there is."""
    if page.get_rotation() or pdfium.FPDFPage_GetAnnotCount(page):
        return None
    if pdfium.FPDFPage_CountObjects(page) != 1:
        return None
    (image,) = page.get_objects(max_depth=1)
    if not isinstance(image, pypdfium2.PdfImage):
        return None
    *simple, last = image.get_filters() or [""]
    a, b, c, d, e, f = image.get_matrix().get()
    edges = zip((e, f, e + a, f + d), page.get_bbox(), strict=True)
    upright = b == c == 0 and a > 0 and d > 0
    whole = all(abs(ours - theirs) <= _OFF_PT for ours, theirs in edges)
    plain = not (
        pdfium.FPDFPageObj_HasTransparency(image)
        or pdfium.FPDFPageObj_CountMarks(image)  # of a layer, perhaps, that is not shown
        or pdfium.FPDFClipPath_CountPaths(pdfium.FPDFPageObj_GetClipPath(image)) > 0
    )
    jpeg_alone = last == "DCTDecode" and _SIMPLE.issuperset(simple)
    return image if upright and whole and plain and jpeg_alone else None


def _fits(found: jpeg.Header, how: How) -> bool:
    """Tell whether a stream is one that the transfer syntax, and the mode, want."""
    gray = len(found.sampling) == 1
    wanted = {"auto": True, "gray": gray, "color": not gray}[how.mode]
    # without a word of Adobe's, three components are YCbCr unless they are called R, G and B
    as_ycbcr = found.transform == 1 or (
        found.transform is None and found.identifiers != tuple(b"RGB")
    )
    return (
        wanted
        and found.marker == jpeg.SOF0
        and found.precision == 8
        and found.sampling in _SAMPLED
        and found.segments <= _SEGMENTS
        and (gray or as_ycbcr)
    )


def _images(page: pikepdf.Page) -> Iterator[pikepdf.Stream]:
    xobjects: Any = page.resources.get("/XObject", {})
    if len(xobjects) <= _MANY:
        yield from (x for x in xobjects.values() if x.get("/Subtype") == "/Image")


def _spaces_replaced(page: pikepdf.Page) -> bool:
    """Tell whether the page says what its device's colours are (ISO 32000 section 8.6.5.6)."""
    spaces: Any = page.resources.get("/ColorSpace", {})
    return any(name.startswith("/Default") for name in spaces)


def _transferred(page: pikepdf.Page) -> bool:
    """Tell whether a state of the page has a transfer function (ISO 32000 section 10.5).

    PDFium applies it to images, and does not say so: it may make a negative of one.
    """
    states: Any = page.resources.get("/ExtGState", {})
    return any("/TR" in state or "/TR2" in state for state in states.values())


def _plain(image: pikepdf.Stream, found: jpeg.Header) -> bool:
    parameters = image.get("/DecodeParms")
    transformed = parameters is not None and "/ColorTransform" in repr(parameters)
    return (
        set(image.keys()) <= _SAID
        and not transformed
        and int(image.BitsPerComponent) == 8
        and (int(image.Height), int(image.Width)) == (found.rows, found.columns)
        and _SPACES.get(str(image.ColorSpace)) == len(found.sampling)
    )
