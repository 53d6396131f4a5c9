"""Certificates for the tests of TLS, by an authority that lives as long as the test.

::

    authority = Authority(tmp_path)
    server = authority.issue("server", "localhost", "127.0.0.1")
    peer_options = ["+tls", server.key, server.cert, "+cf", authority.file]
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme

CIPHERS = "DEFAULT:@SECLEVEL=0"
"""What the peers of these tests allow: old versions and suites as well."""


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and of its key, in PEM."""

    cert: Path
    key: Path

    def server(self, **attributes: Any) -> ssl.SSLContext:
        """Return what a server in this process speaks TLS with, lax unless told otherwise."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(CIPHERS)
        context.load_cert_chain(self.cert, self.key)
        for name, value in attributes.items():
            setattr(context, name, value)
        return context


class Authority:
    """A certificate authority; its certificate and all that it issues lie in a directory."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._ca = trustme.CA(key_type=trustme.KeyType.RSA)
        self._directory = directory
        self.file = directory / f"{name}.crt"
        directory.mkdir(parents=True, exist_ok=True)
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(
        self,
        name: str,
        *identities: str,
        days: float = 90,
        from_days: float = -60,
        common_name: str | None = None,
    ) -> Pair:
        """Issue a certificate that holds until so many days from now; negative has expired."""
        now = datetime.now(UTC)
        # the peers are asked for suites with RSA too
        leaf = self._ca.issue_cert(
            *(identities or ("localhost", "127.0.0.1")),
            common_name=common_name or name,
            not_before=now + timedelta(days=from_days),
            not_after=now + timedelta(days=days),
            key_type=trustme.KeyType.RSA,
        )
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        pair.cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        pair.key.write_bytes(leaf.private_key_pem.bytes())
        pair.key.chmod(0o600)
        return pair

    def trusted_by(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Make a server want certificates of this authority from its clients."""
        context.load_verify_locations(self.file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context
