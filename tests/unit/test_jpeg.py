"""The headers of JPEG streams: good ones of another encoder, and broken ones."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from documents import picture
from hypothesis import given
from hypothesis import strategies as st

from dicom_printer import jpeg


def stream(mode: str = "RGB", **options: Any) -> bytes:
    buffer = BytesIO()
    picture(1, (37, 21)).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_what_a_stream_says_of_itself() -> None:
    found = jpeg.header(stream(subsampling="4:2:2"))
    assert (found.marker, found.precision) == (jpeg.SOF0, 8)
    assert (found.rows, found.columns) == (21, 37)
    assert found.sampling == (0x21, 0x11, 0x11)
    assert found.identifiers == (1, 2, 3)
    assert found.transform is None


def test_gray_progressive_and_adobe() -> None:
    assert jpeg.header(stream("L")).sampling == (0x11,)
    assert jpeg.header(stream(progressive=True)).marker == 0xC2
    assert jpeg.header(stream("CMYK")).transform == 0


def test_the_frame_header_is_where_it_is_said_to_be() -> None:
    data = stream(comment=b"x" * 300)
    at = jpeg.header(data).at
    assert data[at : at + 2] == bytes((0xFF, jpeg.SOF0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        stream()[:-2],
        stream()[2:],
        b"\xff\xd8\xff\xe0\x00\x01\xff\xd9",
        b"\xff\xd8\xff\xe0\xff\xff\xff\xd9",
        b"\xff\xd8\x00\xe0\x00\x04abcd\xff\xd9",
        b"\xff\xd8\xff\xc0\x00\x04ab\xff\xd9",
    ],
)
def test_what_is_no_stream(data: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.header(data)


@pytest.mark.parametrize("piece", [b"\xff\xfe\x00\x02", b"\xff"], ids=["segments", "fill"])
def test_headers_without_end_are_not_read_to_it(piece: bytes) -> None:
    data = stream()
    jpeg.header(data[:2] + piece * 300 + data[2:])
    with pytest.raises(ValueError, match="JPEG"):
        jpeg.header(data[:2] + piece * 5000 + data[2:])


@given(st.binary(max_size=200), st.integers(0, 600))
def test_any_bytes_end_in_a_header_or_in_the_error(junk: bytes, at: int) -> None:
    good = stream()
    data = good[:at] + junk + good[at:]
    try:
        assert jpeg.header(data).marker >= 0xC0
    except ValueError as error:
        assert "JPEG" in str(error)
