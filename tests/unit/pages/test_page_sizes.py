"""Sizes are computed, and refused, before anything is rendered."""

from __future__ import annotations

import pytest

from dicom_printer.errors import DocumentError
from dicom_printer.pages.limits import check_rendered, expected
from dicom_printer.pages.wire import Limits

LIMITS = Limits(max_pixels=40_000_000, max_pages=5000, memory=1 << 30, page_timeout=60.0)


@pytest.mark.parametrize(
    ("points", "dpi", "pixels"),
    [
        ((595.276, 841.89), 150, (1754, 1241)),
        ((612, 792), 150, (1650, 1275)),
        ((595.2000122070312, 792), 150, (1650, 1240)),  # 595.2 as PDFium's float32 has it
        ((0.01, 72), 72, (72, 1)),
    ],
)
def test_rows_and_columns(points: tuple[float, float], dpi: int, pixels: tuple[int, int]) -> None:
    assert expected(*points, dpi, LIMITS, 1) == pixels


@pytest.mark.parametrize(
    "points",
    [(14400, 14400), (65536 * 72 / 150, 10), (10, 65536 * 72 / 150), (1e30, 1e30)],
)
def test_a_page_too_large_is_refused_with_its_size(points: tuple[float, float]) -> None:
    with pytest.raises(DocumentError, match=r"page 7 .* x .* pixels") as caught:
        expected(*points, 150, LIMITS, 7)
    assert caught.value.reason == "page too large"


@pytest.mark.parametrize("points", [(0, 10), (10, -1), (float("nan"), 10), (float("inf"), 1)])
def test_a_page_without_a_size_is_damaged(points: tuple[float, float]) -> None:
    with pytest.raises(DocumentError) as caught:
        expected(*points, 150, LIMITS, 1)
    assert caught.value.reason == "document damaged"


def test_a_rendering_may_differ_by_one_pixel_only() -> None:
    check_rendered((101, 199, 3), 100, 200, 1)
    for shape in [(1, 1, 3), (102, 200), (100, 198, 3), (200, 100, 3)]:
        with pytest.raises(DocumentError, match="were expected"):
            check_rendered(shape, 100, 200, 1)
