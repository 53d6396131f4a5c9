"""The socket of TLS, on a pair of sockets: it never waits where it is asked, nor sends in clear."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates_made import Authority

from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteTLSError
from dicom_printer.network import tls


def remote(**more: Any) -> Remote:
    said = {"name": "pacs", "ae_title": "PACS", "host": "pacs.example", "port": 2762, "tls": True}
    return Remote.model_validate(said | more)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[tls.Socket, ssl.SSLSocket]]:
    """Return our end and the peer's, behind the handshake, with TLS 1.3."""
    authority = Authority(tmp_path)
    served = authority.issue("server", "pacs.example").server()
    arguments = tls.arguments(remote(tls={"ca": authority.file}))
    assert arguments is not None
    context, name = arguments
    ours, theirs = socket.socketpair()
    peers: list[ssl.SSLSocket] = []
    thread = threading.Thread(
        target=lambda: peers.append(served.wrap_socket(theirs, server_side=True))
    )
    thread.start()
    wrapped = context.wrap_socket(ours, server_hostname=name)
    thread.join(30)
    assert isinstance(wrapped, tls.Socket)
    wrapped.settimeout(10)
    with wrapped, peers[0]:
        yield wrapped, peers[0]


def test_a_session_ticket_is_no_data(pair: tuple[tls.Socket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    assert select.select([ours], [], [], 10)[0], "the tickets of TLS 1.3 have come"
    assert not ours.has_data()
    theirs.sendall(b"12345")
    assert select.select([ours], [], [], 10)[0]
    assert ours.has_data()
    assert ours.has_data()
    assert ours.pending() == 5
    assert (ours.recv(2), ours.recv(10)) == (b"12", b"345")
    assert ours.pending() == 0
    assert not ours.has_data()
    assert ours.gettimeout() == 10


def test_a_part_of_a_record_is_no_data(pair: tuple[tls.Socket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    socket.socket.send(theirs, b"\x17\x03\x03\x01\x00" + b"x" * 50)
    assert not ours.has_data()


def test_the_end_is_something_to_be_read(pair: tuple[tls.Socket, ssl.SSLSocket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"1")
    theirs.shutdown(socket.SHUT_RDWR)
    assert ours.has_data()
    assert ours.recv(1) == b"1"
    assert ours.has_data()
    assert ours.recv(1) == b""
    assert ours.recv(1) == b""


def test_nothing_is_sent_in_the_clear_after_a_shutdown(
    pair: tuple[tls.Socket, ssl.SSLSocket],
) -> None:
    ours = pair[0]
    ours.shutdown(socket.SHUT_WR)
    assert ours._sslobj is not None, "the thread that is about to write still encrypts"  # type: ignore[attr-defined]
    with pytest.raises(OSError):
        ours.send(b"a page")
    ours._sslobj = None  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="not encrypted"):
        ours.send(b"a page")


def test_what_is_noted_of_the_handshake(pair: tuple[tls.Socket, ssl.SSLSocket]) -> None:
    session = pair[0].context.session
    assert session is not None
    assert (session.version, session.days) == ("TLSv1.3", 89)


def test_the_rules() -> None:
    arguments = tls.arguments(remote())
    assert arguments is not None
    context, name = arguments
    assert name == "pacs.example"
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    suites = [c["name"] for c in context.get_ciphers() if c["protocol"] == "TLSv1.2"]
    assert "ECDHE-RSA-AES128-GCM-SHA256" in suites
    assert all(s.startswith(("ECDHE-", "DHE-RSA-")) and "GCM" in s for s in suites)


def test_without_tls_there_are_no_arguments() -> None:
    assert tls.arguments(remote(tls=False)) is None


@pytest.mark.parametrize(
    ("host", "stated", "name"),
    [
        ("pacs.example.", "", "pacs.example"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.5", "pacs.example", "pacs.example"),
    ],
)
def test_the_name_that_is_verified(host: str, stated: str, name: str) -> None:
    assert tls.name_of(remote(host=host, tls={"server_name": stated})) == name


def test_a_name_that_cannot_be_verified() -> None:
    with pytest.raises(RemoteTLSError, match=r"remote.pacs.tls cannot be used"):
        tls.arguments(remote(host="x" * 70 + ".example"))
