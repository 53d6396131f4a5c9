"""Certificates: what stands in them, and whether the files of a remote's `tls` can be used."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_printer.accounts import name_of
from dicom_printer.config.tls import TLS

if TYPE_CHECKING:
    from cryptography import x509

SOON = timedelta(days=30)
"""So long before its end a certificate is worth a warning: a hospital's CA takes its time."""


class CertificateError(ValueError):
    """A file that holds no certificate or key that could be used; the text says why."""


@dataclass(frozen=True)
class Certificate:
    """What is worth knowing of an X.509 certificate (RFC 5280).

    Attributes
    ----------
    subject : str
        Whose it is: the subject's distinguished name, or the names where that is empty.
    names : tuple of str
        The host names and addresses that it is for (subjectAltName).
    not_before, not_after : datetime.datetime
        From when and until when it holds.
    """

    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    @property
    def is_expired(self) -> bool:
        """Tell whether its time is over."""
        return self.not_after < datetime.now(UTC)

    @property
    def days(self) -> int:
        """Return the whole days until it expires; negative where it has."""
        return (self.not_after - datetime.now(UTC)).days


def of_der(content: bytes) -> Certificate:
    """Read a certificate as a peer sends it.

    Raises
    ------
    CertificateError
        Where it is none.
    """
    from cryptography import x509

    try:
        return _of(x509.load_der_x509_certificate(content))
    except ValueError:
        raise CertificateError("is not a certificate") from None


def read(path: Path) -> list[Certificate]:
    """Return the certificates of a file, in their order.

    Raises
    ------
    CertificateError
        Where it cannot be read, or has none.
    """
    return [_of(found) for found in _loaded(path)]


def mistakes(tls: TLS) -> Iterator[tuple[str, str]]:
    """Find what keeps a remote's TLS files from being used at all.

    Yields
    ------
    tuple of str and str
        The key (``ca``, ``cert`` or ``key``), and what is wrong.
    """
    certificate: x509.Certificate | None = None
    for name, path in (("ca", tls.ca), ("cert", tls.cert)):
        if path is not None:
            try:
                first = _loaded(path)[0]
                certificate = first if name == "cert" else None
            except CertificateError as error:
                yield name, str(error)
    key_file = tls.key or tls.cert
    if certificate is None or key_file is None:
        return
    try:
        _fits(key_file, certificate)
    except CertificateError as error:
        # a file with both: the mistake is named where the file is
        yield "key" if tls.key else "cert", str(error)


def warnings(tls: TLS) -> Iterator[tuple[str, str]]:
    """Find what is allowed, and yet no good; of files that :func:`mistakes` has nothing to say of.

    Yields
    ------
    tuple of str and str
        The key, and what is wrong.
    """
    for name, path in (("ca", tls.ca), ("cert", tls.cert)):
        for found in read(path) if path is not None else ():
            day = f"{found.not_after:%Y-%m-%d}"
            if found.is_expired:
                yield name, f"{path}: {found.subject} expired on {day}: have it renewed"
            elif found.not_after - datetime.now(UTC) < SOON:
                yield name, f"{path}: {found.subject} expires on {day}: have it renewed"
    key_file = tls.key or tls.cert
    if key_file is not None and key_file.stat().st_mode & stat.S_IROTH:
        yield "key" if tls.key else "cert", f"{key_file}: others can read the key: chmod o= it"
    if not tls.verify:
        yield "verify", "who answers is not verified: anybody between can read and change it all"


def _of(found: x509.Certificate) -> Certificate:
    from cryptography import x509

    names: tuple[str, ...] = ()
    try:
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = map(str, listed.get_values_for_type(x509.IPAddress))
        names = (*listed.get_values_for_type(x509.DNSName), *addresses)
    except (x509.ExtensionNotFound, ValueError):
        pass  # without names, or with such as cannot be read: then it is for nobody
    subject = found.subject.rfc4514_string() or " ".join(names) or "without a name"
    return Certificate(subject, names, found.not_valid_before_utc, found.not_valid_after_utc)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise CertificateError(f"{path} is a directory: name one file in PEM") from None
    except OSError as error:
        who = f"user {name_of(os.geteuid())}"
        raise CertificateError(f"{path} cannot be read by {who}: {error.strerror}") from None


def _loaded(path: Path) -> list[x509.Certificate]:
    from cryptography import x509

    content = _content(path)
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        der = "; in DER? `openssl x509 -inform der` converts" if content[:1] == b"\x30" else ""
        raise CertificateError(f"{path} has no certificate in PEM{der}") from None
    return found


def _fits(path: Path, certificate: x509.Certificate) -> None:
    """Check that a file has the private key of a certificate."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _content(path)
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise CertificateError(
            f"{path}: the key has a passphrase, and nobody is there to type it: "
            "`openssl pkey` writes it without one"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{path} has no private key in PEM") from None
    if key.public_key() != certificate.public_key():
        raise CertificateError(f"{path}: the key is not that of the certificate")
