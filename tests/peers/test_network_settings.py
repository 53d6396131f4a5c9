"""The seed's Table 3.18 and what goes with it: general or per remote, seen by the peer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scp import ScriptedSCP

from dicom_printer import capture, config, network
from dicom_printer.config import Remote
from dicom_printer.errors import StepError

IMPLICIT, EXPLICIT, BIG = network.UNCOMPRESSED
RLE = "1.2.840.10008.1.2.5"
GENERAL = """
ae_title = "GENERAL"
[network]
max_pdu = 32768
association_timeout = "7s"
dimse_timeout = "8s"
implementation_class_uid = "1.2.3.4"
implementation_version_name = "GENERAL_1"
transfer_syntaxes = ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian"]
"""
OWN = """
calling_ae_title = "OWN"
max_pdu = 65536
association_timeout = "3s"
dimse_timeout = "4s"
implementation_class_uid = "1.2.3.5"
implementation_version_name = "OWN 2"
transfer_syntaxes = ["RLELossless", "ExplicitVRBigEndian"]
"""


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
def scp(request: pytest.FixtureRequest) -> Iterator[ScriptedSCP]:
    made = ScriptedSCP(host=request.param, transfer_syntaxes=(*network.UNCOMPRESSED, RLE))
    try:
        made.start()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    yield made
    made.stop()


def configured(scp: ScriptedSCP, general: str = "", own: str = "") -> Remote:
    path = Path("dicom-printer.toml").resolve()
    address = f'ae_title = "SCRIPTED"\nhost = "{scp.host}"\nport = {scp.port}\n'
    path.write_text(f'[service]\nspool = "spool"\n{general}\n[remote.pacs]\n{address}{own}')
    return config.load(path).remote["pacs"]


def seen(scp: ScriptedSCP, remote: Remote) -> dict[str, Any]:
    """Store a page; return what the peer saw of us."""
    proposed = [
        (network.SECONDARY_CAPTURE, [RLE]),
        (network.SECONDARY_CAPTURE, [*network.UNCOMPRESSED]),
    ]
    with network.associate(remote, proposed):
        pass
    request = scp.requests[-1]
    (version,) = [
        item.implementation_version_name
        for item in request.user_information
        if hasattr(item, "implementation_version_name")
    ]
    return {
        "calling": request.calling_ae_title,
        "context": request.application_context_name,
        "max_pdu": request.maximum_length_received,
        "class": request.implementation_class_uid,
        "version": version,
        "syntaxes": [
            [str(s) for s in context.transfer_syntax]
            for context in request.presentation_context_definition_list
        ],
    }


def test_the_defaults(scp: ScriptedSCP) -> None:
    remote = configured(scp)
    assert (remote.association_timeout, remote.dimse_timeout) == (30, 60)
    assert seen(scp, remote) == {
        "calling": "DICOM_PRINTER",
        "context": "1.2.840.10008.3.1.1.1",
        "max_pdu": 16384,
        "class": "2.25.102908957795781592110860321882508366471",
        "version": "DICOM_PRINTER_01",
        "syntaxes": [[RLE], [IMPLICIT, EXPLICIT, BIG]],
    }


def test_what_is_set_for_all_remotes(scp: ScriptedSCP) -> None:
    remote = configured(scp, GENERAL)
    assert (remote.association_timeout, remote.dimse_timeout) == (7, 8)
    assert seen(scp, remote) == {
        "calling": "GENERAL",
        "context": "1.2.840.10008.3.1.1.1",
        "max_pdu": 32768,
        "class": "1.2.3.4",
        "version": "GENERAL_1",
        "syntaxes": [[EXPLICIT, IMPLICIT]],
    }


def test_what_is_set_for_one_goes_before(scp: ScriptedSCP) -> None:
    remote = configured(scp, GENERAL, OWN)
    assert (remote.association_timeout, remote.dimse_timeout) == (3, 4)
    assert seen(scp, remote) == {
        "calling": "OWN",
        "context": "1.2.840.10008.3.1.1.1",
        "max_pdu": 65536,
        "class": "1.2.3.5",
        "version": "OWN 2",
        "syntaxes": [[RLE], [BIG]],
    }


def test_verification_is_proposed_whatever_is_left(scp: ScriptedSCP) -> None:
    network.echo(configured(scp, own='transfer_syntaxes = ["RLELossless"]'))
    assert scp.echoes == 1


def test_nothing_left_to_propose(scp: ScriptedSCP) -> None:
    remote = configured(scp, own='transfer_syntaxes = ["JPEGBaseline8Bit"]')
    with pytest.raises(StepError, match="leave none for Secondary Capture") as caught:
        seen(scp, remote)
    assert caught.value.reason == "transfer syntax excluded"
    assert scp.associations == 0


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "ExplicitVRBigEndian"])
def test_twelve_bits_arrive_in_either_byte_order(scp: ScriptedSCP, syntax: str) -> None:
    scp.keep_datasets = True
    remote = configured(scp, own=f'transfer_syntaxes = ["{syntax}"]')
    pixels = np.arange(35, dtype=np.uint16).reshape(7, 5) * 117
    ds = capture.dataset("job", 1, 1, pixels, None, {}, created=datetime.now().astimezone())
    with network.associate(remote, [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]) as assoc:
        assert assoc.store(ds) == 0
    assert np.array_equal(np.frombuffer(ds.PixelData, "<u2"), pixels.ravel()), "the caller's own"
    (store,) = scp.stored
    assert store.dataset is not None
    words = np.frombuffer(store.dataset.PixelData, ">u2" if store.transfer_syntax == BIG else "<u2")
    assert np.array_equal(words.reshape(7, 5), pixels)
