"""A scan passes through as the JPEG that it is, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pypdfium2
import pytest
from documents import picture
from pdf2image import convert_from_path
from pikepdf import Array, Dictionary, Name
from PIL import Image
from programs import require

from dicom_printer import codec
from dicom_printer.codec import Encoding, Frame
from dicom_printer.pages.scans import Scans
from dicom_printer.pages.wire import How, Limits

LIMITS = Limits(max_pixels=1_000_000, max_pages=9, memory=1 << 30, page_timeout=60.0)
SIZE = (413, 584)  # pixels: 100 dpi on paper of 297.36 x 420.48 points
PAPER = (297.36, 420.48)
BASELINE, EXTENDED = Encoding(codec.JPEG_BASELINE), Encoding(codec.JPEG_EXTENDED)

Change = Callable[[pikepdf.Pdf], None]


def stream(mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    buffer = BytesIO()
    picture(1, size).convert(mode).save(buffer, "JPEG", **{"quality": 85, **options})
    return buffer.getvalue()


def document(path: Path, data: bytes, mode: str = "RGB", *changes: Change) -> Path:
    """Write a page that is one image, as a scanner's software does; then change it."""
    image = Image.open(BytesIO(data))
    pdf = pikepdf.Pdf.new()
    pdf.add_blank_page(page_size=PAPER)
    page = pdf.pages[0]
    space = {"RGB": Name.DeviceRGB, "L": Name.DeviceGray, "CMYK": Name.DeviceCMYK}[mode]
    page.Resources = Dictionary(XObject=Dictionary(Im0=pdf.make_stream(
        data, Type=Name.XObject, Subtype=Name.Image, Width=image.width, Height=image.height,
        BitsPerComponent=8, ColorSpace=space, Filter=Name.DCTDecode,
    )))  # fmt: skip
    page.Contents = pdf.make_stream(b"q %f 0 0 %f 0 0 cm /Im0 Do Q" % PAPER)
    for change in changes:
        change(pdf)
    pdf.save(path)
    return path


def passed(path: Path, encoding: Encoding = BASELINE, **how: Any) -> tuple[Frame, float] | None:
    scans = Scans(path, LIMITS)
    pdf = pypdfium2.PdfDocument(path)
    try:
        return scans.frame(pdf[0], 1, How(**{"dpi": 100, **how}), encoding)
    finally:
        scans.close()
        pdf.close()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"subsampling": "4:2:0"}),
        ("RGB", {"subsampling": "4:2:2"}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("L", {}),
    ],
)
def test_the_stream_is_the_pdf_s_own(mode: str, options: dict[str, Any], tmp_path: Path) -> None:
    data = stream(mode, **options)
    found = passed(document(tmp_path / "scan.pdf", data, mode))
    assert found is not None
    frame, spacing_mm = found
    assert frame.data == data
    assert frame.shape == pixels(data).shape
    assert spacing_mm == pytest.approx(25.4 / 100)
    codec.check(frame)


def test_process_2_has_the_same_pixels_under_its_own_frame_header(tmp_path: Path) -> None:
    data = stream()
    found = passed(document(tmp_path / "scan.pdf", data), EXTENDED)
    assert found is not None
    codec.check(found[0])
    assert np.array_equal(pixels(found[0].data), pixels(data))


def test_it_looks_as_the_independent_engine_draws_it(tmp_path: Path) -> None:
    require("pdftoppm")
    path = document(tmp_path / "scan.pdf", stream())
    (drawn,) = convert_from_path(str(path), dpi=100)
    found = passed(path)
    assert found is not None
    theirs = np.asarray(drawn.convert("RGB").resize(SIZE), int)
    assert np.abs(theirs - pixels(found[0].data)).mean() < 3


def test_filters_around_the_jpeg_are_taken_away(tmp_path: Path) -> None:
    data = stream()

    def wrap(pdf: pikepdf.Pdf) -> None:
        text = data.hex().encode() + b">"
        pdf.pages[0].Resources.XObject.Im0.write(
            text, filter=Array([Name.ASCIIHexDecode, Name.DCTDecode])
        )

    found = passed(document(tmp_path / "scan.pdf", data, "RGB", wrap))
    assert found is not None
    assert found[0].data == data


def image_says(**said: Any) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        for name, value in said.items():
            pdf.pages[0].Resources.XObject.Im0[f"/{name}"] = value

    return change


def page_says(**said: Any) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        for name, value in said.items():
            pdf.pages[0].obj[f"/{name}"] = value

    return change


def draws(content: bytes) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Contents = pdf.make_stream(content)

    return change


def masked(kind: str) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        mask = pdf.make_stream(
            bytes(16), Type=Name.XObject, Subtype=Name.Image, Width=4, Height=4,
            BitsPerComponent=8, ColorSpace=Name.DeviceGray,
        )  # fmt: skip
        pdf.pages[0].Resources.XObject.Im0[kind] = mask

    return change


def see_through(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].Resources.ExtGState = Dictionary(G=Dictionary(ca=0.5))
    pdf.pages[0].Contents = pdf.make_stream(b"q /G gs %f 0 0 %f 0 0 cm /Im0 Do Q" % PAPER)


def transferred(key: str) -> Change:
    def change(pdf: pikepdf.Pdf) -> None:
        negative = Dictionary(FunctionType=2, Domain=[0, 1], C0=[1], C1=[0], N=1)
        pdf.pages[0].Resources.ExtGState = Dictionary(G=Dictionary({key: negative}))
        pdf.pages[0].Contents = pdf.make_stream(b"q /G gs %f 0 0 %f 0 0 cm /Im0 Do Q" % PAPER)

    return change


