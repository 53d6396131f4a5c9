"""Pages on film at printers that are not ours: DCMTK's dcmprscp, and one on dcmjs-dimse.

What the printer got is compared pixel by pixel with the page that was rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import film_peers
import numpy as np
import pytest
from film_peers import DcmPrSCP, JsPrinter, PrintedFilm
from printed_job import PrintedJob, imager, step

from dicom_printer import film
from dicom_printer.cli import main
from dicom_printer.config import Pages
from dicom_printer.gray import to_gray
from dicom_printer.jobs.store import Store
from dicom_printer.pages import How, Renderer
from dicom_printer.spool import Spool

DPI = 60
PEERS = ("dcmprscp", "js")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


@pytest.fixture(scope="module", params=PEERS)
def peer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DcmPrSCP | JsPrinter]:
    start = film_peers.dcmprscp if request.param == "dcmprscp" else film_peers.js_printer
    with start(tmp_path_factory.mktemp("film") / "printer") as made:
        yield made


@pytest.fixture(scope="module")
def js(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JsPrinter]:
    with film_peers.js_printer(tmp_path_factory.mktemp("film") / "printer") as made:
        yield made


@pytest.fixture
def job(spool: Spool, store: Store, renderer: Renderer) -> PrintedJob:
    return PrintedJob(spool, store, renderer, imager(1))


def printed(
    job: PrintedJob, peer: DcmPrSCP | JsPrinter, document: Path, **settings: Any
) -> list[PrintedFilm]:
    """Print a document and return the films that came out."""
    before = peer.count()
    job.remote = imager(peer.port, peer.ae_title)
    job.add(document, step(**{"dpi": DPI, **settings}), PatientName="Invented^Name")
    shown = job.run()
    assert (shown["state"], shown["error"]) == ("done", "")
    return peer.films(before)


def rendered(renderer: Renderer, document: Path, bits: int | None) -> list[np.ndarray]:
    """Return the pages as they should stand on the film."""
    numbers = range(1, renderer.count(document) + 1)
    pages = renderer.stream(document, list(numbers), How(dpi=DPI, mode="color"))
    return [page.pixels if bits is None else to_gray(page.pixels, bits) for page in pages]


def assert_same(films: list[PrintedFilm], expected: list[np.ndarray], room: int) -> None:
    """Compare every image with its page, and see that nothing else is on a film."""
    assert len(films) == -(-len(expected) // room)
    images = [image for each in films for image in each.images if image is not None]
    assert len(images) == len(expected)
    for image, page in zip(images, expected, strict=True):
        assert np.array_equal(image, page)
    for number, each in enumerate(films):
        on_it = expected[number * room : (number + 1) * room]
        assert sum(image is not None for image in each.images) == len(on_it)
        assert all(image is not None for image in each.images[: len(on_it)]), "in their order"


@pytest.mark.parametrize("level", ["session", "film_box"])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize(("layout", "room"), [(r"STANDARD\1,1", 1), (r"STANDARD\2,2", 4)])
@pytest.mark.parametrize("pages", [1, 3, 7])
def test_gray_films(
    job: PrintedJob, peer: DcmPrSCP | JsPrinter, renderer: Renderer, tmp_path: Path,
    pages: int, layout: str, room: int, bits: int, level: str,
) -> None:  # fmt: skip
    document = documents.report(tmp_path / "document.pdf", pages=pages)
    films = printed(
        job, peer, document, bits=bits, print_level=level, film_box={"ImageDisplayFormat": layout}
    )
    assert_same(films, rendered(renderer, document, bits), room)
    assert {each.box["ImageDisplayFormat"] for each in films} == {layout}


@pytest.mark.parametrize("level", ["session", "film_box"])
@pytest.mark.parametrize(("layout", "room"), [(r"STANDARD\1,1", 1), (r"STANDARD\2,2", 4)])
@pytest.mark.parametrize("pages", [1, 3, 7])
def test_colour_films(
    job: PrintedJob, js: JsPrinter, renderer: Renderer, tmp_path: Path,
    pages: int, layout: str, room: int, level: str,
) -> None:  # fmt: skip
    document = documents.report(tmp_path / "document.pdf", pages=pages)
    films = printed(
        job, js, document, mode="color", print_level=level, film_box={"ImageDisplayFormat": layout}
    )
    assert_same(films, rendered(renderer, document, None), room)
    image = films[0].attributes[0]["image"]
    assert (image["PhotometricInterpretation"], image["PlanarConfiguration"]) == ("RGB", 1)


def test_the_film_turns_with_the_page(
    job: PrintedJob, peer: DcmPrSCP | JsPrinter, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.sizes(tmp_path / "document.pdf")
    films = printed(job, peer, document, bits=12)
    expected = rendered(renderer, document, 12)
    assert_same(films, expected, 1)
    wide = [page.shape[1] > page.shape[0] for page in expected]
    assert len(set(wide)) == 2
    assert [each.box["FilmOrientation"] == "LANDSCAPE" for each in films] == wide


def test_on_a_film_for_several_pages_each_stands_upright(
    job: PrintedJob, peer: DcmPrSCP | JsPrinter, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.sizes(tmp_path / "document.pdf")
    box = {"ImageDisplayFormat": r"STANDARD\2,2", "FilmOrientation": "LANDSCAPE"}
    films = printed(job, peer, document, film_box=box)
    assert_same(films, rendered(renderer, document, 8), 4)
    assert {each.box["FilmOrientation"] for each in films} == {"LANDSCAPE"}


def test_a_page_is_made_small_enough(
    job: PrintedJob, peer: DcmPrSCP | JsPrinter, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "document.pdf", pages=1)
    ((each,)) = printed(job, peer, document, max_pixels=[200, 300])
    (page,) = rendered(renderer, document, None)
    assert each.images[0] is not None
    assert each.images[0].shape[1] == 200
    assert 280 < each.images[0].shape[0] <= 285
    assert np.array_equal(each.images[0], to_gray(film.fitted(page, (200, 300)), 8))


SESSION = {
    "NumberOfCopies": 2, "PrintPriority": "HIGH", "MediumType": "BLUE FILM",
    "FilmDestination": "PROCESSOR", "FilmSessionLabel": "{PatientName}", "MemoryAllocation": 4096,
    "OwnerID": "WARD 3",
}  # fmt: skip
BOX = {
    "ImageDisplayFormat": r"STANDARD\1,2", "FilmOrientation": "LANDSCAPE",
    "FilmSizeID": "14INX17IN", "MagnificationType": "CUBIC", "SmoothingType": "NONE",
    "BorderDensity": "BLACK", "EmptyImageDensity": "WHITE", "MinDensity": 20, "MaxDensity": 320,
    "Trim": "YES", "ConfigurationInformation": r"CS000\LUT=1,2", "Illumination": 2000,
    "ReflectedAmbientLight": 10, "RequestedResolutionID": "HIGH",
}  # fmt: skip
IMAGE = {
    "Polarity": "REVERSE", "MagnificationType": "BILINEAR", "SmoothingType": "NONE",
    "ConfigurationInformation": "CS001", "RequestedImageSize": "200.5",
    "RequestedDecimateCropBehavior": "DECIMATE", "MinDensity": 20, "MaxDensity": 300,
}  # fmt: skip


def same(told: Any, stated: object) -> bool:
    return str(told) == str(stated) or float(told) == float(str(stated))


def test_every_attribute_of_the_three_modules_arrives(
    job: PrintedJob, js: JsPrinter, tmp_path: Path
) -> None:
    document = documents.gray(tmp_path / "document.pdf", pages=2)
    box = {**BOX, "AnnotationDisplayFormatID": "LABEL"}
    tables = [(SESSION, film.SESSION), (box, film.FILM_BOX), (IMAGE, film.IMAGE_BOX)]
    assert all(set(stated) == known for stated, known in tables)
    (each,) = printed(
        job, js, document, film_session=SESSION, film_box=box, image_box=IMAGE,
        annotations=["", "{PatientName} {job.printer}"], presentation_lut="LIN OD",
    )  # fmt: skip
    session = SESSION | {"FilmSessionLabel": "Invented^Name"}
    assert all(same(each.session[name], value) for name, value in session.items())
    assert all(same(each.box[name], value) for name, value in box.items())
    for attributes in each.attributes:
        assert all(same(attributes[name], value) for name, value in IMAGE.items())
    assert each.annotations[0] is None
    assert each.annotations[1] is not None
    assert each.annotations[1]["TextString"] == "Invented^Name DICOM_Printer"
    (lut,) = [e for e in js.log_entries("NCreate") if e["sopClass"] == "1.2.840.10008.5.1.1.23"]
    assert lut["elements"]["PresentationLUTShape"] == "LIN OD"
    assert "ReferencedPresentationLUTSequence" in each.box


def test_dcmprscp_takes_every_attribute_it_knows(job: PrintedJob, tmp_path: Path) -> None:
    document = documents.gray(tmp_path / "document.pdf", pages=2)
    # it has no ConfigurationInformation, no densities of image boxes, and counts the places
    # of a film that lies on its side the other way round
    box = BOX | {"ImageDisplayFormat": r"STANDARD\2,2"}
    del box["ConfigurationInformation"]
    unknown = {"MinDensity", "MaxDensity", "ConfigurationInformation"}
    image = {name: value for name, value in IMAGE.items() if name not in unknown}
    with film_peers.dcmprscp(tmp_path / "printer") as peer:
        (each,) = printed(
            job, peer, document, film_session=SESSION, film_box=box, image_box=image,
            presentation_lut="IDENTITY",
        )  # fmt: skip
        said = peer.log.read_text(errors="replace")
    assert all(same(each.box[name], value) for name, value in box.items())
    assert each.attributes[0]["Polarity"] == "REVERSE"
    for value in ("BLUE FILM", "PROCESSOR", "Invented^Name", "WARD 3", "HIGH"):
        assert value in said, "the session stands in its log only"


def test_nothing_is_sent_that_is_not_stated(job: PrintedJob, js: JsPrinter, tmp_path: Path) -> None:
    document = documents.gray(tmp_path / "document.pdf", pages=1)
    empty = {"FilmSizeID": "", "MediumType": ""}
    (each,) = printed(
        job, js, document, orientation="stated", film_box={"FilmSizeID": ""},
        film_session={"MediumType": empty["MediumType"]},
    )  # fmt: skip
    assert each.session == {}
    assert set(each.box) == {"ImageDisplayFormat", "ReferencedFilmSessionSequence"}
    assert set(each.attributes[0]) == {"ImageBoxPosition", "image", "file"}
    assert not [e for e in js.log_entries("NCreate") if e["sopClass"].endswith(".23")][1:]


@pytest.mark.parametrize("whose", ["own", "printer"])
def test_a_printer_that_makes_every_uid_and_talks_all_the_time(
    job: PrintedJob, renderer: Renderer, tmp_path: Path, whose: str
) -> None:
    document = documents.report(tmp_path / "document.pdf", pages=7)
    with film_peers.js_printer(tmp_path / "printer", PRINTER_UIDS="1", EVENTS="1") as peer:
        films = printed(
            job, peer, document, mode="color", instance_uids=whose, print_level="film_box"
        )
    assert_same(films, rendered(renderer, document, None), 1)


@pytest.mark.parametrize(
    "settings", [{"implicit": True}, {"omit": True}, {"lut_in_session": True}], ids=str
)
def test_variants_of_dcmprscp(
    job: PrintedJob, renderer: Renderer, tmp_path: Path, settings: dict[str, bool]
) -> None:
    document = documents.report(tmp_path / "document.pdf", pages=2)
    at = "session" if settings.get("lut_in_session") else "film_box"
    with film_peers.dcmprscp(tmp_path / "printer", **settings) as peer:
        films = printed(
            job, peer, document, bits=12, presentation_lut="IDENTITY", presentation_lut_at=at
        )
    assert_same(films, rendered(renderer, document, 12), 1)


@pytest.mark.parametrize(
    "box", [{"FilmSizeID": "A3"}, {"ImageDisplayFormat": r"ROW\2,1"}, {"BorderDensity": "PINK"}]
)
def test_dcmprscp_refuses_a_value_and_nothing_is_printed(
    job: PrintedJob, tmp_path: Path, box: dict[str, str]
) -> None:
    with film_peers.dcmprscp(tmp_path / "printer") as peer:
        job.remote = imager(peer.port, peer.ae_title)
        job.add(documents.gray(tmp_path / "document.pdf", pages=3), step(film_box=box))
        shown = job.run()
        assert (shown["state"], shown["reason"]) == ("held", "remote refused")
        assert "0x0106" in shown["error"]
        assert "film size, layout, medium" in shown["error"]
        assert (peer.films(), shown["films"]) == ([], [])


def test_dcmprscp_has_no_colour(job: PrintedJob, tmp_path: Path) -> None:
    with film_peers.dcmprscp(tmp_path / "printer") as peer:
        job.remote = imager(peer.port, peer.ae_title)
        job.add(documents.gray(tmp_path / "document.pdf", pages=1), step(mode="color"))
        shown = job.run()
    assert (shown["state"], shown["reason"]) == ("held", "remote refused")
    assert "Basic Color Print Management Meta" in shown["error"]


def test_a_printer_that_failed_is_waited_for(job: PrintedJob, tmp_path: Path) -> None:
    words = {"PRINTER_STATUS": "FAILURE", "PRINTER_INFO": "RECEIVER FULL"}
    with film_peers.js_printer(tmp_path / "printer", **words) as peer:
        job.remote = imager(peer.port, peer.ae_title)
        job.add(documents.gray(tmp_path / "document.pdf", pages=1), step())
        shown = job.run()
        assert (shown["state"], shown["reason"]) == ("suspended", "printer failure")
        assert "RECEIVER FULL" in shown["error"]
        assert peer.films() == []


def test_echo_asks_real_printers_how_they_are(
    peer: DcmPrSCP | JsPrinter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dicom-printer.toml").write_text(f"""
[service]
spool = "spool"
[remote.imager]
ae_title = "{peer.ae_title}"
host = "127.0.0.1"
port = {peer.port}
[[workflow.film]]
action = "print"
remote = "imager"
""")
    assert main(["echo", "--json"]) == 0
    assert '"printer": "NORMAL"' in capsys.readouterr().out
