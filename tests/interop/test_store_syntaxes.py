"""The store step in every transfer syntax of the seed's Table 3.10, at stores that are not ours.

What arrives is decoded by DCMTK and by GDCM, which must agree; neither has encoded it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import documents
import numpy as np
import pydicom
import pytest
import real_peers
from compressed import decoded_file, frame_of, header
from dicom_checks import assert_dciodvfy_clean
from scripted_job import FakeRunning, job

from dicom_printer.actions import Job, store
from dicom_printer.config import Pages, Remote
from dicom_printer.gray import to_gray
from dicom_printer.pages import How, Renderer

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
KINDS: dict[str, dict[str, Any]] = {
    "gray8": {"mode": "gray"},
    "gray12": {"mode": "gray", "bits": 12},
    "rgb": {"mode": "color"},
}
COMPRESSIONS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, EXPLICIT),
    "rle": ({"compression": "rle"}, "1.2.840.10008.1.2.5"),
    "jpeg": ({"compression": "jpeg"}, "1.2.840.10008.1.2.4.51"),
    "baseline": (
        {"compression": "jpeg", "jpeg_process": "baseline"},
        "1.2.840.10008.1.2.4.50",
    ),
    "jpeg-lossless": ({"compression": "jpeg-lossless"}, "1.2.840.10008.1.2.4.70"),
}
EVERY = [
    pytest.param(compression, kind, id=f"{compression}-{kind}")
    for compression in COMPRESSIONS
    for kind in KINDS
    if (compression, kind) != ("baseline", "gray12")
]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer(Pages(), workers=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report in colour, three pages."""
    return documents.report(tmp_path_factory.mktemp("report") / "document.pdf")


@pytest.fixture(scope="module")
def dcmtk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.StoreSCP]:
    with real_peers.storescp(tmp_path_factory.mktemp("dcmtk") / "store", "+xa") as peer:
        yield peer


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.Orthanc]:
    with real_peers.orthanc(tmp_path_factory.mktemp("orthanc") / "store") as peer:
        yield peer


def step(**settings: Any) -> store.Settings:
    return store.Settings.model_validate(
        {"action": "store", "remote": "pacs", "dpi": 60} | settings
    )


def job_for(peer: real_peers.Peer, renderer: Renderer, document: Path, **fields: Any) -> Job:
    address = {"name": "pacs", "ae_title": peer.ae_title, "host": "127.0.0.1", "port": peer.port}
    remote = Remote.model_validate(address)
    return job(remotes={"pacs": remote}, renderer=renderer, document=document, **fields)


def accepted(of: Job) -> dict[str, int]:
    """Return the page by UID of what was recorded."""
    return cast("FakeRunning", of.running).instances.get("pacs", {})


def received(peer: real_peers.Peer, uid: str, directory: Path) -> Path:
    if isinstance(peer, real_peers.StoreSCP):
        return peer.file(uid)
    assert isinstance(peer, real_peers.Orthanc)
    identifier = peer.lookup(uid)
    assert identifier is not None
    file = directory / f"{uid}.dcm"
    file.write_bytes(peer.file(identifier))
    return file


def rendered(renderer: Renderer, document: Path, kind: str) -> dict[int, np.ndarray]:
    """Return the pages as they are before any encoding."""
    pages = renderer.stream(document, [1, 2, 3], How(dpi=60, mode="color"))
    bits = {"gray8": 8, "gray12": 12}.get(kind)
    return {page.number: to_gray(page.pixels, bits) if bits else page.pixels for page in pages}


@pytest.mark.parametrize("name", ["dcmtk", "orthanc"])
@pytest.mark.parametrize(("compression", "kind"), EVERY)
def test_each_syntax_arrives(
    request: pytest.FixtureRequest,
    name: str,
    compression: str,
    kind: str,
    renderer: Renderer,
    report: Path,
    tmp_path: Path,
) -> None:
    peer: real_peers.Peer = request.getfixturevalue(name)
    settings, syntax = COMPRESSIONS[compression]
    found = job_for(peer, renderer, report)
    said = store.run(step(**settings, **KINDS[kind]), found)
    assert said.startswith("3 of 3 pages") and "uncompressed" not in said
    pages = rendered(renderer, report, kind)
    assert sorted(accepted(found).values()) == [1, 2, 3]
    for uid, number in accepted(found).items():
        file = received(peer, uid, tmp_path)
        ds = pydicom.dcmread(file)
        assert ds.file_meta.TransferSyntaxUID == syntax
        assert_dciodvfy_clean(file)
        assert ds.get("LossyImageCompression") == (
            "01" if settings.get("compression") == "jpeg" else None
        )
        pixels = decoded_file(file) if settings else ds.pixel_array
        assert pixels.dtype == pages[number].dtype
        if "LossyImageCompression" in ds:
            white = 4095 if kind == "gray12" else 255
            off = np.abs(pixels.astype(int) - pages[number])
            assert 0 < off.mean() < 0.01 * white
        else:
            assert np.array_equal(pixels, pages[number])


