"""What is wrong with the files of a remote's TLS, each with its key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from certificates_made import Authority, Pair
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dicom_printer import certificates
from dicom_printer.certificates import CertificateError
from dicom_printer.config.tls import TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def ours(authority: Authority) -> Pair:
    return authority.issue("we", "printer.example", "10.0.0.9")


def only(found: object) -> tuple[str, str]:
    (one,) = list(found)  # type: ignore[call-overload]
    assert isinstance(one, tuple)
    return one


def test_what_stands_in_a_certificate(ours: Pair) -> None:
    first = certificates.read(ours.cert)[0]
    assert "CN=we" in first.subject
    assert first.names == ("printer.example", "10.0.0.9")
    assert first.days == 89
    assert not first.is_expired
    with pytest.raises(CertificateError, match="not a certificate"):
        certificates.of_der(b"0\x03abc")


def test_files_in_order(authority: Authority, ours: Pair, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(ours.cert.read_bytes() + ours.key.read_bytes())
    both.chmod(0o600)
    for tls in (
        TLS(),
        TLS(ca=authority.file, cert=ours.cert, key=ours.key),
        TLS(cert=both),
    ):
        assert list(certificates.mistakes(tls)) == []
        assert list(certificates.warnings(tls)) == []


def test_files_that_are_not_there_or_something_else(ours: Pair, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for name, tls in (
        ("ca", TLS(ca=missing)),
        ("cert", TLS(cert=missing, key=ours.key)),
        ("key", TLS(cert=ours.cert, key=missing)),
    ):
        key, said = only(certificates.mistakes(tls))
        assert (key, "No such file" in said) == (name, True)
    assert "is a directory" in only(certificates.mistakes(TLS(ca=tmp_path)))[1]
    assert only(certificates.mistakes(TLS(ca=ours.key)))[1].endswith("no certificate in PEM")
    der = tmp_path / "der"
    der.write_bytes(b"0\x82\x01\x00")
    assert "openssl x509 -inform der" in only(certificates.mistakes(TLS(ca=der)))[1]
    key, said = only(certificates.mistakes(TLS(cert=ours.cert)))
    assert (key, said.endswith("has no private key in PEM")) == ("cert", True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(ours: Pair) -> None:
    ours.cert.chmod(0)
    assert "Permission denied" in only(certificates.mistakes(TLS(ca=ours.cert)))[1]


def test_a_key_of_another_certificate(authority: Authority, ours: Pair) -> None:
    other = authority.issue("other")
    key, said = only(certificates.mistakes(TLS(cert=ours.cert, key=other.key)))
    assert (key, said.endswith("the key is not that of the certificate")) == ("key", True)


def test_a_key_with_a_passphrase(ours: Pair) -> None:
    loaded = load_pem_private_key(ours.key.read_bytes(), None)
    form, locked = PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    ours.key.write_bytes(loaded.private_bytes(Encoding.PEM, form, locked))
    key, said = only(certificates.mistakes(TLS(cert=ours.cert, key=ours.key)))
    assert (key, "has a passphrase" in said) == ("key", True)


def test_warnings(authority: Authority, ours: Pair) -> None:
    old, soon = authority.issue("old", days=-2), authority.issue("soon", days=20)
    for pair, word in ((old, "expired on 20"), (soon, "expires on 20")):
        tls = TLS(cert=pair.cert, key=pair.key)
        assert list(certificates.mistakes(tls)) == []
        key, said = only(certificates.warnings(tls))
        assert (key, word in said) == ("cert", True)
    assert only(certificates.warnings(TLS(ca=old.cert)))[0] == "ca"
    ours.key.chmod(0o644)
    key, said = only(certificates.warnings(TLS(cert=ours.cert, key=ours.key)))
    assert (key, "others can read the key" in said) == ("key", True)
    ours.key.chmod(0o640)
    assert list(certificates.warnings(TLS(cert=ours.cert, key=ours.key))) == []
    assert only(certificates.warnings(TLS(verify=False)))[0] == "verify"
