"""Gray from colour: Pillow's for 8 bits, the exact luminance for 12."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from dicom_printer.gray import to_gray

COLOURS = np.random.default_rng(1).integers(0, 256, (601, 83, 3), dtype=np.uint8)
GRAYS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_8_bits_are_what_pillow_makes_of_it() -> None:
    found = to_gray(COLOURS)
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.asarray(Image.fromarray(COLOURS).convert("L")))


def test_gray_of_8_bits_stays_as_it_is() -> None:
    assert to_gray(GRAYS) is GRAYS


def test_12_bits_are_the_luminance_to_the_nearest() -> None:
    found = to_gray(COLOURS, bits=12)
    assert found.dtype == np.uint16
    weights = np.array([19595, 38470, 7471]) / 65536
    exact = COLOURS.astype(float) @ weights * 4095 / 255
    assert np.abs(found - exact).max() <= 0.5003


def test_12_bits_of_gray_are_the_same_whether_it_came_as_gray_or_colour() -> None:
    found = to_gray(GRAYS, bits=12)
    assert np.array_equal(found, np.round(GRAYS.astype(float) * 4095 / 255))
    assert np.array_equal(found, to_gray(np.repeat(GRAYS[..., None], 3, axis=2), bits=12))


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (12, 4095)])
def test_black_is_0_and_white_is_the_largest_value(bits: int, white: int) -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert to_gray(ends, bits).tolist() == [[0, white]]
    assert to_gray(ends[..., 0], bits).tolist() == [[0, white]]


def test_12_bits_keep_steps_that_8_throw_together() -> None:
    blue = np.zeros((1, 256, 3), np.uint8)
    blue[0, :, 2] = np.arange(256)
    eight, twelve = (to_gray(blue, bits)[0].astype(int) for bits in (8, 12))
    assert (np.diff(twelve) > 0).all()
    assert len(set(eight.tolist())) < 35


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_more_light_is_never_less_gray(channel: int) -> None:
    ramp = np.full((1, 256, 3), 77, np.uint8)
    ramp[0, :, channel] = np.arange(256)
    assert (np.diff(to_gray(ramp, 12)[0].astype(int)) >= 0).all()


def test_memory_besides_the_result_is_that_of_some_rows() -> None:
    page = np.zeros((6000, 1000, 3), np.uint8)
    tracemalloc.start()
    to_gray(page, 12)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6000 * 1000 * 2 + 8 * 256 * 1000 * 2


@pytest.mark.parametrize(
    ("pixels", "bits"),
    [(np.zeros((2, 2), np.uint16), 8), (np.zeros((2, 2, 4), np.uint8), 8), (GRAYS, 10)],
)
def test_anything_else_is_refused(pixels: np.ndarray, bits: int) -> None:
    with pytest.raises(ValueError, match=r"not 8 bit gray or RGB|8 bits or 12"):
        to_gray(pixels, bits)
