"""The description of an image is made once; its pixels are bytes or words."""

import numpy as np
import pytest

from dicom_printer import codec, image_pixel
from dicom_printer.codec import Frame


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3)])
def test_a_frame_is_described_as_its_pixels_are(shape: tuple[int, ...]) -> None:
    frame = Frame(codec.JPEG_BASELINE, shape, 8, b"")
    described = image_pixel.description(np.zeros(shape, np.uint8), 1)
    assert image_pixel.description(frame, 2) is described
    assert (described.Rows, described.Columns, described.BitsStored) == (7, 5, 8)
    assert described.get("PlanarConfiguration") == (0 if len(shape) == 3 else None)


def test_twelve_bits_are_words_in_little_endian() -> None:
    data = image_pixel.data(np.array([[0x0123, 0x0FED]], np.uint16))
    assert (data.VR, data.value) == ("OW", bytes((0x23, 0x01, 0xED, 0x0F)))


def test_an_odd_number_of_bytes_is_made_even() -> None:
    data = image_pixel.data(np.full((1, 3), 7, np.uint8))
    assert (data.VR, data.value) == ("OB", bytes((7, 7, 7, 0)))
