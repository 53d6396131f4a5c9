"""Gray or colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dicom_printer.gray import to_gray
from dicom_printer.pages.shade import in_mode, is_gray
from dicom_printer.pages.wire import Pixels


def colourful(rows: int = 700, columns: int = 50) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (rows, columns, 3), np.uint8)


def gray(rows: int = 700, columns: int = 50) -> Pixels:
    return np.repeat(colourful(rows, columns)[..., :1], 3, axis=2)


def test_auto_is_gray_where_every_pixel_is() -> None:
    pixels = in_mode(gray(), "auto")
    assert pixels.shape == (700, 50)
    assert np.array_equal(pixels, gray()[..., 0])


@pytest.mark.parametrize("place", [(0, 0), (699, 49), (255, 1), (256, 1), (513, 27)])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_coloured_pixel_anywhere_makes_it_colour(place: tuple[int, int], channel: int) -> None:
    pixels = gray()
    pixels[(*place, channel)] ^= 1
    assert not is_gray(pixels)
    assert np.array_equal(in_mode(pixels, "auto"), pixels)


def test_gray_has_the_weights_of_pillow() -> None:
    expected = np.asarray(Image.fromarray(colourful()).convert("L"))
    assert np.array_equal(in_mode(colourful(), "gray"), expected)


def test_color_is_always_three_channels() -> None:
    flat = gray()[..., 0]
    assert np.array_equal(in_mode(flat, "color"), gray())
    assert np.array_equal(in_mode(colourful(), "color"), colourful())
    assert np.array_equal(in_mode(gray(), "color"), gray())


@pytest.mark.parametrize("mode", ["gray", "auto"])
def test_gray_stays_as_it_is(mode: str) -> None:
    flat = gray()[..., 0]
    assert np.array_equal(in_mode(flat, "gray" if mode == "gray" else "auto"), flat)


def test_twelve_bits_are_made_from_the_colours() -> None:
    assert np.array_equal(in_mode(colourful(), "gray", 12), to_gray(colourful(), 12))
    assert in_mode(gray(), "gray", 12).dtype == np.uint16
