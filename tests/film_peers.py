"""Film printers that are not ours: DCMTK's dcmprscp (gray), one on dcmjs-dimse (gray, colour).

Both say what came out of them, film by film::

    with dcmprscp(tmp_path / "printer") as printer:
        print_to(printer.port)
        assert printer.films()[0].images[0].shape == (3300, 2550)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from programs import absent, require
from real_peers import Peer

NODE_PEER = Path(__file__).parent / "film_peer"

_PRINT_CFG = r"""
[[GENERAL]]
[APPLICATION]
LogDirectory = {directory}/log
[PRINT]
Directory = {directory}/spool
BinaryLog = false
DetailedLog = true
DeletePrintJobs = false
[DATABASE]
Directory = {directory}/database
[NETWORK]
aetitle = DCMPSTATE
[[COMMUNICATION]]
[PRT]
Aetitle = PRT
Description = test
Hostname = localhost
Port = {port}
Type = LOCALPRINTER
MaxPDU = 32768
DisableNewVRs = false
ImplicitOnly = {implicit}
DisplayFormat=1,1\1,2\2,2\2,3\3,3
FilmDestination = MAGAZINE\PROCESSOR\BIN_1\BIN_2
FilmSizeID = A4\8INX10IN\11INX14IN\14INX17IN
MediumType = PAPER\CLEAR FILM\BLUE FILM
MagnificationType = REPLICATE\BILINEAR\CUBIC\NONE
SmoothingType = NONE
BorderDensity = 150\20\BLACK\WHITE
EmptyImageDensity = 20\BLACK\WHITE
MaxDensity = 320
MinDensity = 20
ResolutionID = STANDARD\HIGH
Supports12Bit = true
SupportsDecimateCrop = true
SupportsImageSize = true
SupportsPresentationLUT = true
PresentationLUTMatchRequired = false
PresentationLUTinFilmSession = {lut_in_session}
SupportsTrim = true
OmitSOPClassUIDFromCreateResponse = {omit}
"""


@dataclass(frozen=True, eq=False)
class PrintedFilm:
    """A film that came out of a printer.

    Attributes
    ----------
    box : dict
        The film box's attributes, by keyword.
    images : list of numpy.ndarray or None
        What stands in each image box, by position; None where nothing does.
    attributes : list of dict
        Of each image box.
    """

    box: dict[str, Any]
    images: list[np.ndarray | None]
    attributes: list[dict[str, Any]]
    session: dict[str, Any]
    annotations: list[dict[str, Any] | None]


class DcmPrSCP(Peer):
    """DCMTK's print SCP: Basic Grayscale, 8 and 12 bit, and Presentation LUT."""

    ae_title = "PRT"

    def __init__(self, directory: Path, **settings: bool) -> None:
        super().__init__(directory)
        self.settings = {"implicit": False, "lut_in_session": False, "omit": False} | settings
        self._images: dict[str, Path] = {}
        (directory / "spool").mkdir()
        (directory / "database").mkdir()

    def command(self) -> list[str]:
        words = {name: str(value).lower() for name, value in self.settings.items()}
        text = _PRINT_CFG.format(directory=self.directory, port=self.port, **words)
        (self.directory / "print.cfg").write_text(text)
        return ["dcmprscp", "-v", "+d", "-c", str(self.directory / "print.cfg"), "-p", "PRT"]

    def films(self, first: int = 0) -> list[PrintedFilm]:
        """Return what was printed, in its order, from a film on: each leaves a Stored Print."""
        found = sorted((self.directory / "database").glob("SP_*.dcm"), key=_written)
        return [self._film(pydicom.dcmread(path)) for path in found[first:]]

    def count(self) -> int:
        """Return how many films were printed."""
        return len(list((self.directory / "database").glob("SP_*.dcm")))

    def images_received(self) -> int:
        """Return how many images came, on films that were printed and on others."""
        return len(list((self.directory / "database").glob("HG_*.dcm")))

    def _film(self, stored: pydicom.Dataset) -> PrintedFilm:
        box = stored.FilmBoxContentSequence[0]
        images: dict[int, np.ndarray] = {}
        attributes = []
        for item in stored.ImageBoxContentSequence:
            (reference,) = item.ReferencedImageSequence
            path = self._hardcopies()[str(reference.ReferencedSOPInstanceUID)]
            images[int(item.ImageBoxPosition)] = pydicom.dcmread(path).pixel_array
            attributes.append({e.keyword: e.value for e in item if e.VR != "SQ"})
        count = max(images, default=0)
        return PrintedFilm(
            box={e.keyword: e.value for e in box if e.VR != "SQ"},
            images=[images.get(i) for i in range(1, count + 1)],
            attributes=attributes,
            session={},
            annotations=[],
        )

    def _hardcopies(self) -> dict[str, Path]:
        """Return the images that came, by UID; each file is read once."""
        known = set(self._images.values())
        for path in (self.directory / "database").glob("HG_*.dcm"):
            if path not in known:
                uid = pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID
                self._images[str(uid)] = path
        return self._images


