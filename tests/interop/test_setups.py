"""The set-ups of docs/setups, each as it stands there, against programs that are not ours.

Only the addresses, the spool and the folders are those of the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import documents
import pydicom
import pytest
from film_peers import DcmPrSCP, dcmprscp
from find_peers import WlmSCP, wlmscpfs, worklist_entry, write_entries
from postgres import Postgres
from real_peers import Orthanc, Peer, StoreSCP, orthanc, storescp
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from running_service import RunningService

SETUPS = Path(__file__).parents[2] / "docs" / "setups"
PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


class Site(NamedTuple):
    """The remotes that a set-up finds: a worklist, a PACS, a second store, a film printer."""

    ris: WlmSCP
    pacs: Orthanc
    second: StoreSCP
    imager: DcmPrSCP

    def received(self) -> list[pydicom.Dataset]:
        """What the PACS has, in the order of series and instances."""
        found = [pydicom.dcmread(BytesIO(file)) for file in self.pacs.files()]
        return sorted(found, key=lambda ds: (int(ds.SeriesNumber), int(ds.InstanceNumber)))


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    with (
        wlmscpfs(place / "ris", "-csk") as ris,
        orthanc(place / "pacs") as pacs,
        storescp(place / "second", "+xa") as second,
        dcmprscp(place / "imager") as imager,
    ):
        yield Site(ris, pacs, second, imager)


@pytest.fixture
def site(peers: Site) -> Site:
    """The same remotes, empty."""
    for instance in peers.pacs.instances():
        peers.pacs.delete(f"/instances/{instance}")
    for file in peers.second.files():
        file.unlink()
    write_entries(peers.ris.worklist)
    return peers


def set_up(name: str, site: Site, place: Path) -> RunningService:
    """Return the service of a set-up, not started yet."""
    return RunningService(place, here(name, site, place))


def here(name: str, site: Site, place: Path) -> str:
    """Return the configuration of a set-up; /srv is a folder of the test's."""
    text = (SETUPS / f"{name}.toml").read_text(encoding="utf-8")
    names: dict[str, Peer] = {
        "ris": site.ris,
        "pacs": site.pacs,
        "teaching": site.second,
        "imager": site.imager,
        "pacs_north": site.pacs,
        "pacs_south": site.second,
    }
    for remote in re.findall(r"^\[remote\.(\w+)\]", text, re.MULTILINE):
        address = rf'(\[remote\.{remote}\]\nae_title = "{names[remote].ae_title}"\n)' + (
            r'host     = "[\w.]+"\nport     = 104\n'
        )
        told = f'\\1host = "127.0.0.1"\nport = {names[remote].port}\n'
        text, count = re.subn(address, told, text)
        assert count == 1, f"{name}: the address of {remote} is not written as in the others"
    assert text.count('"/var/spool/dicom-printer"') == 1
    text = text.replace('"/var/spool/dicom-printer"', '"spool"')
    for folder in re.findall(r'"/srv/([\w/]+)"', text):
        (place / "srv" / folder).mkdir(parents=True)
    return text.replace('"/srv/', f'"{place}/srv/')


def done(service: RunningService, count: int = 1) -> list[dict[str, object]]:
    """Wait until so many jobs are there, all of them done."""
    return service.wait_until(
        lambda jobs: len(jobs) == count and all(job["state"] == "done" for job in jobs)
    )


def text_page(path: Path, *lines: str) -> Path:
    """A page of a few lines, with their text in it."""
    canvas = Canvas(str(path), pagesize=A4)
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 20 * number, line)
    canvas.save()
    return path


def test_each_set_up_is_run_here() -> None:
    names = {path.stem.replace("-", "_") for path in SETUPS.glob("*.toml")}
    assert {name.removeprefix("test_set_up_") for name in globals() if "test_set_up_" in name} == (
        names
    )