@pytest.mark.parametrize("kind", KINDS)
def test_lossless_pages_are_those_that_go_uncompressed(
    kind: str, dcmtk: real_peers.StoreSCP, renderer: Renderer, report: Path
) -> None:
    """The same instances, with the same pixels: whoever has the one has the other."""
    jobs = []
    for compression in ("none", "rle", "jpeg-lossless"):
        found = job_for(dcmtk, renderer, report)
        store.run(step(compression=compression, **KINDS[kind]), found)
        files = {uid: dcmtk.file(uid) for uid in accepted(found)}
        jobs.append({
            uid: decoded_file(f) if compression != "none" else pydicom.dcmread(f).pixel_array
            for uid, f in files.items()
        })  # fmt: skip
    plain, rle, lossless = jobs
    assert set(plain) == set(rle) == set(lossless)
    assert all(np.array_equal(plain[uid], rle[uid]) for uid in plain)
    assert all(np.array_equal(plain[uid], lossless[uid]) for uid in plain)


def test_a_store_that_takes_nothing_compressed(
    renderer: Renderer, report: Path, tmp_path: Path
) -> None:
    with real_peers.storescp(tmp_path / "store") as peer:
        found = job_for(peer, renderer, report)
        lossy = step(compression="jpeg", mode="color")
        said = store.run(lossy, found)
        assert said == (
            "3 of 3 pages (uncompressed: it does not take JPEG Extended (Process 2 and 4)) "
            "sent to pacs"
        )
        pages = rendered(renderer, report, "rgb")
        for uid, number in accepted(found).items():
            ds = pydicom.dcmread(peer.file(uid))
            assert ds.file_meta.TransferSyntaxUID == EXPLICIT
            assert ds.PhotometricInterpretation == "RGB"
            assert "LossyImageCompression" not in ds, "nothing was lost"
            assert np.array_equal(ds.pixel_array, pages[number])
        assert store.run(lossy, found) == "every page is at pacs already"
        plain = job_for(peer, renderer, report)
        store.run(step(mode="color"), plain)
        assert accepted(plain) == accepted(found), "the pixels are those, so are the UIDs"


def test_orthanc_that_takes_implicit_only(renderer: Renderer, report: Path, tmp_path: Path) -> None:
    with real_peers.orthanc(tmp_path / "o", AcceptedTransferSyntaxes=[IMPLICIT]) as peer:
        found = job_for(peer, renderer, report)
        said = store.run(step(compression="jpeg-lossless", mode="gray", bits=12), found)
        assert "uncompressed: it does not take JPEG Lossless" in said
        pages = rendered(renderer, report, "gray12")
        for uid, number in accepted(found).items():
            ds = pydicom.dcmread(received(peer, uid, tmp_path))
            assert ds.file_meta.TransferSyntaxUID == IMPLICIT
            assert np.array_equal(ds.pixel_array, pages[number])


def test_a_store_that_takes_only_baseline(renderer: Renderer, report: Path, tmp_path: Path) -> None:
    """storescp with +xy takes .50 beside the uncompressed ones, and not .51."""
    with real_peers.storescp(tmp_path / "store", "+xy") as peer:
        found = job_for(peer, renderer, report)
        said = store.run(step(compression="jpeg", jpeg_process="baseline"), found)
        assert said == "3 of 3 pages (JPEG Baseline (Process 1)) sent to pacs"
        again = job_for(peer, renderer, report)
        assert "uncompressed" in store.run(step(compression="jpeg"), again)
        for uid in accepted(found):
            assert header(frame_of(pydicom.dcmread(peer.file(uid)))).marker == 0xC0


@pytest.mark.parametrize("syntax", ["big", "little"])
def test_twelve_bits_in_either_byte_order(
    syntax: str, renderer: Renderer, report: Path, tmp_path: Path
) -> None:
    with real_peers.storescp(tmp_path / "store", "+xb" if syntax == "big" else "+xe") as peer:
        found = job_for(peer, renderer, report)
        store.run(step(mode="gray", bits=12), found)
        pages = rendered(renderer, report, "gray12")
        for uid, number in accepted(found).items():
            file = peer.file(uid)
            ds = pydicom.dcmread(file)
            assert ds.file_meta.TransferSyntaxUID == (
                "1.2.840.10008.1.2.2" if syntax == "big" else EXPLICIT
            )
            assert np.array_equal(ds.pixel_array, pages[number])
            assert_dciodvfy_clean(file)


def test_orthanc_shows_the_colours(
    orthanc: real_peers.Orthanc, renderer: Renderer, report: Path
) -> None:
    """Its own decoder and viewer see the page, not one of false colours."""
    found = job_for(orthanc, renderer, report)
    store.run(step(compression="jpeg", mode="color"), found)
    pages = rendered(renderer, report, "rgb")
    for uid, number in accepted(found).items():
        identifier = orthanc.lookup(uid)
        shown = np.load(io.BytesIO(orthanc.get(f"/instances/{identifier}/numpy")))
        assert np.abs(shown.squeeze().astype(int) - pages[number]).mean() < 3
