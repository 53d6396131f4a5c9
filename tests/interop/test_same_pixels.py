"""What the store receives looks as another engine draws it, page by page.

Two engines smooth edges in their own way, and set a line up to a pixel elsewhere. So both
pictures are blurred by one pixel, and a pixel agrees where a neighbour of it does. What is
tolerated then is `SHARE` of the pixels that differ by more than `UNLIKE` of 255 in a channel;
measured were 0.13 % at most, most pages under 0.01 %. And the page must be in its place: no
shift by two pixels may make it fit better. The size is exactly the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageFilter
from pixel_corpus import CORPUS
from programs import require
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID
from scp import UNCOMPRESSED, ScriptedSCP
from scripted_job import job

from dicom_printer import codec
from dicom_printer.actions import store
from dicom_printer.config import Pages, Remote
from dicom_printer.pages import Renderer

UNLIKE, SHARE = 32, 0.002
SHIFT = 2
Pixels = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


def stored(renderer: Renderer, document: Path, **settings: Any) -> list[Dataset]:
    """Send a document by a ``store`` step, and return what came, page by page."""
    step = store.Settings.model_validate({"action": "store", "remote": "pacs", **settings})
    syntaxes = (*UNCOMPRESSED, codec.JPEG_BASELINE)
    with ScriptedSCP(keep_datasets=True, transfer_syntaxes=syntaxes) as scp:
        address = {"ae_title": "SCRIPTED", "host": "127.0.0.1", "port": scp.port}
        remote = Remote.model_validate({"name": "pacs", **address})
        store.run(step, job(remotes={"pacs": remote}, renderer=renderer, document=document))
        found = []
        for each in scp.stores:
            assert each.dataset is not None
            each.dataset.file_meta = FileMetaDataset()
            each.dataset.file_meta.TransferSyntaxUID = UID(each.transfer_syntax)
            found.append(each.dataset)
        return found


def shown(ds: Dataset) -> Pixels:
    """Decode a dataset, as colours."""
    pixels = np.asarray(ds.pixel_array)
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)


def drawn(document: Path, dpi: int) -> list[Pixels]:
    """Return the pages as pdftoppm draws them."""
    require("pdftoppm")
    folder = document.with_suffix(f".{dpi}")
    folder.mkdir()
    command = ["pdftoppm", "-cropbox", "-r", str(dpi), str(document), str(folder / "page")]
    subprocess.run(command, check=True, timeout=120)
    return [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]


def difference(ours: Pixels, theirs: Pixels) -> str:
    """Return what tells two pictures of a page apart, "" where they agree."""
    if ours.shape != theirs.shape:
        return f"the size: {ours.shape} and {theirs.shape}"
    one, other = (Image.fromarray(p).filter(ImageFilter.BoxBlur(1)) for p in (ours, theirs))
    beyond = np.maximum(_beyond(one, other), _beyond(other, one))
    share = float((beyond.max(axis=-1) > UNLIKE).mean())
    if share > SHARE:
        return f"{share:.2%} of the pixels"
    here = _apart(ours, theirs)
    for axis in (0, 1):
        for shift in (-SHIFT, SHIFT):
            if _apart(np.roll(ours, shift, axis), theirs) < here:
                return f"the place: it fits better when shifted by {shift} along {axis}"
    return ""


def _beyond(one: Image.Image, other: Image.Image) -> Pixels:
    """Return how far each pixel is from what is next to it in the other picture."""
    pixels = np.asarray(one, np.int16)
    least = np.asarray(other.filter(ImageFilter.MinFilter(3)), np.int16)
    most = np.asarray(other.filter(ImageFilter.MaxFilter(3)), np.int16)
    return np.asarray(np.maximum(np.maximum(least - pixels, pixels - most), 0))


def _apart(one: Pixels, other: Pixels) -> float:
    """Return the mean difference, without the edges: what was shifted is wrapped there."""
    inside = (slice(2 * SHIFT, -2 * SHIFT),) * 2
    return float(np.abs(one[inside].astype(np.int16) - other[inside]).mean())


@pytest.mark.parametrize("dpi", [150, 300])
@pytest.mark.parametrize("kind", CORPUS)
def test_the_store_gets_what_poppler_draws(
    renderer: Renderer, tmp_path: Path, kind: str, dpi: int
) -> None:
    document = CORPUS[kind](tmp_path / "document.pdf")
    ours, theirs = stored(renderer, document, dpi=dpi), drawn(document, dpi)
    found = [difference(shown(ds), page) for ds, page in zip(ours, theirs, strict=True)]
    assert found == [""] * len(theirs)


@pytest.mark.parametrize("kind", ["text and charts", "scans", "rotation", "crop box", "gray"])
def test_two_pixels_to_any_side_are_seen(tmp_path: Path, kind: str) -> None:
    pages = drawn(CORPUS[kind](tmp_path / "document.pdf"), 150)
    for page in pages:
        shifted = [np.roll(page, shift, axis) for shift in (-2, 2) for axis in (0, 1)]
        assert [difference(each, page) for each in shifted].count("") == 0


def test_annotations_and_fields_that_are_missing_are_seen(tmp_path: Path) -> None:
    document = CORPUS["annotations and forms"](tmp_path / "document.pdf")
    (theirs,) = drawn(document, 150)
    with pypdfium2.PdfDocument(document) as pdf:
        how = {"scale": 150 / 72 * (1 - 1e-7), "rev_byteorder": True}
        bare = pdf[0].render(**how, draw_annots=False).to_numpy()
    assert bare.shape == theirs.shape
    assert "of the pixels" in difference(bare, theirs)


def test_a_scan_that_passes_through_has_the_pixels_of_the_pdf_s_own_image(
    renderer: Renderer, tmp_path: Path
) -> None:
    require("pdfimages")
    document = CORPUS["scans"](tmp_path / "document.pdf")
    subprocess.run(["pdfimages", "-j", str(document), str(tmp_path / "image")], check=True)
    own = sorted(tmp_path.glob("image-*.jpg"))
    assert len(own) == 2, "the colour and the gray JPEG"
    for ds, image in zip(
        stored(renderer, document, compression="jpeg", jpeg_process="baseline", dpi=150),
        own,
        strict=False,
    ):
        assert ds.file_meta.TransferSyntaxUID == codec.JPEG_BASELINE
        (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
        ours, theirs = (np.asarray(Image.open(BytesIO(d))) for d in (frame, image.read_bytes()))
        assert ours.shape == (875, 625, 3)[: ours.ndim]
        assert np.array_equal(ours, theirs)