def test_set_up_reports(site: Site, tmp_path: Path) -> None:
    entry = worklist_entry(AccessionNumber="2026117", PatientName="Kovač^Žofie")
    write_entries(site.ris.worklist, entry)
    document = str(documents.report(tmp_path / "letter.pdf", pages=2))
    with set_up("reports", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "Reports", "-t", "Discharge letter ACC2026117")
        done(service)
        assert [str(ds.PatientName) for ds in site.received()] == ["Kovač^Žofie"] * 2
        assert {ds.AccessionNumber for ds in site.received()} == {"2026117"}

        service.cli("submit", document, "-p", "Reports", "-t", "Discharge letter")
        jobs = service.wait_until(lambda jobs: jobs[-1]["state"] == "held")
        assert jobs[-1]["reason"] == "value missing"
        assert len(site.received()) == 2


def test_set_up_departments(site: Site, tmp_path: Path) -> None:
    write_entries(
        site.ris.worklist,
        worklist_entry(AccessionNumber="2026117"),
        worklist_entry(AccessionNumber="2026118", PatientID="4712", StudyInstanceUID="2.25.4718"),
    )
    with set_up("departments", site, tmp_path / "run") as service:
        srv = tmp_path / "run" / "srv" / "scans"
        documents.scan(srv / "cardiology" / "2026117_consent.pdf", pages=1)
        documents.scan(srv / "urology" / "2026118_consent.pdf", pages=1)
        done(service, 2)
        by_patient = {ds.PatientID: ds for ds in site.received()}
        assert by_patient["4711"].InstitutionalDepartmentName == "Cardiology"
        assert by_patient["4712"].InstitutionalDepartmentName == "Urology"
        assert by_patient["4711"].file_meta.TransferSyntaxUID == JPEG_BASELINE
        assert not list(srv.rglob("*.pdf"))


def test_set_up_film(site: Site, tmp_path: Path) -> None:
    before = site.imager.count()
    document = str(documents.report(tmp_path / "letter.pdf", pages=2))
    with set_up("film", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "Film")
        done(service)
    films = site.imager.films(before)
    assert len(films) == 2
    assert all(film.box["FilmSizeID"] == "14INX17IN" for film in films)
    assert not site.received()


def test_set_up_pacs_and_film(site: Site, tmp_path: Path) -> None:
    write_entries(
        site.ris.worklist,
        worklist_entry(AccessionNumber="1001", Modality="CR"),
        worklist_entry(AccessionNumber="1002", Modality="US", StudyInstanceUID="2.25.4719"),
    )
    before = site.imager.count()
    document = str(documents.gray(tmp_path / "letter.pdf", pages=1))
    with set_up("pacs-and-film", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "Radiology", "-t", "ACC1001")
        service.cli("submit", document, "-p", "Radiology", "-t", "ACC1002")
        done(service, 2)
    assert sorted(ds.AccessionNumber for ds in site.received()) == ["1001", "1002"]
    assert site.imager.count() == before + 1, "only that of radiography"


def test_set_up_two_pacs(site: Site, tmp_path: Path) -> None:
    document = str(documents.report(tmp_path / "letter.pdf", pages=1))
    patient = ("--set", "PatientID=4711", "--set", "PatientName=Muster^Eva")
    with set_up("two-pacs", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "DICOM_Printer", *patient)
        done(service)
        assert (len(site.received()), len(site.second.files())) == (1, 1)
        site.second.stop()
        try:
            service.cli("submit", document, "-p", "DICOM_Printer", *patient)
            jobs = done(service, 2)
        finally:
            site.second.start()
        assert len(site.received()) == 2
        history = [e["detail"] for e in service.show(str(jobs[-1]["id"]))["events"]]
        assert any("teaching" in text and "(continued)" in text for text in history)


