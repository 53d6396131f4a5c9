"""TLS under an association: its rules, its socket, and why there is none.

BCP 195 (RFC 8996 and 9325) as PS3.15 sections B.9, B.10 and B.12 profile it: TLS 1.2 or
1.3, suites with forward secrecy and authenticated encryption, no renegotiation, no way
back to plain text. The certificate of the peer is verified by chain and by name.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, NamedTuple

from pynetdicom.association import Association

from dicom_printer import certificates
from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteTLSError
from dicom_printer.network.outcome import where

SUITES = "ECDHE+AESGCM:DHE+AESGCM:!aNULL:!aDSS:@SECLEVEL=2"
"""For TLS 1.2, in OpenSSL's terms; level 2 wants keys of RSA and DH to have 2048 bits. All
suites of TLS 1.3 are allowed."""


class Session(NamedTuple):
    """What an association is encrypted with.

    Attributes
    ----------
    version, cipher : str
        Such as ``TLSv1.3`` and ``TLS_AES_256_GCM_SHA384``.
    certificate : bytes
        The peer's, in DER.
    """

    version: str
    cipher: str
    certificate: bytes

    @property
    def days(self) -> int:
        """Return the whole days until the peer's certificate expires."""
        return certificates.of_der(self.certificate).days


class Socket(ssl.SSLSocket):
    """A socket that notes what went wrong, and never waits where it is only asked.

    ``select`` sees bytes, but they may be a session ticket or the first part of a record:
    who reads then waits for the rest. :meth:`pending` has read it instead.
    """

    context: Context
    _ahead = b""
    _at_end = False

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; note what came of it, and which certificates the peer showed."""
        try:
            super().do_handshake(block)
        except OSError as error:
            self.context.failure = error
            # public from Python 3.13 on; without it the message says less
            chain = getattr(self._sslobj, "get_unverified_chain", lambda: None)()  # type: ignore[attr-defined]
            self.context.chain = [shown.public_bytes(_DER) for shown in chain or ()]
            raise
        cipher = self.cipher()
        self.context.session = Session(
            self.version() or "", cipher[0] if cipher else "", self.getpeercert(True) or b""
        )

    def has_data(self) -> bool:
        """Tell, without waiting, whether ``recv`` would return: with data, or with the end."""
        if self._ahead or self._at_end:
            return True
        timeout_s = self.gettimeout()
        self.settimeout(0)
        try:
            self._ahead = self._received(4096)
            self._at_end = not self._ahead
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        finally:
            self.settimeout(timeout_s)
        return True

    def pending(self) -> int:
        """Return how many bytes are there that ``select`` knows nothing of."""
        return len(self._ahead) or super().pending()

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive, first what :meth:`has_data` has read."""
        if self._ahead:
            found, self._ahead = self._ahead[:buflen], self._ahead[buflen:]
            return found
        return b"" if self._at_end else self._received(buflen, flags)

    def _received(self, buflen: int, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            # with TLS 1.3 the peer's opinion of our certificate comes only here, behind the
            # handshake; what Python itself reads before the connection is there is no failure
            if self.context.session is not None:
                self.context.failure = self.context.failure or error
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, encrypted or not at all."""
        if self._sslobj is None:  # type: ignore[attr-defined]
            raise OSError("not encrypted any more")
        return super().send(data, flags)

    def shutdown(self, how: int) -> None:
        """End the connection, from any thread; what still writes then fails.

        The method of the class takes the encryption off first: a thread that is about to
        write would write in the clear.
        """
        socket.socket.shutdown(self, how)


_DER = 2
"""``ENCODING_DER`` of Python's own module."""


class Context(ssl.SSLContext):
    """With what one association is encrypted, and what became of its handshake."""

    sslsocket_class = Socket
    failure: OSError | None = None
    chain: list[bytes] = []  # noqa: RUF012
    session: Session | None = None


def context_of(raw: Association) -> Context | None:
    """Return with what an association was to be encrypted."""
    wrapped = raw.dul.socket
    args = wrapped.tls_args if wrapped is not None else None
    return args[0] if args and isinstance(args[0], Context) else None


def session(raw: Association) -> Session | None:
    """Return with what an association is encrypted."""
    found = context_of(raw)
    return found.session if found is not None else None


def name_of(remote: Remote) -> str:
    """Return the host name or address that the peer's certificate must be for."""
    stated = remote.tls.server_name if remote.tls else ""
    return stated or remote.host.partition("%")[0].rstrip(".")


def arguments(remote: Remote) -> tuple[Context, str] | None:
    """Return what pynetdicom wants to know to encrypt the next association; None without TLS.

    The files are read each time: one that was renewed holds from then on.

    Raises
    ------
    RemoteTLSError
        Where they cannot be used.
    """
    tls = remote.tls
    if tls is None:
        return None
    made = Context(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(SUITES)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if not tls.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    try:
        if tls.verify and tls.ca:
            # what the site trusts is trusted, an authority in the middle of a chain too
            made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            made.load_verify_locations(tls.ca)
        elif tls.verify:
            made.load_default_certs()
        if tls.cert:
            # the empty passphrase: OpenSSL would ask the terminal for one
            made.load_cert_chain(tls.cert, tls.key, password="")
        # a name that cannot be verified is found here, and not in pynetdicom's thread
        made.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name_of(remote))
    except (OSError, ValueError) as error:
        wrong = next((f"{key}: {text}" for key, text in certificates.mistakes(tls)), str(error))
        raise RemoteTLSError(
            f"{where(remote)}: remote.{remote.name}.tls cannot be used: {wrong}",
            "correct it; it is tried again by itself, `dicom-printer check` shows it at once",
            reason="certificate unusable",
        ) from None
    return made, name_of(remote)
