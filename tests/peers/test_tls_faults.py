"""TLS that does not come about: every fault ends, in time, with its cause, and in no clear text."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates_made import Authority, Pair
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydicom import Dataset
from pynetdicom import evt
from real_peers import free_port, wait_until
from scp import HalfAnswering, ScriptedSCP, SilentListener

from dicom_printer import capture, network
from dicom_printer.config.models import Remote
from dicom_printer.errors import (
    NoAnswerError,
    RemoteTLSError,
    RemoteUnreachableError,
    StepError,
    Verdict,
)

PAGES = [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]
TIMEOUT_S = 1.5
SLACK_S = 15.0
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("server")


def remote(port: int, ca: Path | None = None, host: str = "127.0.0.1", **tls: Any) -> Remote:
    said = {"name": "pacs", "ae_title": "SCRIPTED", "host": host, "port": port}
    made = Remote.model_validate({**said, "tls": {"ca": ca, **tls}})
    return made.model_copy(update={"association_timeout": TIMEOUT_S, "dimse_timeout": TIMEOUT_S})


def page(rows: int = 5) -> Dataset:
    created = datetime.now().astimezone()
    pixels = np.full((rows, 1000), 7, np.uint8)
    return capture.dataset("job", 1, 1, pixels, None, {}, created=created)


@contextmanager
def fails(words: str, reason: str = "tls failed") -> Iterator[None]:
    start = time.monotonic()
    with pytest.raises(RemoteTLSError, match=words) as caught:
        yield
    assert time.monotonic() - start < SLACK_S
    assert caught.value.reason == reason
    assert caught.value.verdict is Verdict.TRANSIENT
    assert "remote 'pacs'" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("version", [V12, V13])
def test_pages_and_a_large_one(authority: Authority, server: Pair, version: Any) -> None:
    context = server.server(minimum_version=version, maximum_version=version)
    with ScriptedSCP(tls=context) as scp:
        to = remote(scp.port, authority.file)
        with network.associate(to, PAGES) as association:
            assert association.tls is not None
            assert association.tls.version == version.name.replace("_", ".")
            assert "GCM" in association.tls.cipher
            assert [association.store(page(rows)) for rows in (1, 6000, 1)] == [0, 0, 0]
        assert network.echo(to).tls == association.tls
        assert association.tls.days == 89


def test_names_addresses_and_a_name_that_is_stated(authority: Authority) -> None:
    pair = authority.issue("elsewhere", "pacs.example")
    with ScriptedSCP(tls=pair.server()) as scp:
        wrong = "is not for localhost but for pacs.example"
        with fails(wrong, "certificate not trusted"):
            network.echo(remote(scp.port, authority.file, "localhost"))
        with fails("is not for 127.0.0.1 but for pacs.example", "certificate not trusted"):
            network.echo(remote(scp.port, authority.file))
        network.echo(remote(scp.port, authority.file, server_name="pacs.example"))
        assert scp.echoes == 1


@pytest.mark.parametrize("version", [V12, V13])
def test_a_certificate_that_has_expired(authority: Authority, version: Any) -> None:
    pair = authority.issue("old", days=-2, common_name="old PACS")
    day = datetime.now(UTC) - timedelta(days=2)
    with ScriptedSCP(tls=pair.server(maximum_version=version)) as scp:
        words = rf"the certificate of pacs \(.*CN=old PACS.*\) expired on {day:%Y-%m-%d}"
        with fails(words, "certificate expired"):
            network.echo(remote(scp.port, authority.file))
        assert scp.associations == 0
        answered = network.echo(remote(scp.port, authority.file, verify=False))
        assert answered.tls is not None
        assert answered.tls.days == -2 - 1


def test_a_certificate_that_is_not_valid_yet(authority: Authority) -> None:
    with (
        ScriptedSCP(tls=authority.issue("early", from_days=2).server()) as scp,
        fails("is not valid before 20", "certificate not trusted"),
    ):
        network.echo(remote(scp.port, authority.file))


def test_issuers_that_are_not_trusted(authority: Authority, server: Pair, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with ScriptedSCP(tls=server.server()) as scp:
        for ca, whom in ((other.file, str(other.file)), (None, "the system")):
            words = f"is of an issuer that is not trusted by {whom}"
            with fails(words, "certificate not trusted"):
                network.echo(remote(scp.port, ca))
        assert scp.associations == 0
        network.echo(remote(scp.port, server.cert))  # this very certificate is trusted


@pytest.mark.parametrize("version", [V12, V13])
def test_our_certificate(authority: Authority, server: Pair, version: Any, tmp_path: Path) -> None:
    good, old = authority.issue("we"), authority.issue("we-old", days=-3)
    foreign = Authority(tmp_path).issue("stranger")
    context = authority.trusted_by(server.server(maximum_version=version))
    with ScriptedSCP(tls=context) as scp:
        network.echo(remote(scp.port, authority.file, cert=good.cert, key=good.key))
        with fails(r"wants a certificate of ours|remote.pacs.tls.cert"):
            network.echo(remote(scp.port, authority.file))
        with fails(r"our certificate.*CN=stranger.*valid until|broke off.*CN=stranger"):
            network.echo(remote(scp.port, authority.file, cert=foreign.cert, key=foreign.key))
        with fails(r"our certificate as expired \(.*CN=we-old.*, expired 20|broke off.*we-old"):
            network.echo(remote(scp.port, authority.file, cert=old.cert, key=old.key))
        assert scp.echoes == 1


def test_one_file_with_certificate_and_key(
    authority: Authority, server: Pair, tmp_path: Path
) -> None:
    pair = authority.issue("both")
    file = tmp_path / "both.pem"
    file.write_bytes(pair.cert.read_bytes() + pair.key.read_bytes())
    with ScriptedSCP(tls=authority.trusted_by(server.server())) as scp:
        network.echo(remote(scp.port, authority.file, cert=file))


def test_files_that_come_later(authority: Authority, server: Pair, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    with ScriptedSCP(tls=server.server()) as scp:
        to = remote(scp.port, file)
        with fails(r"remote.pacs.tls cannot be used: ca: .*No such file", "certificate unusable"):
            network.echo(to)
        file.write_text("nonsense")
        with fails("has no certificate in PEM", "certificate unusable"):
            network.echo(to)
        file.write_bytes(authority.file.read_bytes())
        network.echo(to)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_nothing_in_common(authority: Authority, server: Pair) -> None:
    context = server.server()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with ScriptedSCP(tls=context) as scp, fails("speaks neither TLS 1.2 nor TLS 1.3"):
        network.echo(remote(scp.port, authority.file))
    context = server.server(maximum_version=V12)
    context.set_ciphers("AES128-SHA")
    with ScriptedSCP(tls=context) as scp, fails("has no cipher suite in common"):
        network.echo(remote(scp.port, authority.file))


def test_a_port_without_tls(authority: Authority) -> None:
    with ScriptedSCP() as scp:
        with fails("does not speak TLS on this port"):
            network.echo(remote(scp.port, authority.file))
        assert scp.associations == 0


def test_a_port_with_tls_and_a_remote_without(server: Pair) -> None:
    with ScriptedSCP(tls=server.server()) as scp:
        to = remote(scp.port).model_copy(update={"tls": None})
        with pytest.raises(RemoteUnreachableError, match=r"broke off.*state `tls`"):
            network.echo(to)


def test_nobody_there(authority: Authority) -> None:
    with pytest.raises(RemoteUnreachableError, match="no TCP connection: refused"):
        network.echo(remote(free_port(), authority.file))


def test_a_handshake_that_never_ends(authority: Authority) -> None:
    with SilentListener() as silent, fails("TLS handshake was not over within 1.5 s"):
        network.echo(remote(silent.port, authority.file))
    # the head of a record of 16 KiB, and then a byte of it from time to time
    drip = HalfAnswering(b"\x16\x03\x03\x40\x00" + b"\x02" * 1000, pause_s=0.1)
    with drip as peer, fails("TLS handshake was not over within 1.5 s"):
        network.echo(remote(peer.port, authority.file))


@contextmanager
def mute(context: ssl.SSLContext, said: bytes = b"") -> Iterator[int]:
    """Shake hands, say this much below TLS, and keep the connection; yields the port."""
    over = threading.Event()

    def run() -> None:
        client, _ = listener.accept()
        with client, context.wrap_socket(client, server_side=True) as wrapped:
            socket.socket.send(wrapped, said)
            over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(10)


@pytest.mark.parametrize("said", [b"", b"\x17\x03\x03\x40\x00" + b"\x00" * 1000])
def test_a_peer_that_shakes_hands_and_says_nothing(
    authority: Authority, server: Pair, said: bytes
) -> None:
    start = time.monotonic()
    with (
        mute(server.server(), said) as port,
        pytest.raises(StepError, match="no answer to the association request"),
    ):
        network.echo(remote(port, authority.file))
    assert time.monotonic() - start < SLACK_S


@pytest.mark.parametrize("fault", ["hang_on", "drop_on", "abort_on"])
def test_faults_on_an_association(authority: Authority, server: Pair, fault: str) -> None:
    with ScriptedSCP(tls=server.server(), **{fault: frozenset({2})}) as scp:  # type: ignore[arg-type]
        to = remote(scp.port, authority.file)
        start = time.monotonic()
        with (
            pytest.raises(NoAnswerError, match="answer to C-STORE"),
            network.associate(to, PAGES) as association,
        ):
            association.store(page())
            association.store(page(3000))
        assert time.monotonic() - start < SLACK_S
        wait_until(lambda: len(scp.stored) == 1, "the first page at the store")
        with network.associate(to, PAGES) as association:
            assert association.store(page()) == 0


class HalfRecordSCP(ScriptedSCP):
    """Answers a store with the head of a record, and nothing more."""

    def _store(self, event: Any) -> int:
        self.pdus: list[str] = []
        event.assoc.bind(evt.EVT_PDU_RECV, lambda e: self.pdus.append(type(e.pdu).__name__))
        socket.socket.send(event.assoc.dul.socket.socket, b"\x17\x03\x03\x40\x00")
        self._over.wait()
        return 0xC000


def test_half_a_record_does_not_keep_us_from_sending(authority: Authority, server: Pair) -> None:
    with HalfRecordSCP(tls=server.server()) as scp:
        with (
            pytest.raises(NoAnswerError, match="did not come within"),
            network.associate(remote(scp.port, authority.file), PAGES) as association,
        ):
            association.store(page())
        wait_until(lambda: scp.pdus == ["A_ABORT_RQ"], "the A-ABORT at the store")


def test_a_certificate_that_vouches_for_itself(authority: Authority, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "PACS itself")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Pair(tmp_path / "self.crt", tmp_path / "self.key")
    pair.cert.write_bytes(made.public_bytes(Encoding.PEM))
    form = PrivateFormat.PKCS8
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    with ScriptedSCP(tls=pair.server()) as scp:
        with fails("CN=PACS itself.* is self-signed and not trusted by", "certificate not trusted"):
            network.echo(remote(scp.port, authority.file, "localhost"))
        network.echo(remote(scp.port, pair.cert, "localhost"))
