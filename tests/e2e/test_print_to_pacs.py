"""From the print dialog to the PACS: real ``lp``, a private cupsd, the service, two real stores.

Whatever arrives is judged by dciodvfy, and its pixels by an independent rendering.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import documents
import numpy as np
import pytest
from cups_fixtures import wait_for
from dicom_checks import assert_dciodvfy_clean
from PIL import Image
from pixels import assert_same_pages, rendered
from programs import require
from pydicom import FileDataset, dcmread
from real_peers import Orthanc, StoreSCP
from running_service import RunningService

from dicom_printer.demo.cupsd import PrivateCups

ENDED = {"done", "held", "discarded"}
PACS_DPI = 150  # what a store step has where it states nothing
ARCHIVE_DPI = 72
CONFIG = """\
[service]
spool = "spool"
settle = "0.2s"

[defaults]
SeriesDescription = "{{job.title}}"
InstitutionName = "Invented Hospital"

[remote.pacs]
ae_title = "ORTHANC"
host = "127.0.0.1"
port = {pacs}

[remote.archive]
ae_title = "STORESCP"
host = "127.0.0.1"
port = {archive}

[printer.DICOM_Printer]
workflow = "everywhere"
ask = ["PatientID"]
hot_folders = ["scans"]

[printer.Modes]
workflow = "modes"

[[workflow.everywhere]]
action = "parse"
from = "title"
pattern = 'ACC(?P<AccessionNumber>\\w+)'

[[workflow.everywhere]]
action = "store"
remote = "pacs"

[[workflow.everywhere]]
action = "store"
remote = "archive"
dpi = 72
mode = "color"

[[workflow.modes]]
action = "store"
remote = "archive"
dpi = 50
mode = "gray"

[[workflow.modes]]
action = "store"
remote = "archive"
dpi = 72
mode = "color"

[[workflow.modes]]
action = "store"
remote = "archive"
dpi = 100
mode = "auto"
"""


@dataclass
class Arrived:
    """A job, and its datasets as the two stores have them, by instance number."""

    job: dict[str, Any]
    document: Path
    pacs: list[FileDataset]
    archive: list[FileDataset]

    def assert_whole(self, pages: int) -> None:
        """Fail unless every page is at both stores, in one study and series at each."""
        assert (self.job["pages"], self.job["accepted"]) == (pages, pages)
        assert len({ds.StudyInstanceUID for ds in self.pacs + self.archive}) == 1
        for store in (self.pacs, self.archive):
            assert [ds.InstanceNumber for ds in store] == list(range(1, pages + 1))
            assert len({ds.SOPInstanceUID for ds in store}) == pages
            assert len({ds.SeriesInstanceUID for ds in store}) == 1

    def assert_shows(self, pdf: Path, numbers: list[int] | None = None) -> None:
        """Fail unless both stores have the pages of a PDF, or those of the given numbers."""
        for store, dpi in ((self.pacs, PACS_DPI), (self.archive, ARCHIVE_DPI)):
            pages = rendered(pdf, dpi)
            expected = [pages[n - 1] for n in numbers] if numbers else pages
            assert_same_pages([ds.pixel_array for ds in store], expected)


@dataclass
class Site:
    """Everything that runs, and what was seen of it already."""

    directory: Path
    cups: PrivateCups
    service: RunningService
    pacs: Orthanc
    archive: StoreSCP
    jobs: set[str] = field(default_factory=set)
    received: set[Path] = field(default_factory=set)

    def lp(self, *args: str | Path, printer: str = "DICOM_Printer", jobs: int = 1) -> list[Arrived]:
        """Print; return the jobs that come of it when CUPS has nothing left to do."""
        self.cups.lp("-d", printer, *map(str, args))
        wait_for(lambda: not self.cups.run("lpstat", "-o"), "CUPS to hand everything over")
        return self.arrived(jobs)

    def printed(self, *args: str | Path) -> Arrived:
        """Print what is one job."""
        (found,) = self.lp(*args)
        return found

    def arrived(self, count: int) -> list[Arrived]:
        """Return what is new, when the service has nothing left to do."""

        def idle(jobs: list[dict[str, Any]]) -> bool:
            incoming, adopted = (
                {path.name for path in (self.service.spool / name).iterdir()}
                for name in ("incoming", "jobs")
            )
            return not incoming and {j["id"] for j in jobs if j["state"] in ENDED} >= adopted

        jobs = [job for job in self.service.wait_until(idle) if job["id"] not in self.jobs]
        self.jobs |= {job["id"] for job in jobs}
        pacs, archive = self._new(self._from_pacs()), self._new(self.archive.directory)
        assert [(job["state"], job["error"]) for job in jobs] == [("done", "")] * count
        found = [self._of(job, pacs, archive) for job in jobs]
        assert len(pacs) == sum(len(one.pacs) for one in found)
        assert len(archive) == sum(len(one.archive) for one in found)
        for ds in pacs + archive:
            assert_dciodvfy_clean(Path(str(ds.filename)))
        return found

    def _of(self, job: dict[str, Any], *stores: list[FileDataset]) -> Arrived:
        uids = {one["sop_instance_uid"] for one in self.service.show(job["id"])["instances"]}
        document = next((self.service.spool / "jobs" / job["id"]).glob("document.*"))
        pacs, archive = ([ds for ds in store if ds.SOPInstanceUID in uids] for store in stores)
        return Arrived(job, document, pacs, archive)

    def _from_pacs(self) -> Path:
        """Fetch what Orthanc has; return where it lies."""
        place = self.directory / "from-pacs"
        place.mkdir(exist_ok=True)
        for identifier in self.pacs.instances():
            if not (place / identifier).exists():
                (place / identifier).write_bytes(self.pacs.file(identifier))
        return place

    def _new(self, place: Path) -> list[FileDataset]:
        """Read the files that are new, by instance number."""
        new = set(place.iterdir()) - self.received
        self.received |= new
        return sorted(map(dcmread, new), key=lambda ds: int(ds.InstanceNumber))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start everything once."""
    require("cupsd", "lp", "lpstat", "Orthanc", "storescp", "dciodvfy", "pdftoppm")
    directory = tmp_path_factory.mktemp("site")
    (directory / "scans").mkdir()
    with (
        Orthanc(directory / "orthanc") as pacs,
        StoreSCP(directory / "storescp") as archive,
        PrivateCups() as cups,
        RunningService(
            directory,
            CONFIG.format(pacs=pacs.port, archive=archive.port),
            {"CUPS_SERVER": str(cups.socket)},
        ) as service,
    ):
        installed = service.cli("printers", "install").stdout.splitlines()
        assert installed == ["DICOM_Printer created", "Modes created"]
        yield Site(directory, cups, service, pacs, archive)


