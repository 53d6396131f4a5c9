"""The service takes nothing from a worker that it did not expect."""

from __future__ import annotations

from typing import Any

import pytest

from dicom_printer.pages.wire import MAX_TEXT, Limits, ProtocolError, announced, parsed

LIMITS = Limits(max_pixels=10_000, max_pages=3, memory=1 << 30, page_timeout=60.0)


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ({"shape": [100, 100]}, 10_000),
        ({"shape": [100, 100, 3]}, 30_000),
        ({"bytes": MAX_TEXT}, MAX_TEXT),
        ({"count": 3}, 0),
        ({"shape": [100, 100], "bits": 12}, 20_000),
        ({"shape": [100, 100, 3], "bits": 8, "frame": 17}, 17),
    ],
)
def test_what_is_allowed(message: dict[str, Any], size: int) -> None:
    assert announced(message, LIMITS) == size


@pytest.mark.parametrize(
    "message",
    [
        {"shape": [101, 100]},
        {"shape": [100, 100, 4]},
        {"shape": [100]},
        {"shape": [1, 1, 1, 1]},
        {"shape": [0, 5]},
        {"shape": [-5, -5]},
        {"shape": [True, True]},
        {"shape": [1.5, 2]},
        {"shape": [65536, 0.1]},
        {"shape": [70000, 0]},
        {"shape": "ab"},
        {"shape": {"0": 1}},
        {"shape": [100, 100, 3], "bits": 12},
        {"shape": [100, 100], "bits": 16},
        {"shape": [100, 100], "bits": "8"},
        {"shape": [100, 100], "frame": 0},
        {"shape": [100, 100], "frame": 1_000_000},
        {"shape": [100, 100], "frame": True},
        {"bytes": MAX_TEXT + 1},
        {"bytes": -1},
        {"bytes": "5"},
    ],
)
def test_what_is_not(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        announced(message, LIMITS)


def test_no_side_is_longer_than_dicom_can_state() -> None:
    wide = Limits(max_pixels=1_000_000, max_pages=3, memory=1 << 30, page_timeout=60.0)
    assert announced({"shape": [1, 65535]}, wide) == 65535
    with pytest.raises(ProtocolError):
        announced({"shape": [1, 65536]}, wide)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"5", b"\xff\xff", b"null"])
def test_a_line_is_a_table(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parsed(text)


def test_a_pdf_may_be_longer_than_a_text() -> None:
    assert announced({"bytes": MAX_TEXT + 1}, LIMITS, most=MAX_TEXT + 1) == MAX_TEXT + 1
    with pytest.raises(ProtocolError):
        announced({"bytes": MAX_TEXT + 2}, LIMITS, most=MAX_TEXT + 1)
