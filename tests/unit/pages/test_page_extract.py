"""Some pages of a PDF as a PDF of their own."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path

import documents
import pypdfium2
import pytest
from programs import require
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from dicom_printer.errors import DocumentError
from dicom_printer.pages.extract import extracted


def words(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(BytesIO(pdf))
    found = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return found


def unpacked(pdf: bytes, directory: Path) -> bytes:
    """Return a PDF with every stream as it is before compression."""
    require("qpdf")
    file = directory / "packed.pdf"
    file.write_bytes(pdf)
    command = ["qpdf", "--qdf", "--object-streams=disable", str(file), "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout


def test_the_pages_in_their_order(tmp_path: Path) -> None:
    found = words(extracted(documents.report(tmp_path / "d.pdf", pages=5), [2, 4, 5]))
    assert [text.split("\r\n")[0] for text in found] == ["Page 2", "Page 4", "Page 5"]


def test_nothing_of_the_other_pages_comes_along(tmp_path: Path) -> None:
    """Not even where a page that stays refers to one that goes."""
    path = tmp_path / "d.pdf"
    canvas = Canvas(str(path), pagesize=A4, pageCompression=0)
    canvas.setTitle("a title with a name")
    canvas.drawString(72, 700, "shown")
    canvas.linkAbsolute("over", "there", (72, 700, 200, 720))
    canvas.showPage()
    canvas.bookmarkPage("there")
    canvas.addOutlineEntry("an outline entry", "there")
    canvas.drawString(72, 700, "secret")
    canvas.showPage()
    canvas.save()
    assert b"secret" in path.read_bytes(), "else the test could not see it"
    pdf = unpacked(extracted(path, [1]), tmp_path)
    assert b"shown" in pdf
    assert b"secret" not in pdf
    assert b"outline entry" not in pdf
    assert b"title with a name" not in pdf


def test_what_was_filled_into_a_form_is_there(tmp_path: Path) -> None:
    path = tmp_path / "d.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for name in ("first", "second"):
        canvas.acroForm.textfield(name=name, value=f"filled {name}", x=72, y=700, width=200)
        canvas.showPage()
    canvas.save()
    (text,) = words(extracted(path, [2]))
    assert "filled second" in text, "it is part of the page"
    assert "filled first" not in text


def test_what_pdfium_does_not_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be taken out"):
        extracted(documents.text_named_pdf(tmp_path / "d.pdf"), [1])
    with pytest.raises(DocumentError, match="cannot be taken out"):
        extracted(documents.report(tmp_path / "e.pdf", pages=2), [3])