# With lp


def test_pages_of_every_size_and_way_round(site: Site, tmp_path: Path) -> None:
    pdf = documents.sizes(tmp_path / "sizes.pdf")
    arrived = site.printed(pdf)
    arrived.assert_whole(len(documents.SIZES))
    arrived.assert_shows(pdf)
    assert arrived.pacs[0].InstitutionName == "Invented Hospital"


def test_a_pdf_comes_through_cups_untouched(site: Site, tmp_path: Path) -> None:
    pdf = documents.report(tmp_path / "report.pdf", pages=2)
    arrived = site.printed(pdf)
    assert arrived.document.read_bytes() == pdf.read_bytes()
    arrived.assert_whole(2)
    arrived.assert_shows(pdf)


@pytest.mark.parametrize("make", [documents.png, documents.jpeg])
def test_a_picture(site: Site, tmp_path: Path, make: Any) -> None:
    arrived = site.printed(make(tmp_path / "picture"))
    arrived.assert_whole(1)
    arrived.assert_shows(arrived.document)
    (image,) = said_by("pdfimages", "-list", arrived.document).splitlines()[2:]
    assert image.split()[3:6] == ["320", "200", "rgb"]


def test_plain_text(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text("".join(f"line {n} of an invented report\n" for n in range(1, 101)))
    arrived = site.printed(file)
    arrived.assert_whole(2)
    arrived.assert_shows(arrived.document)
    # texttopdf leaves no text that could be read back: count the lines that can be seen
    assert sum(lines_in(ds.pixel_array) for ds in arrived.pacs) == 100


def test_postscript(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "report.ps"
    page = "/Helvetica findfont 40 scalefont setfont 90 {0} moveto (page {1}) show showpage\n"
    file.write_text(
        "%!PS-Adobe-3.0\n%%Pages: 3\n"
        + "".join(f"%%Page: {n} {n}\n" + page.format(200 * n, n) for n in (1, 2, 3))
        + "%%EOF\n"
    )
    arrived = site.printed(file)
    arrived.assert_whole(3)
    arrived.assert_shows(arrived.document)
    assert said_by("pdftotext", arrived.document, "-").split() == [
        "page",
        "1",
        "page",
        "2",
        "page",
        "3",
    ]


@pytest.mark.parametrize(
    ("option", "numbers"), [("page-ranges=2-3", [2, 3]), ("page-set=even", [2, 4])]
)
def test_only_some_pages(site: Site, tmp_path: Path, option: str, numbers: list[int]) -> None:
    pdf = documents.report(tmp_path / "report.pdf", pages=5)
    arrived = site.printed("-o", option, pdf)
    arrived.assert_whole(len(numbers))
    arrived.assert_shows(pdf, numbers)


def test_two_files_at_once_are_two_jobs(site: Site, tmp_path: Path) -> None:
    one = documents.report(tmp_path / "one.pdf", pages=1)
    two = documents.gray(tmp_path / "two.pdf", pages=2)
    found = site.lp(one, two, jobs=2)
    for arrived, pdf, pages in zip(found, (one, two), (1, 2), strict=True):
        arrived.assert_whole(pages)
        arrived.assert_shows(pdf)


@pytest.mark.parametrize("kind", ["pdf", "png", "txt", "ps"])
def test_copies_are_not_sent_twice(site: Site, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"file.{kind}"
    if kind == "pdf":
        documents.report(file, pages=1)
    elif kind == "png":
        documents.png(file)
    else:
        file.write_text("%!PS-Adobe-3.0\n9 9 99 99 rectfill showpage\n" if kind == "ps" else "x\n")
    site.printed("-n", "2", file).assert_whole(1)


def test_a_title_of_any_characters_survives(site: Site, tmp_path: Path) -> None:
    title = """Müller Ωμέγα "a" 'b' back\\slash $(id) %n {PatientID};&"""
    arrived = site.printed("-t", title, documents.report(tmp_path / "a.pdf", pages=1))
    assert arrived.job["title"] == title
    for (ds,) in (arrived.pacs, arrived.archive):
        assert ds.SpecificCharacterSet == "ISO_IR 192"
        # a backslash would begin a second value
        assert ds.SeriesDescription == title.replace("\\", "/")


@pytest.mark.parametrize(
    ("typed", "patient"),
    [
        ("Custom.4711", "4711"),
        ("4711", "4711"),
        ("'Custom.PID 4711-Ü'", "PID 4711-Ü"),
        ("None", ""),
    ],
)
def test_what_was_typed_into_the_dialog_is_in_the_dataset(
    site: Site, tmp_path: Path, typed: str, patient: str
) -> None:
    pdf = documents.report(tmp_path / "a.pdf", pages=1)
    arrived = site.printed("-o", f"PatientID={typed}", "-t", "Report ACC20261 of today", pdf)
    for (ds,) in (arrived.pacs, arrived.archive):
        assert (ds.PatientID, ds.AccessionNumber) == (patient, "20261")


def test_what_was_not_asked_for_stays_out_of_the_dataset(site: Site, tmp_path: Path) -> None:
    pdf = documents.report(tmp_path / "a.pdf", pages=1)
    options = ["PatientName=Custom.Mallory", "AccessionNumber=666", "StationName=Evil"]
    arrived = site.printed(*(word for option in options for word in ("-o", option)), pdf)
    shown = json.loads(site.service.cli("show", arrived.job["id"], "--json").stdout)
    assert {"=".join(pair) for pair in shown["ticket"]["options"]} >= set(options)
    for (ds,) in (arrived.pacs, arrived.archive):
        assert (ds.PatientName, ds.AccessionNumber) == ("", "")
        assert "StationName" not in ds


def test_each_step_has_its_own_mode_and_resolution(site: Site, tmp_path: Path) -> None:
    files = documents.report(tmp_path / "a.pdf", pages=1), documents.gray(tmp_path / "b.pdf", 1)
    for file, auto in zip(files, (3, 1), strict=True):
        (found,) = site.lp(file, printer="Modes")
        # A4 is 595.28 x 841.89 points; the last row and column may be cut
        sizes = {
            (ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation)
            for ds in found.archive
        }
        assert sizes == {
            (585, 414, 1, "MONOCHROME2"),
            (842, 596, 3, "RGB"),
            (1170, 827, auto, "RGB" if auto == 3 else "MONOCHROME2"),
        }
        assert len({ds.SeriesInstanceUID for ds in found.archive}) == 3
        assert len({ds.StudyInstanceUID for ds in found.archive}) == 1
        for ds in found.archive:
            dpi = round(25.4 / ds.NominalScannedPixelSpacing[0])
            assert_same_pages([ds.pixel_array], rendered(file, dpi))


# With a hot folder


def test_files_dropped_into_a_hot_folder(site: Site, tmp_path: Path) -> None:
    scans = site.directory / "scans"
    pictures = {
        "photo": [np.asarray(Image.open(documents.jpeg(tmp_path / "photo.jpg")))],
        "shot": [np.asarray(Image.open(documents.png(tmp_path / "shot.png")))],
        "fax": [np.asarray(documents.picture(number)) for number in (1, 2, 3)],
    }
    documents.tiff(tmp_path / "fax.tiff", pages=3)
    documents.report(tmp_path / "lower.pdf", pages=2)
    documents.gray(tmp_path / "UPPER.PDF", pages=1)
    for name in ("photo.jpg", "shot.png", "fax.tiff", "lower.pdf", "UPPER.PDF"):
        # the fax arrives in a folder of its own
        folder = scans / "from fax" if name.startswith("fax") else scans
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes((tmp_path / name).read_bytes())
    wait_for(lambda: not any(path.is_file() for path in scans.rglob("*")), "the files to go")
    found = {arrived.job["title"]: arrived for arrived in site.arrived(5)}
    assert {arrived.job["source"] for arrived in found.values()} == {"hot folder"}
    for title, expected in pictures.items():
        found[title].assert_whole(len(expected))
        for store in (found[title].pacs, found[title].archive):
            for ds, picture in zip(store, expected, strict=True):
                assert np.array_equal(ds.pixel_array, picture)
    assert found["fax"].pacs[0].NominalScannedPixelSpacing == [0.127, 0.127]  # 200 dpi
    for title, pages, name in (("lower", 2, "lower.pdf"), ("UPPER", 1, "UPPER.PDF")):
        found[title].assert_whole(pages)
        found[title].assert_shows(tmp_path / name)


# With the command line


def test_submit_and_look(site: Site, tmp_path: Path) -> None:
    pdf = documents.report(tmp_path / "report.pdf", pages=2)
    setting = "PatientID=Äpfel 4711"
    options = ["-p", "DICOM_Printer", "-t", "Befund", "--set", setting, "--wait", "--json"]
    (job,) = json.loads(site.service.cli("submit", str(pdf), *options).stdout)
    (arrived,) = site.arrived(1)
    assert (job["id"], job["state"]) == (arrived.job["id"], "done")
    assert {ds.PatientID for ds in arrived.pacs + arrived.archive} == {"Äpfel 4711"}
    arrived.assert_whole(2)
    arrived.assert_shows(pdf)

    site.service.cli("preview", job["id"][:12], "--page", "2", "-o", str(tmp_path / "2.png"))
    with Image.open(tmp_path / "2.png") as preview:
        assert np.array_equal(np.asarray(preview), arrived.pacs[1].pixel_array)

    shown = json.loads(site.service.cli("show", job["id"][:12], "--json").stdout)
    assert shown["attributes"] == {"PatientID": "Äpfel 4711"}
    assert shown["ticket"]["title"] == "Befund"
    assert [step["action"] for step in shown["workflow"]] == ["parse", "store", "store"]
    accepted = {(one["remote"], one["page"], one["sop_instance_uid"]) for one in shown["instances"]}
    assert accepted == {
        (remote, ds.InstanceNumber, ds.SOPInstanceUID)
        for remote, store in (("pacs", arrived.pacs), ("archive", arrived.archive))
        for ds in store
    }
    assert [event["what"] for event in shown["events"]][-1] == "done"


def test_the_tables_for_programs(site: Site, tmp_path: Path) -> None:
    site.printed(documents.report(tmp_path / "a.pdf", pages=1))
    jobs = site.service.jobs()
    assert json.loads(site.service.cli("jobs", "--json").stdout) == jobs
    assert json.loads(site.service.cli("jobs", "--state", "held", "--json").stdout) == []

    status = json.loads(site.service.cli("status", "--check", "--json").stdout)
    assert (status["service"], status["healthy"], status["troubles"]) == ("running", True, [])
    for name, printer in status["printers"].items():
        assert printer["done"] == sum(job["printer"] == name for job in jobs)
        assert printer["held"] == printer["ready"] == 0
    assert {name: remote["up"] for name, remote in status["remotes"].items()} == {
        "pacs": True,
        "archive": True,
    }

    rows = json.loads(site.service.cli("echo", "pacs", "archive", "--json").stdout)
    assert [(row["remote"], row["state"]) for row in rows] == [("pacs", "up"), ("archive", "up")]

    queues = json.loads(site.service.cli("printers", "list", "--json").stdout)
    assert {row["printer"]: row["queue"] for row in queues} == {
        "DICOM_Printer": "idle",
        "Modes": "idle",
    }


def lines_in(pixels: np.ndarray) -> int:
    """Return how many lines of text a gray page shows: runs of rows with ink."""
    ink = np.any(pixels < 128, axis=1)
    return int(ink[0]) + int(np.count_nonzero(ink[1:] & ~ink[:-1]))


def said_by(program: str, *args: str | Path) -> str:
    """Return what one of poppler's programs prints."""
    require(program)
    command = [program, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
