"""What the encoders write: markers, attributes, fragments; and pixels, by a decoder not ours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compressed import KINDS, SYNTAXES, decoded, frame_of, header, page
from dicom_checks import assert_dciodvfy_clean
from pydicom import Dataset
from pydicom.encaps import encapsulate, parse_fragments

from dicom_printer import capture, codec, encode
from dicom_printer.codec import Encoding
from dicom_printer.errors import DocumentError


def made(pixels: np.ndarray, **attributes: str) -> Dataset:
    created = datetime.now().astimezone()
    return capture.dataset("job", 1, 1, pixels, 0.2, attributes, created=created)


def encoded(plain: Dataset, pixels: np.ndarray, syntax: str, quality: int = 90) -> Dataset:
    return encode.encoded(plain, codec.encoded(pixels, Encoding(syntax, quality)))


def every() -> list[Any]:
    return [
        pytest.param(syntax, kind, id=f"{name}-{kind}")
        for name, syntax in SYNTAXES.items()
        for kind in KINDS
        if not (syntax == codec.JPEG_BASELINE and kind == "gray12")
    ]


@pytest.mark.parametrize(("syntax", "kind"), every())
def test_pixels_come_back(syntax: str, kind: str, tmp_path: Path) -> None:
    pixels = page(kind)
    ds = encoded(made(pixels), pixels, syntax)
    found = decoded(ds, tmp_path)
    assert found.shape == pixels.shape
    if syntax in codec.LOSSY:
        off = np.abs(found.astype(int) - pixels)
        white = 4095 if kind == "gray12" else 255
        assert 0 < off.mean() < 0.02 * white
    else:
        assert np.array_equal(found, pixels)


@pytest.mark.parametrize(("syntax", "kind"), every())
def test_a_dataset_of_a_frame_is_that_of_its_pixels(syntax: str, kind: str) -> None:
    frame = codec.encoded(page(kind), Encoding(syntax))
    created = datetime.now().astimezone()
    described = capture.dataset("job", 1, 1, frame, 0.2, {}, created=created)
    plain = capture.dataset("job", 1, 1, page(kind), 0.2, {}, created=created)
    assert "PixelData" not in described
    assert encode.encoded(described, frame) == encode.encoded(plain, frame)


@pytest.mark.parametrize(("syntax", "kind"), every())
def test_dciodvfy_finds_no_error(syntax: str, kind: str, tmp_path: Path) -> None:
    file = tmp_path / "page.dcm"
    encoded(made(page(kind)), page(kind), syntax).save_as(file, enforce_file_format=True)
    assert_dciodvfy_clean(file)


@pytest.mark.parametrize(
    ("syntax", "kind", "marker", "precision", "sampling"),
    [
        (codec.JPEG_BASELINE, "gray8", 0xC0, 8, [0x11]),
        (codec.JPEG_BASELINE, "rgb", 0xC0, 8, [0x21, 0x11, 0x11]),
        (codec.JPEG_EXTENDED, "gray8", 0xC1, 8, [0x11]),
        (codec.JPEG_EXTENDED, "gray12", 0xC1, 12, [0x11]),
        (codec.JPEG_EXTENDED, "rgb", 0xC1, 8, [0x21, 0x11, 0x11]),
        (codec.JPEG_LOSSLESS, "gray8", 0xC3, 8, [0x11]),
        (codec.JPEG_LOSSLESS, "gray12", 0xC3, 12, [0x11]),
        (codec.JPEG_LOSSLESS, "rgb", 0xC3, 8, [0x11, 0x11, 0x11]),
    ],
)
def test_the_frame_header_is_that_of_the_process(
    syntax: str, kind: str, marker: int, precision: int, sampling: list[int]
) -> None:
    found = header(frame_of(encoded(made(page(kind)), page(kind), syntax)))
    assert (found.marker, found.precision, found.sampling) == (marker, precision, sampling)
    assert (found.rows, found.columns) == page(kind).shape[:2]
    if syntax == codec.JPEG_LOSSLESS:
        assert found.selection == 1


@pytest.mark.parametrize(("syntax", "kind"), every())
def test_attributes_say_what_it_is(syntax: str, kind: str) -> None:
    plain = made(page(kind))
    ds = encoded(plain, page(kind), syntax)
    lossy = syntax in codec.LOSSY
    gray, colour = "MONOCHROME2", "YBR_FULL_422" if lossy else "RGB"
    assert ds.PhotometricInterpretation == (colour if kind == "rgb" else gray)
    assert ds.get("PlanarConfiguration") == (0 if kind == "rgb" else None)
    assert (ds.BitsAllocated, ds.BitsStored) == ((16, 12) if kind == "gray12" else (8, 8))
    assert ds.file_meta.TransferSyntaxUID == syntax
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert ds.ImageType == ["DERIVED", "SECONDARY"]
    if lossy:
        assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
        bits = page(kind).size * ds.BitsStored
        exact = bits / 8 / len(frame_of(ds))
        assert float(ds.LossyImageCompressionRatio) == pytest.approx(exact, abs=0.02)
    else:
        assert "LossyImageCompressionRatio" not in ds
        assert "LossyImageCompression" not in ds, "the page may show a lossy photograph"
    changed = {e.keyword for e in ds if e.keyword not in plain or plain[e.tag].value != e.value}
    assert changed <= {
        "PixelData", "PhotometricInterpretation", "LossyImageCompression",
        "LossyImageCompressionRatio", "LossyImageCompressionMethod",
    }  # fmt: skip


@pytest.mark.parametrize(("syntax", "kind"), every())
def test_fragments_are_even_and_the_caller_s_dataset_stays(syntax: str, kind: str) -> None:
    plain = made(page(kind))
    before = plain.to_json()
    ds = encoded(plain, page(kind), syntax)
    assert ds["PixelData"].VR == "OB"
    assert ds["PixelData"].is_undefined_length
    count, offsets = parse_fragments(ds.PixelData)
    assert count == 2, "the offset table and one fragment"
    for at in offsets:
        assert int.from_bytes(ds.PixelData[at + 4 : at + 8], "little") % 2 == 0
    assert plain.to_json() == before


@pytest.mark.parametrize("length", [1, 2, 65_535, 65_536])
def test_a_frame_lies_in_its_item_as_the_library_puts_it(length: int) -> None:
    frame = codec.Frame(codec.RLE, (2, 2), 8, bytes(n % 251 for n in range(length)))
    assert encode.encoded(made(page("gray8")), frame).PixelData == encapsulate([frame.data])


def test_an_image_that_was_said_to_be_original_is_none_after_lossy_compression() -> None:
    plain = made(page("gray8"), ImageType="ORIGINAL\\PRIMARY")
    assert encoded(plain, page("gray8"), codec.JPEG_EXTENDED).ImageType == ["DERIVED", "PRIMARY"]
    assert encoded(plain, page("gray8"), codec.JPEG_LOSSLESS).ImageType == ["ORIGINAL", "PRIMARY"]


def test_quality_is_that_of_the_pixels() -> None:
    frames = [codec.encoded(page("rgb"), Encoding(codec.JPEG_EXTENDED, q)) for q in (30, 75, 99)]
    sizes = [len(frame.data) for frame in frames]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("syntax", SYNTAXES.values())
@pytest.mark.parametrize("shape", [(1, 1), (1, 3, 3), (7, 5), (9, 17, 3)])
def test_small_and_odd_pages(syntax: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.full(shape, 200, np.uint8)
    found = decoded(encoded(made(pixels), pixels, syntax), tmp_path)
    assert found.shape == shape
    assert np.abs(found.astype(int) - pixels).max() <= 3


def test_baseline_has_no_twelve_bits() -> None:
    with pytest.raises(ValueError, match="8 bits"):
        codec.encoded(page("gray12"), Encoding(codec.JPEG_BASELINE))


def test_a_page_too_long_for_jpeg() -> None:
    long = np.zeros((65501, 1), np.uint8)
    with pytest.raises(DocumentError, match="at most 65500"):
        codec.encoded(long, Encoding(codec.JPEG_LOSSLESS))
    codec.encoded(long, Encoding(codec.RLE))
    codec.encoded(long[1:], Encoding(codec.JPEG_LOSSLESS))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("ORIGINAL", ["DERIVED", "SECONDARY"]),
        ("ORIGINAL\\PRIMARY\\AXIAL", ["DERIVED", "PRIMARY", "AXIAL"]),
    ],
)
def test_what_is_lossy_is_derived(stated: str, expected: list[str]) -> None:
    pixels = page("gray8")
    ds = encoded(made(pixels, ImageType=stated), pixels, codec.JPEG_BASELINE)
    assert list(ds.ImageType) == expected
