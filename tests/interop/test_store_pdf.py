"""The document as Encapsulated PDF, at stores that are not ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import documents
import pydicom
import pytest
import real_peers
from dicom_checks import assert_dciodvfy_clean
from programs import require
from scp import ScriptedSCP
from scripted_job import FakeRunning, job

from dicom_printer.actions import Job, store
from dicom_printer.config import Pages, Remote
from dicom_printer.errors import DocumentError, RemoteBusyError, RemoteRefusedError
from dicom_printer.pages import Renderer

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ATTRIBUTES = {
    "PatientName": "Παπαδόπουλος^Γιώργος",
    "PatientID": "4711",
    "AccessionNumber": "A1",
    "StudyInstanceUID": "1.2.3",
    "Laterality": "R",
    "ImageType": "DERIVED\\SECONDARY",
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def dcmtk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.StoreSCP]:
    with real_peers.storescp(tmp_path_factory.mktemp("dcmtk") / "store", "+xa") as peer:
        yield peer


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.Orthanc]:
    with real_peers.orthanc(tmp_path_factory.mktemp("orthanc") / "store") as peer:
        yield peer


def step(kind: str, **settings: Any) -> store.Settings:
    common = {"action": "store", "remote": "pacs", "dpi": 50, "as": kind}
    return store.Settings.model_validate(common | settings)


def job_for(port: int, renderer: Renderer, document: Path, **fields: Any) -> Job:
    address = {"name": "pacs", "ae_title": "STORE", "host": "127.0.0.1", "port": port}
    remotes = {"pacs": Remote.model_validate(address)}
    made = {"title": "Report of an examination", "attributes": dict(ATTRIBUTES)} | fields
    return job(remotes=remotes, renderer=renderer, document=document, **made)


def accepted(of: Job) -> dict[str, int]:
    return cast("FakeRunning", of.running).instances.get("pacs", {})


def content(file: Path) -> bytes:
    """Return the PDF in a file, after a look at everything around it."""
    ds = pydicom.dcmread(file)
    assert ds.SOPClassUID == ds.file_meta.MediaStorageSOPClassUID == ENCAPSULATED_PDF
    assert (ds.Modality, ds.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")
    assert ds.DocumentTitle == "Report of an examination"
    assert ds.BurnedInAnnotation == "YES"
    assert str(ds.PatientName) == ATTRIBUTES["PatientName"]
    assert "ImageType" not in ds and "Laterality" not in ds
    assert len(ds.EncapsulatedDocument) % 2 == 0
    assert_dciodvfy_clean(file)
    return bytes(ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength])


def text(pdf: bytes, directory: Path) -> str:
    require("pdftotext")
    file = directory / "received.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", str(file), "-"], capture_output=True, check=True, timeout=30
    )
    return done.stdout.decode()


@pytest.mark.parametrize("odd", [False, True])
def test_storescp_has_it_byte_by_byte(
    odd: bool, dcmtk: real_peers.StoreSCP, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf")
    if (document.stat().st_size % 2 == 1) != odd:
        with document.open("ab") as file:
            file.write(b"\n")
    found = job_for(dcmtk.port, renderer, document)
    assert store.run(step("pdf"), found) == "the PDF sent to pacs"
    ((uid, page),) = accepted(found).items()
    assert page == 0
    assert content(dcmtk.file(uid)) == document.read_bytes()
    assert store.run(step("pdf"), found) == "every page is at pacs already"
    dcmtk.file(uid).unlink()


def test_orthanc_has_it_byte_by_byte_beside_the_pages(
    orthanc: real_peers.Orthanc, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf", pages=2)
    found = job_for(orthanc.port, renderer, document)
    said = store.run(step("both", compression="jpeg-lossless"), found)
    assert said.endswith("and the PDF sent to pacs")
    counts = orthanc.statistics()
    assert (counts["CountStudies"], counts["CountSeries"], counts["CountInstances"]) == (1, 2, 3)
    (uid,) = (uid for uid, page in accepted(found).items() if page == 0)
    identifier = orthanc.lookup(uid)
    assert identifier is not None
    file = tmp_path / "received.dcm"
    file.write_bytes(orthanc.file(identifier))
    assert content(file) == document.read_bytes()
    # Orthanc's own view of it
    assert orthanc.get(f"/instances/{identifier}/pdf").rstrip(b"\0") == document.read_bytes()


def test_only_the_pages_that_were_asked_for(
    dcmtk: real_peers.StoreSCP, renderer: Renderer, tmp_path: Path
) -> None:
    document = documents.report(tmp_path / "d.pdf", pages=5)
    options = [("page-ranges", "2,4-5")]
    found = job_for(dcmtk.port, renderer, document, options=options)
    store.run(step("pdf"), found)
    (uid,) = accepted(found)
    words = text(content(dcmtk.file(uid)), tmp_path)
    assert [n for n in range(1, 6) if f"Page {n}" in words] == [2, 4, 5]
    dcmtk.file(uid).unlink()


def test_an_image_is_no_pdf(dcmtk: real_peers.StoreSCP, renderer: Renderer, tmp_path: Path) -> None:
    found = job_for(dcmtk.port, renderer, documents.png(tmp_path / "d.png"))
    with pytest.raises(DocumentError, match="is an image") as caught:
        store.run(step("pdf"), found)
    assert caught.value.reason == "type not supported"
    assert store.run(step("both"), found) == "1 of 1 pages sent to pacs"


def test_a_store_that_does_not_take_pdf(renderer: Renderer, tmp_path: Path) -> None:
    """The pages are there, and stay recorded; the job says what is missing."""
    with ScriptedSCP(sop_classes=(SECONDARY_CAPTURE,)) as scp:
        found = job_for(scp.port, renderer, documents.report(tmp_path / "d.pdf"))
        with pytest.raises(RemoteRefusedError, match="does not accept Encapsulated PDF"):
            store.run(step("both"), found)
        assert sorted(accepted(found).values()) == [1, 2, 3]


def test_a_retry_sends_what_is_missing(renderer: Renderer, tmp_path: Path) -> None:
    with ScriptedSCP(sop_classes=(SECONDARY_CAPTURE, ENCAPSULATED_PDF)) as scp:
        found = job_for(scp.port, renderer, documents.report(tmp_path / "d.pdf"))
        scp.statuses = {4: 0xA700}
        with pytest.raises(RemoteBusyError):
            store.run(step("both"), found)
        scp.statuses = {}
        assert store.run(step("both"), found) == "the PDF sent to pacs"
        assert len(scp.stored_uids) == len(set(scp.stored_uids)) == 4
