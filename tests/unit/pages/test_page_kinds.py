"""What a document is, by its bytes; and whether a PDF has its end."""

from __future__ import annotations

from pathlib import Path

import documents
import pytest

from dicom_printer.errors import DocumentError
from dicom_printer.pages.engines import check_complete, open_document, read_head
from dicom_printer.pages.images import Images
from dicom_printer.pages.pdfs import Pdfium
from dicom_printer.pages.wire import Limits

LIMITS = Limits(max_pixels=1_000_000, max_pages=3, memory=1 << 30, page_timeout=60.0)


def complete(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        check_complete(path, read_head(path))
    except DocumentError as error:
        assert error.reason == "document damaged"
        assert "cut off" in error.message
        return False
    return True


def linearized(path: Path) -> bytes:
    """As a linearized PDF looks from outside: its first part ends as if it was all of it."""
    body = documents.report(path).read_bytes()
    head = b"%%PDF-1.7\n1 0 obj\n<</Linearized 1/L %10d/N 3>>\nendobj\nstartxref\n0\n%%%%EOF\n"
    return head % (len(head % 0) + len(body)) + body


def test_the_name_does_not_matter(tmp_path: Path) -> None:
    assert isinstance(open_document(documents.report(tmp_path / "x.png"), LIMITS), Pdfium)
    assert isinstance(open_document(documents.png(tmp_path / "x.pdf"), LIMITS), Images)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "document empty"),
        (b"plain text", "type not supported"),
        (b"GIF89a" + bytes(100), "type not supported"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "document damaged"),
    ],
)
def test_what_is_no_document(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "x.pdf").write_bytes(data)
    with pytest.raises(DocumentError) as caught:
        open_document(tmp_path / "x.pdf", LIMITS)
    assert caught.value.reason == reason


def test_too_many_pages(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="4 pages") as caught:
        open_document(documents.report(tmp_path / "x.pdf", 4), LIMITS)
    assert caught.value.reason == "too many pages"


@pytest.mark.parametrize("form", ["plain", "linearized"])
def test_a_pdf_cut_off_anywhere(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x.pdf"
    data = linearized(path) if form == "linearized" else documents.report(path).read_bytes()
    assert complete(path, data)
    cuts = [int(len(data) * share / 100) for share in range(5, 100, 5)]
    cuts += [len(data) - 20, len(data) - 9, data.index(b"%%EOF") + 6 if form != "plain" else 9]
    assert [cut for cut in cuts if complete(path, data[:cut])] == []


def test_an_update_cut_off(tmp_path: Path) -> None:
    data = documents.report(tmp_path / "x.pdf").read_bytes()
    update = b"\n4 0 obj\n<< /Length 100000 >>\nstream\n" + b"q " * 50000
    assert not complete(tmp_path / "x.pdf", data + update[:3000])
    assert not complete(tmp_path / "x.pdf", data + update)


@pytest.mark.parametrize(
    "rest", [b"\0" * 8000, b"\x1b%-12345X", b"\r\n\r\n", b"<html>of a web server</html>" * 300]
)
def test_what_follows_the_end_does_not_matter(tmp_path: Path, rest: bytes) -> None:
    data = documents.report(tmp_path / "x.pdf").read_bytes()
    assert complete(tmp_path / "x.pdf", data + rest)
