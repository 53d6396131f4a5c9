"""Pages at stores that are not ours: DCMTK's storescp and Orthanc."""

import io
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
import real_peers
from dicom_checks import assert_dciodvfy_clean
from pydicom import Dataset

from dicom_printer import capture, network
from dicom_printer.config.models import Remote
from dicom_printer.errors import NoAnswerError, RemoteRefusedError, RemoteUnreachableError

IMPLICIT, EXPLICIT, BIG = network.UNCOMPRESSED
PAGES = [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]
SHAPES = [(37, 51), (36, 50), (37, 51, 3), (36, 50, 3), (1, 1), (1650, 1275), (413, 319, 3)]
NAMES = {
    "Latin-1": "Müller^Zoë",
    "Czech": "Kovač^Žofie",
    "Greek": "Παπαδόπουλος^Γιώργος",
    "Japanese": "Yamada^Tarou=山田^太郎=やまだ^たろう",
}


def remote(port: int, ae_title: str = "STORE", **more: str) -> Remote:
    return Remote.model_validate(
        {
            "name": "pacs",
            "ae_title": ae_title,
            "host": "127.0.0.1",
            "port": port,
            "association_timeout": "10s",
            "dimse_timeout": "20s",
            **more,
        }
    )


def page(number: int, shape: tuple[int, ...], attributes: dict[str, str] | None = None) -> Dataset:
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    return capture.dataset(
        "job", number, number, pixels, 0.17, attributes or {}, created=datetime.now().astimezone()
    )


def send(to: Remote, pages: list[Dataset], *syntaxes: str) -> None:
    contexts = [(network.SECONDARY_CAPTURE, syntaxes or network.UNCOMPRESSED)]
    with network.associate(to, contexts) as association:
        assert [association.store(each) for each in pages] == [0] * len(pages)


def assert_same(received: Dataset, sent: Dataset, syntax: str) -> None:
    """Compare every element but the pixels, then the pixels bit by bit."""
    assert received.file_meta.TransferSyntaxUID == syntax
    for element in sent:
        if element.keyword != "PixelData":
            assert received[element.tag].value == element.value, element.keyword
    assert len(received) == len(sent)
    # what the pixels were drawn from, not what pydicom makes of our own dataset
    shape = (sent.Rows, sent.Columns) + ((3,) if sent.SamplesPerPixel == 3 else ())
    drawn = np.random.default_rng(sent.InstanceNumber).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(received.pixel_array, drawn)
    assert received.PixelData[: drawn.size] == drawn.tobytes()


@pytest.fixture(scope="module")
def dcmtk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.StoreSCP]:
    with real_peers.storescp(tmp_path_factory.mktemp("dcmtk") / "store", "+xa") as peer:
        yield peer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.Orthanc]:
    with real_peers.orthanc(tmp_path_factory.mktemp("orthanc") / "store") as peer:
        yield peer


@pytest.fixture
def orthanc(running: real_peers.Orthanc) -> real_peers.Orthanc:
    """Return the one that runs, empty."""
    for identifier in running.instances():
        running.delete(f"/instances/{identifier}")
    return running


def test_echo(dcmtk: real_peers.StoreSCP, orthanc: real_peers.Orthanc) -> None:
    assert 0 < network.echo(remote(dcmtk.port)).seconds < 5
    assert 0 < network.echo(remote(orthanc.port)).seconds < 5


@pytest.mark.parametrize("syntax", network.UNCOMPRESSED)
def test_storescp_has_each_page_bit_by_bit(dcmtk: real_peers.StoreSCP, syntax: str) -> None:
    attributes = {"PatientName": NAMES["Greek"], "PatientID": "1", "PatientWeight": "72.5"}
    attributes |= {"PregnancyStatus": "4", "ImageComments": "two\r\nlines"}
    pages = [page(number, shape, attributes) for number, shape in enumerate(SHAPES, 1)]
    send(remote(dcmtk.port), pages, syntax)
    for each in pages:
        file = dcmtk.file(each.SOPInstanceUID)
        assert_same(pydicom.dcmread(file), each, syntax)
        assert_dciodvfy_clean(file)
        file.unlink()


