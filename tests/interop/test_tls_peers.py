"""TLS with peers that are not ours: DCMTK's storescp and dcmprscp, and Orthanc."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import real_peers
from certificates_made import Authority, Pair
from film_peers import DcmPrSCP
from find_peers import orthanc_worklist, worklist_entry, write_entries
from programs import require
from pydicom import Dataset

from dicom_printer import capture, network
from dicom_printer.config.models import Remote
from dicom_printer.errors import NoAnswerError, RemoteTLSError, RemoteUnreachableError
from dicom_printer.network import printing

PAGES = [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("server")


@pytest.fixture(scope="module")
def we(authority: Authority) -> Pair:
    return authority.issue("we")


def remote(port: int, *, timeout: str = "20s", **tls: Any) -> Remote:
    said = {"name": "pacs", "ae_title": "STORE", "host": "127.0.0.1", "port": port}
    said |= {"association_timeout": timeout, "dimse_timeout": timeout}
    return Remote.model_validate(said | {"tls": tls})


def page(number: int, *shape: int) -> Dataset:
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    created = datetime.now().astimezone()
    return capture.dataset("job", number, number, pixels, 0.17, {}, created=created)


@contextmanager
def storescp(directory: Path, server: Pair, *options: str | Path) -> Iterator[real_peers.StoreSCP]:
    """Run storescp with TLS; its readiness cannot be seen by a bare connection alone."""
    stated = ("+tls", server.key, server.cert, *options, "+xa")
    with real_peers.storescp(directory, *map(str, stated)) as peer:
        yield peer


def orthanc_tls(authority: Authority, server: Pair, **more: Any) -> dict[str, Any]:
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(server.cert),
        "DicomTlsPrivateKey": str(server.key),
        "DicomTlsTrustedCertificates": str(authority.file),
    } | more


@pytest.fixture(scope="module")
def orthanc(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, server: Pair
) -> Iterator[real_peers.Orthanc]:
    """Return an Orthanc that wants our certificate, as it does by default."""
    options = orthanc_tls(authority, server)
    with real_peers.orthanc(tmp_path_factory.mktemp("orthanc") / "store", **options) as peer:
        yield peer


def mutual(authority: Authority, we: Pair) -> dict[str, Any]:
    return {"ca": authority.file, "cert": we.cert, "key": we.key}


def send_and_compare(to: Remote, peer: real_peers.StoreSCP) -> None:
    sent = [page(1, 37, 51), page(2, 3000, 2000, 3), page(3, 1, 1)]
    with network.associate(to, PAGES) as association:
        assert [association.store(each) for each in sent] == [0, 0, 0]
    for each in sent:
        received = pydicom.dcmread(peer.file(each.SOPInstanceUID))
        assert received.PixelData == each.PixelData


def test_storescp_with_both_certificates(
    tmp_path: Path, authority: Authority, server: Pair, we: Pair
) -> None:
    with storescp(tmp_path / "store", server, "+cf", authority.file) as peer:
        to = remote(peer.port, **mutual(authority, we))
        tls = network.echo(to).tls
        assert tls is not None
        assert (tls.version, tls.days) == ("TLSv1.3", 89)
        send_and_compare(to, peer)
        with pytest.raises(RemoteUnreachableError, match="certificate"):
            network.echo(remote(peer.port, ca=authority.file))
        network.echo(to)


def test_storescp_without_a_certificate_of_ours(
    tmp_path: Path, authority: Authority, server: Pair
) -> None:
    with storescp(tmp_path / "store", server, "-ic") as peer:
        send_and_compare(remote(peer.port, ca=authority.file), peer)
        send_and_compare(remote(peer.port, verify=False), peer)


def test_a_hundred_associations(tmp_path: Path, authority: Authority, server: Pair) -> None:
    """The tickets of TLS 1.3 come while the association is requested, once in a while first."""
    with storescp(tmp_path / "store", server, "-ic") as peer:
        to = remote(peer.port, ca=authority.file, timeout="10s")
        for _ in range(100):
            network.echo(to)


def test_storescp_that_stops_reading(tmp_path: Path, authority: Authority, server: Pair) -> None:
    with storescp(tmp_path / "store", server, "-ic") as peer:
        to = remote(peer.port, ca=authority.file, timeout="3s")
        start = time.monotonic()
        with (
            pytest.raises(NoAnswerError, match="did not come within 3 s"),
            network.associate(to, PAGES) as association,
        ):
            peer.pause()
            association.store(page(1, 6000, 4000))
        assert time.monotonic() - start < 30
        peer.resume()


def test_storescp_with_a_name_for_another_host(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("elsewhere", "pacs.example")
    with storescp(tmp_path / "store", pair, "-ic") as peer:
        with pytest.raises(RemoteTLSError, match=r"not for 127\.0\.0\.1 but for pacs\.example"):
            network.echo(remote(peer.port, ca=authority.file))
        network.echo(remote(peer.port, ca=authority.file, server_name="pacs.example"))


def test_orthanc(orthanc: real_peers.Orthanc, authority: Authority, we: Pair) -> None:
    to = remote(orthanc.port, **mutual(authority, we))
    assert network.echo(to).tls is not None
    sent = page(1, 3000, 2000)
    with network.associate(to, PAGES) as association:
        assert association.store(sent) == 0
    assert orthanc.sop_instance_uids() == [sent.SOPInstanceUID]


def test_orthanc_refuses_us(
    orthanc: real_peers.Orthanc, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).issue("stranger")
    none: dict[str, Any] = {}
    for ours in (none, {"cert": stranger.cert, "key": stranger.key}):
        with pytest.raises(RemoteUnreachableError, match="certificate"):
            network.echo(remote(orthanc.port, ca=authority.file, **ours))
    plain = remote(orthanc.port).model_copy(update={"tls": None})
    with pytest.raises(RemoteUnreachableError, match=r"broke off.*state `tls`"):
        network.echo(plain)


def test_the_worklist_of_orthanc(
    tmp_path: Path, authority: Authority, server: Pair, we: Pair
) -> None:
    options = orthanc_tls(authority, server)
    with orthanc_worklist(tmp_path / "peer", tmp_path / "worklist", **options) as peer:
        write_entries(tmp_path / "worklist", worklist_entry(AccessionNumber="ACC7"))
        keys = Dataset()
        keys.AccessionNumber, keys.PatientName = "ACC7", ""
        keys.ScheduledProcedureStepSequence = [Dataset()]
        to = remote(peer.port, **mutual(authority, we))
        found = network.query(to, network.WORKLIST, keys, 10)
        assert [str(entry.PatientName) for entry in found.answers] == ["Muster^Eva"]


class EncryptedPrinter(DcmPrSCP):
    """DCMTK's print SCP with TLS; it wants a certificate of ours."""

    def __init__(self, directory: Path, authority: Authority, server: Pair) -> None:
        super().__init__(directory)
        self._folder = authority.file.parent
        self._server = server
        subprocess.run(["openssl", "rehash", self._folder], check=True, capture_output=True)

    def command(self) -> list[str]:
        words = super().command()
        file = self.directory / "print.cfg"
        of_all = "".join(
            f"{name} = {self._folder}\n"
            for name in ("TLSDirectory", "CACertificateDirectory", "UserKeyDirectory")
        )
        text = file.read_text().replace(
            "[[GENERAL]]\n", f"[[GENERAL]]\n[TLS]\n{of_all}UsePEMFormat = true\n", 1
        )
        cert, key = self._server.cert.name, self._server.key.name
        file.write_text(
            f"{text}UseTLS = true\nTLSProfile = BCP195\nPeerAuthentication = REQUIRE\n"
            f"Certificate = {cert}\nPrivateKey = {key}\n"
        )
        return words


def test_a_film_printer(tmp_path: Path, authority: Authority, server: Pair, we: Pair) -> None:
    require("dcmprscp", "openssl")
    with EncryptedPrinter(tmp_path / "printer", authority, server) as peer:
        to = remote(peer.port, **mutual(authority, we))
        answered, status = printing.look(to, printing.GRAYSCALE)
        assert answered.tls is not None
        assert str(status) == "NORMAL"
        with pytest.raises(RemoteUnreachableError, match="certificate"):
            printing.look(remote(peer.port, ca=authority.file), printing.GRAYSCALE)