def annotated(pdf: pikepdf.Pdf) -> None:
    note = Dictionary(Type=Name.Annot, Subtype=Name.Square, Rect=[10, 10, 90, 90], C=[1, 0, 0])
    pdf.pages[0].Annots = pdf.make_indirect(Array([pdf.make_indirect(note)]))


def layered(pdf: pikepdf.Pdf) -> None:
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="hidden"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([layer]), D=Dictionary(OFF=Array([layer])))
    pdf.pages[0].Resources.Properties = Dictionary(L=layer)
    draws(b"/OC /L BDC q %f 0 0 %f 0 0 cm /Im0 Do Q EMC" % PAPER)(pdf)


def other_red(pdf: pikepdf.Pdf) -> None:
    space = Array([Name.CalRGB, Dictionary(WhitePoint=[0.9505, 1, 1.089], Gamma=[1.8, 1.8, 1.8])])
    pdf.pages[0].Resources.ColorSpace = Dictionary(DefaultRGB=space)


W, H = PAPER
CHANGES: dict[str, Change] = {
    "turned by the page": page_says(Rotate=90),
    "turned by its matrix": draws(b"q 0 %f %f 0 %f 0 cm /Im0 Do Q" % (H, -W, W)),
    "upside down": draws(b"q %f 0 0 %f 0 %f cm /Im0 Do Q" % (W, -H, H)),
    "slanted": draws(b"q %f 3 0 %f 0 0 cm /Im0 Do Q" % (W, H)),
    "cropped": page_says(CropBox=Array([20, 20, 250, 400])),
    "smaller than the page": draws(b"q %f 0 0 %f 0 0 cm /Im0 Do Q" % (W - 9, H - 9)),
    "larger than the page": draws(b"q %f 0 0 %f -3 -3 cm /Im0 Do Q" % (W + 9, H + 9)),
    "clipped": draws(b"q 20 20 90 90 re W n %f 0 0 %f 0 0 cm /Im0 Do Q" % PAPER),
    "with a line over it": draws(b"q %f 0 0 %f 0 0 cm /Im0 Do Q 9 9 m 99 99 l S" % PAPER),
    "drawn twice": draws(b"q %f 0 0 %f 0 0 cm /Im0 Do /Im0 Do Q" % PAPER),
    "of a layer": layered,
    "see-through": see_through,
    "a negative by its transfer function": transferred("/TR"),
    "the same by the newer key": transferred("/TR2"),
    "with an annotation": annotated,
    "soft mask": masked("/SMask"),
    "mask": masked("/Mask"),
    "colour-key mask": image_says(Mask=Array([0, 10, 0, 10, 0, 10])),
    "inverted": image_says(Decode=Array([1, 0, 1, 0, 1, 0])),
    "layer of its own": image_says(OC=Dictionary(Type=Name.OCG, Name="x")),
    "no transform": image_says(DecodeParms=Dictionary(ColorTransform=0)),
    "colours of its own": image_says(ColorSpace=Array([Name.CalRGB, Dictionary(
        WhitePoint=[0.9505, 1, 1.089])])),
    "the page's own red": other_red,
    "other size than stated": image_says(Height=SIZE[1] - 1),
    "larger unit": page_says(UserUnit=2),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_looks_otherwise_is_rendered(change: Change, tmp_path: Path) -> None:
    assert passed(document(tmp_path / "page.pdf", stream(), "RGB", change)) is None


@pytest.mark.parametrize(
    "data",
    [
        stream(progressive=True),
        stream(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        stream(icc_profile=b"x" * 200),
        stream("RGB", keep_rgb=True),
        stream()[:-2],
    ],
    ids=["progressive", "Exif", "profile", "RGB", "cut off"],
)
def test_streams_that_a_reader_could_take_for_something_else(data: bytes, tmp_path: Path) -> None:
    assert passed(document(tmp_path / "page.pdf", data)) is None


def test_cmyk_is_rendered(tmp_path: Path) -> None:
    assert passed(document(tmp_path / "page.pdf", stream("CMYK"), "CMYK")) is None


def test_only_what_the_step_asks_for(tmp_path: Path) -> None:
    color = document(tmp_path / "color.pdf", stream())
    gray = document(tmp_path / "gray.pdf", stream("L"), "L")
    assert passed(color, mode="color") is not None
    assert passed(color, mode="gray") is None
    assert passed(gray, mode="gray") is not None
    assert passed(gray, mode="color") is None
    assert passed(gray, mode="gray", bits=12) is None
    for syntax in (codec.RLE, codec.JPEG_LOSSLESS):
        assert passed(color, Encoding(syntax)) is None
    assert [passed(color, dpi=dpi) is not None for dpi in (45, 50, 100, 102)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_more_pixels_than_the_limit_are_left_to_rendering(tmp_path: Path) -> None:
    path = document(tmp_path / "page.pdf", stream(size=(826, 1168), quality=30))
    assert passed(path, dpi=200) is not None
    scans = Scans(path, Limits(500_000, 9, 1 << 30, 60.0))
    assert scans.frame(pypdfium2.PdfDocument(path)[0], 1, How(dpi=200), BASELINE) is None


def test_pixels_that_are_not_square_are_rendered(tmp_path: Path) -> None:
    data = stream(size=(413, 700))
    assert passed(document(tmp_path / "page.pdf", data)) is None