def _written(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name


class JsPrinter(Peer):
    """The printer of ``film_peer/print_scp.js``; ``environment`` as it is described there."""

    ae_title = "JSPRT"

    def __init__(self, directory: Path, **environment: str) -> None:
        super().__init__(directory)
        self.environment = environment

    def command(self) -> list[str]:
        words = [f"{name}={value}" for name, value in self.environment.items()]
        return ["env", *words, "node", str(NODE_PEER / "print_scp.js"), str(self.port),
                str(self.directory)]  # fmt: skip

    def log_entries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the requests that came, of one kind (NCreate, NSet …) or all."""
        path = self.directory / "log.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [e for e in map(json.loads, lines) if kind in {"", e["kind"]}]

    def films(self, first: int = 0) -> list[PrintedFilm]:
        """Return what was printed, in its order, from a film on."""
        return [self._film(number) for number in range(first + 1, self.count() + 1)]

    def count(self) -> int:
        """Return how many films were printed."""
        return len(list(self.directory.glob("film-*.json")))

    def _film(self, number: int) -> PrintedFilm:
        told = json.loads((self.directory / f"film-{number}.json").read_text())
        return PrintedFilm(
            box=told["box"],
            images=[self._pixels(image) for image in told["images"]],
            attributes=[image or {} for image in told["images"]],
            session=told["session"],
            annotations=told["annotations"],
        )

    def _pixels(self, told: dict[str, Any] | None) -> np.ndarray | None:
        if told is None:
            return None
        image = told["image"]
        raw = (self.directory / told["file"]).read_bytes()
        kind = np.dtype("<u2") if image["BitsAllocated"] == 16 else np.dtype("u1")
        shape: tuple[int, ...] = (image["Rows"], image["Columns"])
        if image["SamplesPerPixel"] == 3:
            assert image["PlanarConfiguration"] == 1
            shape = (3, *shape)
        size = int(np.prod(shape)) * kind.itemsize
        assert len(raw) == size + size % 2
        pixels = np.frombuffer(raw[:size], kind).reshape(shape)
        return np.moveaxis(pixels, 0, 2) if len(shape) == 3 else pixels


@contextmanager
def dcmprscp(directory: Path, **settings: bool) -> Iterator[DcmPrSCP]:
    """Run dcmprscp; ``settings`` are ``implicit``, ``lut_in_session`` and ``omit``."""
    require("dcmprscp")
    directory.mkdir(parents=True, exist_ok=True)
    with DcmPrSCP(directory, **settings) as peer:
        yield peer


@contextmanager
def js_printer(directory: Path, **environment: str) -> Iterator[JsPrinter]:
    """Run the printer on dcmjs-dimse."""
    require("node")
    if not (NODE_PEER / "node_modules" / "dcmjs-dimse").is_dir():
        absent("tests/film_peer has no node_modules (`npm ci` there; `make test` does it)")
    directory.mkdir(parents=True, exist_ok=True)
    with JsPrinter(directory, **environment) as peer:
        yield peer
