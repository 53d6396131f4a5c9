"""A page that was begun with ahead of its job is the page, from real render workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import documents
import numpy as np
import pytest

from dicom_printer import codec
from dicom_printer.config.models import Pages
from dicom_printer.errors import DocumentError
from dicom_printer.pages import How, Renderer

HOW = How(72, "color")
JPEG = codec.Encoding(codec.JPEG_BASELINE, 90)


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


def test_its_pixels_and_the_order_of_the_pages_are_the_same(
    renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "report.pdf")
    numbers = [1, 2, 3]
    plain = list(renderer.stream(document, numbers, HOW))
    encoded = list(renderer.frames(document, numbers, HOW, JPEG))
    renderer.begin(document, HOW)
    assert renderer.count(document) == 3
    begun = list(renderer.stream(document, numbers, HOW))
    assert [page.number for page in begun] == numbers
    for one, other in zip(plain, begun, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
    renderer.begin(document, HOW, JPEG)
    again = list(renderer.frames(document, numbers, HOW, JPEG))
    assert [page.number for page in again] == numbers
    assert [page.frame.data for page in again] == [page.frame.data for page in encoded]


def test_who_asks_for_other_pages_or_in_another_way_gets_them(
    renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "report.pdf")
    renderer.begin(document, HOW)
    (page,) = renderer.stream(document, [2], HOW)
    assert page.number == 2
    renderer.begin(document, HOW)
    (page,) = renderer.stream(document, [1], How(36, "color"))
    assert page.pixels.shape[0] == pytest.approx(842 / 2, abs=30)


def test_a_damaged_document_says_so_when_it_is_asked_for(
    renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.encrypted(tmp_path / "locked.pdf")
    renderer.begin(document, HOW)
    with pytest.raises(DocumentError):
        renderer.count(document)
