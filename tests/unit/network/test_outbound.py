"""The PDUs that carry a message: no longer than the peer takes, as many together as may be."""

from __future__ import annotations

import queue
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom import fsm
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF

from dicom_printer.network import outbound


def sent(data: bytes, most: int, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what goes to the socket for a C-STORE request with these data."""
    monkeypatch.setattr("pynetdicom.evt.trigger", lambda *_: None)
    came: list[Any] = []
    dul = SimpleNamespace(send_pdu=came.append)
    provider: Any = SimpleNamespace(assoc=None, dul=dul, maximum_pdu_size=most)
    request = C_STORE()
    request.MessageID, request.Priority = 7, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID("1.2.3"), UID("1.2.3.4")
    request.DataSet = BytesIO(data)
    outbound.send(provider, request, 5)
    return [each.pdus for each in came]


def pdus(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        length = 6 + int.from_bytes(stream[2:6], "big")
        found.append(stream[:length])
        stream = stream[length:]
    return found


@pytest.mark.parametrize("most", [64, 4096, 16384, 1 << 18])
@pytest.mark.parametrize("size", [2, 58, 16378, 16380, 200_000])
def test_a_message_arrives_as_it_was(size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    together = sent(data, most, monkeypatch)
    assert all(len(each) <= max(outbound.TOGETHER, most + 6) for each in together)
    message = C_STORE_RQ()
    done = []
    for each in pdus(b"".join(together)):
        assert len(each) - 6 <= most
        pdu = P_DATA_TF()
        pdu.decode(each)
        primitive = pdu.to_primitive()
        done.append(message.decode_msg(primitive))
    assert done[-1] is True
    assert not any(done[:-1])
    assert message.context_id == 5
    assert message.command_set.AffectedSOPInstanceUID == "1.2.3.4"
    assert message.data_set is not None
    assert message.data_set.getvalue() == data


def test_many_pdus_are_few_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    together = sent(bytes(6_000_000), 16384, monkeypatch)
    assert len(together) <= 6_000_000 / outbound.TOGETHER * 16384 * 4 / (3 * 16384) + 1


def test_a_part_of_a_data_set_is_told_from_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    (both,) = sent(bytes(100), 16384, monkeypatch)
    command, data = pdus(both)
    assert outbound.has_data(both)
    assert outbound.has_data(data)
    assert not outbound.has_data(command)
    assert not outbound.has_data(b"")
    assert not outbound.has_data(b"\x05\0\0\0\0\4\0\0\0\0")
    small = sent(bytes(2), 64, monkeypatch)  # a command in several PDUs
    commands = [each for each in pdus(b"".join(small)) if each[11] & 1]
    assert len(commands) > 1
    assert not outbound.has_data(b"".join(commands))


@pytest.mark.parametrize("action", ["DT-1", "AR-7"])
def test_together_is_what_it_is_while_the_peer_releases_too(action: str) -> None:
    out: list[bytes] = []
    waiting: queue.Queue[Any] = queue.Queue()
    waiting.put(outbound._Together(b"the PDUs"))
    dul: Any = SimpleNamespace(to_provider_queue=waiting, socket=SimpleNamespace(send=out.append))
    outbound.apply()
    _, act, state = fsm.ACTIONS[action]
    assert act(dul) == state
    assert out == [b"the PDUs"]
    assert waiting.empty()
