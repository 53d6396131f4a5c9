"""Compressed pages: what stands in a frame, and its pixels by decoders that are not ours.

None of the decoders encoded it: ``dcmdrle`` and ``dcmdjpeg`` of DCMTK, and ``gdcmconv``.
"""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from documents import picture
from programs import require
from pydicom import Dataset
from pydicom.encaps import generate_frames

from dicom_printer.gray import to_gray

RLE = "1.2.840.10008.1.2.5"
SYNTAXES = {
    "rle": RLE,
    "jpeg-baseline": "1.2.840.10008.1.2.4.50",
    "jpeg-extended": "1.2.840.10008.1.2.4.51",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
}
KINDS = ("gray8", "gray12", "rgb")
_numbers = itertools.count()


def page(kind: str, size: tuple[int, int] = (211, 157)) -> np.ndarray:
    """Return a page with text, edges and a gradient, of an odd width."""
    rgb = np.asarray(picture(3, size))
    return rgb if kind == "rgb" else to_gray(rgb, 12 if kind == "gray12" else 8)


@dataclass(frozen=True)
class Header:
    """What a JPEG's frame and scan headers say (ITU-T T.81 sections B.2.2 and B.2.3)."""

    marker: int
    precision: int
    rows: int
    columns: int
    sampling: list[int]
    selection: int


def header(frame: bytes) -> Header:
    """Return the headers of a JPEG frame."""
    at, found = 2, None
    while True:
        assert frame[at] == 0xFF
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        body = frame[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xC3:
            sides = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            found = (marker, body[0], *sides, list(body[7::3]))
        elif marker == 0xDA:
            assert found is not None
            return Header(*found, selection=body[1 + 2 * body[0]])
        at += 2 + length


def frame_of(ds: Dataset) -> bytes:
    """Return the only frame of an encapsulated dataset."""
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    return frame


def decoded(ds: Dataset, directory: Path) -> np.ndarray:
    """Return the pixels, gray or RGB, after DCMTK and GDCM have agreed on them."""
    file = directory / f"compressed{next(_numbers)}.dcm"
    ds.save_as(file, enforce_file_format=True)
    return decoded_file(file)


def decoded_file(file: Path) -> np.ndarray:
    """Return the pixels of a compressed file, after DCMTK and GDCM have agreed on them."""
    syntax = str(pydicom.dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    lossless = syntax in {RLE, SYNTAXES["jpeg-lossless"]}
    dcmtk = "dcmdrle" if syntax == RLE else "dcmdjpeg"
    one = _run([dcmtk], file, ".dcmtk")
    other = _run(["gdcmconv", "--raw"], file, ".gdcm")
    # two decoders may round a lossy image differently, and bring chroma up differently
    most = 0 if lossless else 0.01 * (4095 if one.dtype == np.uint16 else 255)
    assert np.abs(one.astype(int) - other).mean() <= most
    return one


def _run(command: list[str], file: Path, suffix: str) -> np.ndarray:
    require(command[0])
    out = file.with_suffix(suffix)
    done = subprocess.run(
        [*command, str(file), str(out)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    ds = pydicom.dcmread(out)
    assert not ds.file_meta.TransferSyntaxUID.is_compressed
    out.unlink()
    return ds.pixel_array  # which turns YBR_FULL into RGB
