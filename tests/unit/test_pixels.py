"""What `pixels` takes for the same page, and what not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import documents
import numpy as np
import pytest
from PIL import Image
from pixels import difference, rendered

from dicom_printer.config.models import Pages
from dicom_printer.pages import How, Renderer

Pictures = list[np.ndarray]


@pytest.fixture(scope="module", params=["report", "sizes"])
def pages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pictures, Pictures]]:
    """Yield the pages of a document as both engines have them."""
    pdf = tmp_path_factory.mktemp("pixels") / "document.pdf"
    make: Callable[[Path], Path] = getattr(documents, request.param)
    theirs = rendered(make(pdf), 100)
    renderer = Renderer(Pages(), workers=2)
    numbers = range(1, renderer.count(pdf) + 1)
    ours = [page.pixels for page in renderer.stream(pdf, numbers, How(dpi=100, mode="color"))]
    renderer.close()
    yield ours, theirs


def test_the_same_pages_agree(pages: tuple[Pictures, Pictures]) -> None:
    assert [difference(a, b) for a, b in zip(*pages, strict=True)] == [""] * len(pages[0])


def test_a_gray_rendering_agrees(pages: tuple[Pictures, Pictures]) -> None:
    gray = [np.asarray(Image.fromarray(page).convert("L")) for page in pages[0]]
    assert [difference(a, b) for a, b in zip(gray, pages[1], strict=True)] == [""] * len(gray)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda page: page[::-1, ::-1],
        lambda page: page[:, ::-1],
        lambda page: page[..., ::-1],
        lambda page: np.full_like(page, 255),
        lambda page: np.roll(page, 10, axis=0),
        lambda page: np.roll(page, -10, axis=0),
        lambda page: np.roll(page, 10, axis=1),
        lambda page: np.roll(page, -10, axis=1),
        lambda page: page[:-2],
    ],
    ids=["upside down", "mirrored", "BGR", "blank", "down", "up", "right", "left", "cut off"],
)
def test_a_spoilt_page_fails(
    pages: tuple[Pictures, Pictures], spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    spoilt = [np.ascontiguousarray(spoil(page)) for page in pages[0]]
    assert all(difference(a, b) for a, b in zip(spoilt, pages[1], strict=True))


def test_another_page_of_the_document_fails(pages: tuple[Pictures, Pictures]) -> None:
    ours, theirs = pages
    assert all(difference(a, b) for i, a in enumerate(ours) for j, b in enumerate(theirs) if i != j)
