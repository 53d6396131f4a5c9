"""Why there is no encrypted association, as one of our errors.

Codes: X509_V_ERR of OpenSSL's ``x509_vfy.h`` for what we do not like of the peer; the
alerts of RFC 8446 section 6.2 for what it does not like of us.
"""

from __future__ import annotations

import ssl
from typing import Any

from pynetdicom.association import Association

from dicom_printer import certificates
from dicom_printer.certificates import Certificate, CertificateError
from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteTLSError
from dicom_printer.network.outcome import where
from dicom_printer.network.tls import context_of, name_of

_EXPIRED = 10
_NOT_YET_VALID = 9
_SELF_SIGNED = {18, 19}
_ISSUER_UNKNOWN = {2, 20, 21}
_WRONG_NAME = {62, 64}

_OUR_CERTIFICATE = {
    "CERTIFICATE_REQUIRED": "wants a certificate of ours, and none is configured",
    "BAD_CERTIFICATE": "refuses our certificate as bad",
    "UNSUPPORTED_CERTIFICATE": "refuses our certificate as of a kind that it does not support",
    "CERTIFICATE_REVOKED": "refuses our certificate as revoked",
    "CERTIFICATE_EXPIRED": "refuses our certificate as expired",
    "CERTIFICATE_UNKNOWN": "refuses our certificate",
    "UNKNOWN_CA": "does not trust the issuer of our certificate",
    "ACCESS_DENIED": "denies our certificate access",
    "DECRYPT_ERROR": "cannot verify our certificate",
}
_NOTHING_SHARED = {
    "PROTOCOL_VERSION": "speaks neither TLS 1.2 nor TLS 1.3",
    "UNSUPPORTED_PROTOCOL": "speaks neither TLS 1.2 nor TLS 1.3",
    "HANDSHAKE_FAILURE": "has no cipher suite in common with us, or wants a certificate of ours",
    "INSUFFICIENT_SECURITY": "has no cipher suite in common with us",
    "NO_SHARED_CIPHER": "has no cipher suite in common with us",
    "KEY_TOO_SMALL": "has a key that is too short to be safe: less than 2048 bits",
    "MD_TOO_WEAK": "has a certificate whose signature is too weak to be safe",
    "UNRECOGNIZED_NAME": "does not know the name that we call it by: see `server_name`",
}
_NO_TLS = {"WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"}


def failure(remote: Remote, raw: Association) -> RemoteTLSError | None:
    """Say why there is no association for the sake of TLS; None where there is another cause."""
    context = context_of(raw)
    error = context.failure if context is not None else None
    if context is None or error is None:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(remote, error, context.chain)
    if isinstance(error, TimeoutError):
        within = f"within {remote.association_timeout:g} s"
        return _failed(remote, f"the TLS handshake was not over {within}", _PLAIN)
    reason = str(getattr(error, "reason", "") or "")
    for known in (_OUR_CERTIFICATE, _NOTHING_SHARED):
        for word, said in known.items():
            if reason.endswith(word):
                whose = known is _OUR_CERTIFICATE
                return _failed(remote, said + (_ours(remote) if whose else ""), _SETTLE)
    if context.session is not None:
        return _failed(remote, f"broke off after the TLS handshake{_ours(remote)}", _SETTLE)
    if reason in _NO_TLS or not isinstance(error, ssl.SSLError):
        return _failed(
            remote, "does not speak TLS on this port, or broke off its handshake", _PLAIN
        )
    return _failed(remote, f"the TLS handshake failed ({reason or error})", _SETTLE)


_PLAIN = "it is tried again by itself; if it lasts, see that `port` is the remote's port for TLS"
_SETTLE = (
    "settle it with the administrator of the remote; "
    "it is tried again by itself, and not sent unencrypted"
)


def _failed(remote: Remote, what: str, remedy: str) -> RemoteTLSError:
    return RemoteTLSError(f"{where(remote)}: {what}", remedy)


def _ours(remote: Remote) -> str:
    """Return whose certificate we show, and until when it holds."""
    if remote.tls is None or remote.tls.cert is None:
        return f" (we show none: remote.{remote.name}.tls.cert)"
    try:
        ours = certificates.read(remote.tls.cert)[0]
    except CertificateError as error:
        return f" ({error})"
    verb = "expired" if ours.is_expired else "valid until"
    return f" ({ours.subject}, {verb} {ours.not_after:%Y-%m-%d}, {remote.tls.cert})"


def _untrusted(remote: Remote, error: Any, chain: list[bytes]) -> RemoteTLSError:
    """Say what is wrong with the certificate of the peer."""
    shown = [certificate for each in chain if (certificate := _read(each)) is not None]
    whose = f"{where(remote)}: the certificate of {remote.name or remote.ae_title}"
    if shown:
        whose += f" ({shown[0].subject})"
    if error.verify_code == _EXPIRED:
        return RemoteTLSError(
            f"{whose} {_expiry(shown)}",
            "have it renewed; it is tried again by itself",
            reason="certificate expired",
        )
    what, remedy = _wrong(remote, error, shown[0] if shown else None)
    return RemoteTLSError(f"{whose} {what}", remedy, reason="certificate not trusted")


def _expiry(shown: list[Certificate]) -> str:
    over = next((certificate for certificate in shown if certificate.is_expired), None)
    if over is None:  # an authority of ours, or the clock of one of us
        return "or that of its issuer has expired"
    of_issuer = "" if over is shown[0] else f"is of an issuer ({over.subject}) whose own "
    return f"{of_issuer}expired on {over.not_after:%Y-%m-%d}"


def _wrong(remote: Remote, error: Any, theirs: Certificate | None) -> tuple[str, str]:
    """Return why a certificate is not trusted, and what to do about it."""
    code = error.verify_code
    if code == _NOT_YET_VALID:
        from_when = f"before {theirs.not_before:%Y-%m-%d %H:%M} UTC" if theirs else "yet"
        return f"is not valid {from_when}", f"see to the clocks; {_SETTLE}"
    if code in _WRONG_NAME:
        names = ", ".join(theirs.names) if theirs else ""
        remedy = f"correct `host`, or state `server_name`; {_SETTLE}"
        return f"is not for {name_of(remote)} but for {names or 'no name at all'}", remedy
    if code in _SELF_SIGNED | _ISSUER_UNKNOWN:
        ca = remote.tls.ca if remote.tls is not None else None
        kind = "is self-signed and" if code in _SELF_SIGNED else "is of an issuer that is"
        remedy = "have the issuer's certificate put into `ca`; it is tried again by itself"
        return f"{kind} not trusted by {ca or 'the system'}", remedy
    return f"is not accepted: {error.verify_message}", _SETTLE


def _read(content: bytes) -> Certificate | None:
    try:
        return certificates.of_der(content)
    except CertificateError:
        return None
