"""What goes onto a film: the room on it, sizes, images, attributes."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_printer import film
from dicom_printer.errors import BadValueError, DocumentError
from dicom_printer.gray import to_gray


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (r"STANDARD\1,1", 1), (r"STANDARD\2,3", 6), (r"STANDARD\10,10", 100),
        (r"ROW\2,1", 3), (r"COL\1,2,1", 4), (r"ROW\3", 3),
    ],
)  # fmt: skip
def test_the_room_on_a_film(text: str, room: int) -> None:
    assert film.capacity(text) == room


@pytest.mark.parametrize(
    "text",
    ["STANDARD\1,1", r"STANDARD\1", r"STANDARD\0,1", r"STANDARD\1,1 ", "SLIDE", "SUPERSLIDE",
     r"CUSTOM\1", r"ROW\0", r"COL\1,", "", r"standard\1,1", r"STANDARD\1,1\2"],
)  # fmt: skip
def test_a_format_that_does_not_say_its_room_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="STANDARD"):
        film.capacity(text)


@pytest.mark.parametrize(
    ("pages", "room", "expected"),
    [
        (1, 1, [(1,)]),
        (3, 1, [(1,), (2,), (3,)]),
        (7, 4, [(1, 2, 3, 4), (5, 6, 7)]),
        (4, 4, [(1, 2, 3, 4)]),
        (1, 4, [(1,)]),
    ],
)
def test_pages_on_sheets(pages: int, room: int, expected: list[tuple[int, ...]]) -> None:
    assert film.sheets(range(1, pages + 1), room) == expected


def test_pages_that_were_asked_for_keep_their_numbers() -> None:
    assert film.sheets([2, 5, 9], 2) == [(2, 5), (9,)]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((10, 9), "PORTRAIT"), ((9, 10), "LANDSCAPE"), ((9, 9), "PORTRAIT"), ((3, 9, 3), "LANDSCAPE")],
)
def test_orientation(shape: tuple[int, ...], expected: str) -> None:
    assert film.orientation(noise(*shape)) == expected


@pytest.mark.parametrize(
    ("shape", "most", "expected"),
    [
        ((100, 50), (65535, 65535), (100, 50)),
        ((100, 50), (50, 100), (100, 50)),
        ((100, 50), (25, 100), (50, 25)),
        ((100, 50), (50, 20), (40, 20)),  # lies on its side: turned for the comparison
        ((50, 100, 3), (20, 50), (20, 40, 3)),
        ((50, 100), (50, 200), (50, 100)),
        ((1000, 2), (1, 10), (10, 1)),
    ],
)
def test_a_page_is_made_small_enough(
    shape: tuple[int, ...], most: tuple[int, int], expected: tuple[int, ...]
) -> None:
    assert film.fitted(noise(*shape), most).shape == expected


def test_a_page_that_fits_is_the_same_page() -> None:
    pixels = noise(10, 10)
    assert film.fitted(pixels, (10, 10)) is pixels


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (4, 6, 3)])
@pytest.mark.parametrize("bits", [8, 12])
def test_a_gray_image(shape: tuple[int, ...], bits: int) -> None:
    pixels = noise(*shape)
    (item,) = film.image(pixels, bits).BasicGrayscaleImageSequence
    assert (item.SamplesPerPixel, item.PhotometricInterpretation) == (1, "MONOCHROME2")
    assert (item.Rows, item.Columns) == shape[:2]
    assert (item.BitsAllocated, item.BitsStored, item.HighBit) == (
        16 if bits == 12 else 8, bits, bits - 1
    )  # fmt: skip
    assert "PlanarConfiguration" not in item
    kind = np.dtype("<u2") if bits == 12 else np.dtype("u1")
    size = shape[0] * shape[1] * kind.itemsize
    assert len(item.PixelData) == size + size % 2
    data = np.frombuffer(item.PixelData[:size], kind).reshape(shape[:2])
    assert np.array_equal(data, to_gray(pixels, bits))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_colour_image_goes_by_plane(shape: tuple[int, ...]) -> None:
    pixels = noise(*shape)
    (item,) = film.image(pixels, None).BasicColorImageSequence
    assert (item.SamplesPerPixel, item.PhotometricInterpretation) == (3, "RGB")
    assert (item.PlanarConfiguration, item.BitsStored) == (1, 8)
    planes = np.frombuffer(item.PixelData[:105], np.uint8).reshape(3, 5, 7)
    for number, plane in enumerate(planes):
        assert np.array_equal(plane, pixels if pixels.ndim == 2 else pixels[..., number])


def test_a_page_too_large_for_any_image() -> None:
    with pytest.raises(DocumentError, match="65535"):
        film.image(np.zeros((1, 65536), np.uint8), 8)


def test_attributes_without_a_value_are_left_out() -> None:
    ds = film.attributes({"NumberOfCopies": "2", "MediumType": "", "FilmSessionLabel": "x"})
    assert {e.keyword: e.value for e in ds} == {"NumberOfCopies": 2, "FilmSessionLabel": "x"}


def test_a_backslash_in_an_ST_is_a_character() -> None:
    ds = film.attributes({"ImageDisplayFormat": r"STANDARD\1,1"})
    assert ds.ImageDisplayFormat == r"STANDARD\1,1"


def test_a_value_that_does_not_fit_is_not_quoted() -> None:
    with pytest.raises(BadValueError) as found:
        film.attributes({"FilmSessionLabel": "Invented^Name" * 9})
    assert "Invented" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Mueller", None), ("Müller", "ISO_IR 100"), ("Παπαδόπουλος", "ISO_IR 192")],
)
def test_the_character_set_is_stated_where_it_is_needed(text: str, expected: str | None) -> None:
    assert film.attributes({"FilmSessionLabel": text}).get("SpecificCharacterSet") == expected
    note = film.annotation(2, text)
    assert note.get("SpecificCharacterSet") == expected
    assert (note.AnnotationPosition, note.TextString) == (2, text)