@pytest.mark.parametrize("syntax", network.UNCOMPRESSED)
def test_orthanc_has_each_page_bit_by_bit(
    orthanc: real_peers.Orthanc, syntax: str, tmp_path: Path
) -> None:
    attributes = {"PatientName": NAMES["Czech"], "PatientID": "1", "PregnancyStatus": "4"}
    pages = [page(number, shape, attributes) for number, shape in enumerate(SHAPES, 1)]
    send(remote(orthanc.port), pages, syntax)
    for each in pages:
        identifier = orthanc.lookup(each.SOPInstanceUID)
        assert identifier is not None
        content = orthanc.file(identifier)
        assert_same(pydicom.dcmread(io.BytesIO(content)), each, syntax)
        file = tmp_path / "page.dcm"
        file.write_bytes(content)
        assert_dciodvfy_clean(file)
        # and Orthanc's own decoder sees the same samples
        shown = np.load(io.BytesIO(orthanc.get(f"/instances/{identifier}/numpy")))
        assert np.array_equal(shown.squeeze(), each.pixel_array.squeeze())
    assert orthanc.statistics()["CountInstances"] == len(SHAPES)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [((), EXPLICIT), (("+xi",), IMPLICIT), (("+x=",), EXPLICIT), (("+xb",), BIG)],
)
def test_the_store_chooses_among_the_three(
    tmp_path: Path, options: tuple[str, ...], chosen: str
) -> None:
    with real_peers.storescp(tmp_path / "store", *options) as peer:
        sent = page(1, (37, 51, 3))
        with network.associate(remote(peer.port), PAGES) as association:
            assert association.transfer_syntaxes == {network.SECONDARY_CAPTURE: (chosen,)}
            assert association.store(sent) == 0
        assert_same(pydicom.dcmread(peer.file(sent.SOPInstanceUID)), sent, chosen)
        assert sent.file_meta.TransferSyntaxUID == EXPLICIT, "the caller's own is left alone"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_characters_survive(
    dcmtk: real_peers.StoreSCP, orthanc: real_peers.Orthanc, name: str
) -> None:
    study = {"PatientName": name, "PatientID": "4711", "StudyInstanceUID": "2.25.1"}
    pages = [page(1, (4, 4), {**study, "SeriesDescription": name.split("^")[0]})]
    send(remote(dcmtk.port), pages)
    ds = pydicom.dcmread(dcmtk.file(pages[0].SOPInstanceUID))
    assert str(ds.PatientName) == name
    assert "?" not in str(ds.SeriesDescription)
    send(remote(orthanc.port), pages)
    identifier = orthanc.lookup(pages[0].SOPInstanceUID)
    # Orthanc decodes by itself, and answers in UTF-8
    tags = orthanc.json(f"/instances/{identifier}/simplified-tags")
    assert tags["PatientName"] == name


def test_only_implicit_at_orthanc(tmp_path: Path) -> None:
    with real_peers.orthanc(tmp_path / "o", AcceptedTransferSyntaxes=[IMPLICIT]) as peer:
        sent = page(1, (37, 51, 3))
        send(remote(peer.port), [sent])
        assert_same(pydicom.dcmread(io.BytesIO(peer.files()[0])), sent, IMPLICIT)
        with pytest.raises(RemoteRefusedError, match="does not accept Secondary Capture"):
            send(remote(peer.port), [sent], EXPLICIT)


def test_a_called_ae_title_that_orthanc_does_not_know(tmp_path: Path) -> None:
    with real_peers.orthanc(tmp_path / "o", DicomCheckCalledAet=True) as peer:
        with pytest.raises(RemoteRefusedError, match="called AE title WRONG") as caught:
            send(remote(peer.port, "WRONG"), [page(1, (4, 4))])
        assert "correct `ae_title`" in caught.value.remedy
        send(remote(peer.port, peer.ae_title), [page(1, (4, 4))])


def test_a_calling_ae_title_that_orthanc_does_not_know(tmp_path: Path) -> None:
    """It takes the association and aborts the C-STORE, which looks like any other abort."""
    with real_peers.orthanc(tmp_path / "o", DicomAlwaysAllowStore=False) as peer:
        start = time.monotonic()
        with pytest.raises(NoAnswerError, match="aborted the association") as caught:
            send(remote(peer.port, calling_ae_title="NOBODY"), [page(1, (4, 4))])
        assert time.monotonic() - start < 10
        assert "knows the calling AE title NOBODY" in caught.value.remedy
        assert peer.statistics()["CountInstances"] == 0


def test_storescp_that_refuses_and_aborts(tmp_path: Path) -> None:
    with (
        real_peers.storescp(tmp_path / "r", "--refuse") as peer,
        pytest.raises(RemoteRefusedError, match="no reason given"),
    ):
        send(remote(peer.port), [page(1, (4, 4))])
    for option in ("--abort-after", "--abort-during"):
        with (
            real_peers.storescp(tmp_path / option, option) as peer,
            pytest.raises(NoAnswerError, match="aborted the association"),
        ):
            send(remote(peer.port), [page(1, (400, 400))])


def test_a_store_that_is_switched_off_and_on_again(tmp_path: Path) -> None:
    with real_peers.orthanc(tmp_path / "o") as peer:
        send(remote(peer.port), [page(1, (4, 4))])
        peer.stop()
        with pytest.raises(RemoteUnreachableError, match="refused"):
            send(remote(peer.port), [page(2, (4, 4))])
        peer.start()
        # the same page again is the same instance
        send(remote(peer.port), [page(1, (4, 4)), page(2, (4, 4))])
        assert peer.statistics()["CountInstances"] == 2
        assert peer.sop_instance_uids() == sorted(capture.uid("job", "page", n) for n in (1, 2))
