"""Some pages of a PDF as a PDF of their own. In the render worker only."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2

from dicom_printer.errors import DocumentError


def extracted(path: Path, numbers: Sequence[int]) -> bytes:
    """Return the pages `numbers`, counted from 1, as a PDF.

    What is filled into a form becomes part of its page: the form itself belongs to the
    document and does not come along. Neither do bookmarks, attachments and metadata, nor
    anything of the other pages but what they share with these (fonts, and images where all
    pages have one table of them).

    Raises
    ------
    DocumentError
        Where PDFium cannot take them out.
    """
    try:
        with contextlib.closing(pypdfium2.PdfDocument(path)) as pdf:
            pdf.init_forms()
            if pdf.formenv:
                _flatten(pdf, numbers)
            with contextlib.closing(pypdfium2.PdfDocument.new()) as new:
                new.import_pages(pdf, [number - 1 for number in numbers])
                if len(new) != len(numbers):
                    raise _stuck()
                buffer = BytesIO()
                new.save(buffer)
                return buffer.getvalue()
    except (pypdfium2.PdfiumError, ValueError):
        raise _stuck() from None


def _flatten(pdf: pypdfium2.PdfDocument, numbers: Sequence[int]) -> None:
    for number in numbers:
        with contextlib.closing(pdf[number - 1]) as page:
            page.flatten()


def _stuck() -> DocumentError:
    return DocumentError(
        "the pages that were asked for cannot be taken out of the PDF",
        "print them again without a page range, or store them as images; then discard this job",
    )
