"""The small form of a run, and what the harness itself must be able to do."""

import struct
from pathlib import Path

import pytest

from chaos import plan
from chaos.plan import Size
from chaos.run import run
from chaos.sleeper import sleeper
from chaos.wire import DATA, Splitter

SMALL = {
    "sqlite": Size(seed=4, kills=8, jobs=40),
    "postgresql": Size(seed=4, kills=4, jobs=30, nodes=3, database="postgresql"),
}


@pytest.mark.parametrize("size", SMALL.values(), ids=SMALL)
def test_nothing_is_lost_doubled_above_the_limit_or_sent_again(tmp_path: Path, size: Size) -> None:
    report = run(tmp_path / "run", size)
    print(report.text())
    assert report.verdict.sentences() == []
    assert report.done["killed by -9"] == size.kills
    assert report.accepted > size.jobs * 0.8
    assert report.faults


def test_a_node_that_slept_and_lost_its_job_writes_and_sends_nothing_more(tmp_path: Path) -> None:
    report = sleeper(tmp_path / "run")
    print(report.text())
    assert report.verdict.sentences() == []
    assert "which writes nothing more" in (tmp_path / "run" / "node-0.log").read_text()


def test_a_seed_gives_the_same_plan_and_another_seed_another() -> None:
    first = plan.rounds(Size(7, 20, 60))
    assert plan.rounds(Size(7, 20, 60)) == first
    assert plan.rounds(Size(8, 20, 60)) != first
    assert [p.number for each in first for p in each.prints] == list(range(60))
    assert sum(each.end != "term" for each in first) == 20
    drawn = [plan.line(7, "one", n) for n in range(200)]
    assert drawn == [plan.line(7, "one", n) for n in range(200)]
    assert drawn != [plan.line(7, "two", n) for n in range(200)]


def test_the_wire_is_read_however_it_is_cut() -> None:
    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHL", 0, number, len(value)) + value

    command = (
        element(0x0002, b"1.2.840.10008.5.1.4.1.1.7\0")
        + element(0x0100, struct.pack("<H", 0x8001))
        + element(0x0120, struct.pack("<H", 3))
        + element(0x0900, struct.pack("<H", 0xA700))
        + element(0x1000, b"2.25.4711\0")
    )
    value = struct.pack(">LBB", len(command) + 2, 1, 3) + command
    data = struct.pack(">BxL", DATA, len(value)) + value
    for size in (1, 7, len(data), 2 * len(data)):
        splitter = Splitter()
        stream = data + data
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        pdus = [pdu for piece in pieces for pdu in splitter.feed(piece)]
        assert [pdu.data for pdu in pdus] == [data, data]
        for pdu in pdus:
            assert pdu.command is not None
            assert (pdu.command.uid, pdu.command.message_id) == ("2.25.4711", 3)
            assert (pdu.command.is_request, pdu.command.status) == (False, 0xA700)
