"""What OpenSSL says of a handshake, in words that help."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from certificates_made import Authority
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteTLSError
from dicom_printer.network import tls, tls_outcome


def remote(**said: Any) -> Remote:
    made = {"name": "pacs", "ae_title": "PACS", "host": "pacs.example", "port": 2762}
    return Remote.model_validate(made | {"tls": said})


def failed(
    to: Remote, error: OSError | None, chain: tuple[bytes, ...] = (), *, behind: bool = False
) -> RemoteTLSError | None:
    """Return what is said of an association whose TLS has failed with `error`."""
    context = tls.Context(ssl.PROTOCOL_TLS_CLIENT)
    context.failure, context.chain = error, list(chain)
    context.session = tls.Session("TLSv1.3", "", b"") if behind else None
    raw: Any = SimpleNamespace(dul=SimpleNamespace(socket=SimpleNamespace(tls_args=(context, ""))))
    return tls_outcome.failure(to, raw)


def untrusted(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


def der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def test_what_is_no_failure_of_tls() -> None:
    assert failed(remote(), None) is None
    raw: Any = SimpleNamespace(dul=SimpleNamespace(socket=SimpleNamespace(tls_args=None)))
    assert tls_outcome.failure(remote(), raw) is None


def test_an_issuer_that_has_expired(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, old = authority.issue("good"), authority.issue("old", days=-2, common_name="the issuer")
    error = failed(remote(), untrusted(10), (der(good.cert), der(old.cert)))
    assert error is not None
    assert error.reason == "certificate expired"
    day = datetime.now(UTC) - timedelta(days=2)
    assert "CN=the issuer" in error.message
    assert f"whose own expired on {day:%Y-%m-%d}" in error.message
    # an authority of ours has expired, or Python does not show the chain
    for chain in ((der(good.cert),), (), (b"nonsense",)):
        error = failed(remote(), untrusted(10), chain)
        assert error is not None
        assert error.message.endswith("or that of its issuer has expired")


def test_another_reason_is_openssl_s_own() -> None:
    error = failed(remote(), untrusted(24, "invalid CA certificate"))
    assert error is not None
    assert error.message.endswith("the certificate of pacs is not accepted: invalid CA certificate")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a certificate of ours"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not trust the issuer of our certificate"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "refuses our certificate as revoked"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "speaks neither TLS 1.2 nor TLS 1.3"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "no cipher suite in common"),
        ("DH_KEY_TOO_SMALL", "less than 2048 bits"),
        ("TLSV1_UNRECOGNIZED_NAME", "see `server_name`"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS on this port"),
        ("SOMETHING_NEW", "the TLS handshake failed (SOMETHING_NEW)"),
    ],
)
def test_alerts(reason: str, said: str) -> None:
    error = failed(remote(), alert(reason))
    assert error is not None
    assert said in error.message
    assert error.reason == "tls failed"


def test_our_certificate_stands_in_the_message(tmp_path: Path) -> None:
    ours = Authority(tmp_path).issue("we", days=-1)
    to = remote(cert=ours.cert, key=ours.key)
    for error in (
        failed(to, alert("SSLV3_ALERT_CERTIFICATE_EXPIRED")),
        failed(to, ConnectionResetError(), behind=True),
    ):
        assert error is not None
        assert "CN=we" in error.message
        assert "expired 20" in error.message
    ours.cert.unlink()
    error = failed(to, alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"))
    assert error is not None
    assert "cannot be read" in error.message