def test_set_up_unscheduled(site: Site, tmp_path: Path) -> None:
    document = str(documents.report(tmp_path / "letter.pdf", pages=1))
    typed = {"PatientID": "E-17", "PatientName": "Muster^Eva", "PatientBirthDate": "19700102"}
    fields = [text for name, value in typed.items() for text in ("--set", f"{name}={value}")]
    with set_up("unscheduled", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "Emergency", *fields)
        service.cli("submit", document, "-p", "Emergency", *fields[2:])
        service.wait_until(lambda jobs: sorted(j["state"] for j in jobs) == ["done", "held"])
    (ds,) = site.received()
    assert (ds.PatientID, str(ds.PatientName), ds.PatientBirthDate) == tuple(typed.values())
    assert ds.PatientSex == ""


def test_set_up_ecg(site: Site, tmp_path: Path) -> None:
    write_entries(
        site.ris.worklist,
        worklist_entry(AccessionNumber="1001", Modality="ECG", PatientID="4711"),
        worklist_entry(AccessionNumber="1002", Modality="CR", PatientID="4711"),
    )
    with set_up("ecg", site, tmp_path / "run") as service:
        text_page(tmp_path / "run" / "srv" / "ecg" / "0001.pdf", "12 leads", "Patient ID: 4711")
        done(service)
    image, pdf = site.received()
    assert {ds.AccessionNumber for ds in (image, pdf)} == {"1001"}
    assert (image.Modality, pdf.SOPClassUID) == ("ECG", PDF_STORAGE)


def test_set_up_camera(site: Site, tmp_path: Path) -> None:
    write_entries(site.ris.worklist, worklist_entry(AccessionNumber="2026117", Modality="XC"))
    with set_up("camera", site, tmp_path / "run") as service:
        for number in (1, 2):
            documents.jpeg(tmp_path / "run" / "srv" / "camera" / f"2026117-{number}.jpg")
        done(service, 2)
    received = site.received()
    assert {(ds.Modality, ds.AccessionNumber) for ds in received} == {("XC", "2026117")}
    assert len({ds.StudyInstanceUID for ds in received}) == 1
    assert len({ds.SOPInstanceUID for ds in received}) == 2


def test_set_up_sites(site: Site, tmp_path: Path) -> None:
    document = str(documents.report(tmp_path / "letter.pdf", pages=1))
    with set_up("sites", site, tmp_path / "run") as service:
        service.cli("submit", document, "-p", "North", "--set", "PatientID=1")
        service.cli("submit", document, "-p", "South", "--set", "PatientID=1")
        done(service, 2)
    (north,) = site.received()
    (south,) = map(pydicom.dcmread, site.second.files())
    assert (north.InstitutionName, north.IssuerOfPatientID) == ("Hospital North", "NORTH")
    assert (south.InstitutionName, south.IssuerOfPatientID) == ("Hospital South", "SOUTH")
    (instance,) = site.pacs.instances()
    assert site.pacs.get(f"/instances/{instance}/metadata/RemoteAET") == b"PRINT_NORTH"


def test_set_up_two_nodes(site: Site, tmp_path: Path, postgres: Postgres) -> None:
    place = tmp_path / "run"
    text = here("two-nodes", site, place)
    written = re.findall(r'^database = "[^"]+"', text, re.MULTILINE)
    assert len(written) == 1
    text = text.replace(written[0], f'database = "{postgres.create()}"')
    document = str(documents.report(tmp_path / "letter.pdf", pages=1))
    with ExitStack() as both:
        # The file names no node, so that it fits every machine; here both are on one.
        first, second = (
            both.enter_context(
                RunningService(place, text.replace("[service]", f'[service]\nnode = "{n}"'), name=n)
            )
            for n in ("one", "two")
        )
        first.cli("submit", document, "-p", "DICOM_Printer", "--set", "PatientID=4711")
        documents.scan(place / "srv" / "scans" / "4712_consent.pdf", pages=1)
        done(second, 2)
        assert first.terminate() == 0
        second.cli("submit", document, "-p", "DICOM_Printer", "--set", "PatientID=4713")
        done(second, 3)
    assert sorted(ds.PatientID for ds in site.received()) == ["4711", "4712", "4713"]
