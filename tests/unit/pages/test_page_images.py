"""PNG, JPEG and TIFF of every kind become 8 bit gray or RGB, with the pixels they have."""

from __future__ import annotations

import struct
from pathlib import Path

import documents
import hostile_images
import numpy as np
import pytest
from PIL import Image

from dicom_printer.errors import DocumentError
from dicom_printer.pages.images import Images
from dicom_printer.pages.wire import Limits, Pixels

LIMITS = Limits(max_pixels=1_000_000, max_pages=5000, memory=1 << 30, page_timeout=60.0)
ORIENTATION = 0x0112


def first(path: Path) -> tuple[Pixels, float | None]:
    return Images(path, LIMITS).render(1, 150)


def same(pixels: Pixels, image: Image.Image) -> bool:
    return np.array_equal(pixels, np.asarray(image))


@pytest.mark.parametrize(("suffix", "mode"), [("png", "RGB"), ("tif", "RGB"), ("png", "L")])
def test_pixels_are_those_of_the_file(tmp_path: Path, suffix: str, mode: str) -> None:
    picture = documents.picture(3).convert(mode)
    picture.save(tmp_path / f"x.{suffix}")
    assert same(first(tmp_path / f"x.{suffix}")[0], picture)


def test_palette_one_bit_and_cmyk(tmp_path: Path) -> None:
    picture = documents.picture(1)
    picture.quantize(16).save(tmp_path / "p.png")
    assert same(first(tmp_path / "p.png")[0], picture.quantize(16).convert("RGB"))
    picture.convert("1").save(tmp_path / "1.tif", compression="group4")
    assert same(first(tmp_path / "1.tif")[0], picture.convert("1").convert("L"))
    picture.convert("CMYK").save(tmp_path / "c.tif")
    pixels = first(tmp_path / "c.tif")[0]
    assert np.abs(pixels.astype(int) - np.asarray(picture)).max() <= 1


def test_transparent_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.putpixel((2, 0), (0, 0, 0, 128))
    image.save(tmp_path / "a.png")
    assert first(tmp_path / "a.png")[0][0, :, 0].tolist() == [0, 255, 127]
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "t.png", transparency=1)
    assert first(tmp_path / "t.png")[0].tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_is_scaled_and_not_cut(tmp_path: Path, suffix: str) -> None:
    wide = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Image.fromarray(wide).save(tmp_path / f"w.{suffix}")
    assert first(tmp_path / f"w.{suffix}")[0].tolist() == [[0, 0, 1, 1, 128, 255]]


def test_sixteen_bit_with_white_at_zero(tmp_path: Path) -> None:
    path = tmp_path / "w.tif"
    Image.fromarray(np.array([[0, 65535]], np.uint16)).save(path)
    entry = struct.pack("<HHI", 262, 3, 1)  # photometric interpretation, SHORT, one of them
    data = path.read_bytes()
    assert data.count(entry + b"\1") == 1
    path.write_bytes(data.replace(entry + b"\1", entry + b"\0"))
    assert first(tmp_path / "w.tif")[0].tolist() == [[255, 0]]


@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
@pytest.mark.parametrize(("orientation", "turn"), [(6, 3), (3, 2), (8, 1)])
def test_the_orientation_of_a_camera_is_applied_once(
    tmp_path: Path, kind: str, orientation: int, turn: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = documents.picture(2)
    picture.save(tmp_path / f"o.{kind}", exif=exif, quality=100)
    pixels = first(tmp_path / f"o.{kind}")[0]
    turned = np.rot90(np.asarray(picture), turn)
    assert pixels.shape == turned.shape
    assert np.abs(pixels.astype(int) - turned).mean() < 4  # JPEG


def test_each_page_of_a_tiff(tmp_path: Path) -> None:
    opened = Images(documents.tiff(tmp_path / "x.tif", 3), LIMITS)
    assert opened.count == 3
    for number in (3, 1, 2):
        assert same(opened.render(number, 150)[0], documents.picture(number))


def test_frames_of_a_png_are_no_pages(tmp_path: Path) -> None:
    frames = [documents.picture(number) for number in (1, 2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert Images(tmp_path / "a.png", LIMITS).count == 1


def test_spacing_is_what_the_file_states(tmp_path: Path) -> None:
    assert first(documents.jpeg(tmp_path / "x.jpg"))[1] == pytest.approx(25.4 / 150)
    assert first(documents.tiff(tmp_path / "x.tif"))[1] == pytest.approx(25.4 / 200)
    picture = documents.picture(1)
    for name, dpi in {"fax.tif": (204, 98), "zero.tif": (0, 0), "none.png": None}.items():
        picture.save(tmp_path / name, dpi=dpi)
        assert first(tmp_path / name)[1] is None, name


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("make", [documents.png, documents.jpeg, documents.tiff])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_cut_off_images_are_damaged(tmp_path: Path, make: documents.Maker, share: float) -> None:
    whole = make(tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DocumentError) as caught:
        opened = Images(tmp_path / "cut", LIMITS)
        for number in range(1, 4):
            opened.render(number, 150)
    assert caught.value.reason == "document damaged"


def test_an_image_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    opened = Images(documents.png_bomb(tmp_path / "b.png", side=2000), LIMITS)
    with pytest.raises(DocumentError, match="2000 x 2000") as caught:
        opened.render(1, 150)
    assert caught.value.reason == "page too large"


def test_pixels_of_an_unusual_kind_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(DocumentError) as caught:
        first(tmp_path / "f.tif")
    assert caught.value.reason == "type not supported"


def test_pages_are_counted_up_to_the_limit(tmp_path: Path) -> None:
    few = Limits(max_pixels=1_000_000, max_pages=3, memory=1 << 30, page_timeout=60.0)
    for pages, counted in ((1, 1), (3, 3), (9, 4)):
        image = Images(documents.tiff(tmp_path / "x.tif", pages=pages), few)
        assert image.count == counted
        assert same(image.render(1, 150)[0], documents.picture(1))
        image.close()


def test_of_many_pages_no_more_are_counted_than_needed(tmp_path: Path) -> None:
    path = tmp_path / "circle.tif"
    path.write_bytes(hostile_images.frames(20_000))
    few = Limits(max_pixels=1_000_000, max_pages=200, memory=1 << 30, page_timeout=60.0)
    assert Images(path, few).count == 201
