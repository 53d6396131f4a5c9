"""Gigabytes from a peer: what is held of them is bounded, whatever is announced."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable

import hostile_scripts as scripts
import pytest
from raw_peer import DATA, Line, RawPeer, Request, element, pdu, response

from dicom_printer.network import find

MIB = 1 << 20
MOST_MIB = 40
"""How much the peak may grow by: a query's answers in memory are a matter of their own."""

ENTRIES = 2 * find.MOST_BYTES + MOST_MIB * MIB
"""The same with all answers that are taken: they are raw and read at the same time."""
LATE_OR_MORE = "and more|within 5 s"

CLIENT = """
import json, sys
from pydicom import Dataset
from dicom_printer import network
from dicom_printer.config.models import Remote
from dicom_printer.errors import StepError

def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

remote = Remote(name="r", ae_title="R", host="127.0.0.1", port=int(sys.argv[1]))
remote = remote.model_copy(update={"association_timeout": 3.0, "dimse_timeout": 1.0})
keys = Dataset()
keys.AccessionNumber = "ACC1"
try:
    open("/proc/self/clear_refs", "w").write("5")  # the peak of the imports is not meant
except OSError:
    pass
before, said = peak(), ""
try:
    found = network.query(remote, network.WORKLIST, keys, int(sys.argv[2]))
    said = "complete" if found.is_complete else f"{len(found.answers)} and more"
except StepError as error:
    said = str(error)
print(json.dumps([said, peak() - before]))
"""

LARGE = scripts.SOUND + b"".join(
    element(n, bytes(30_000), group=0x4321) for n in range(8)
)  # a worklist's entry of nearly the longest that is read


def large(line: Line, asked: Request) -> None:
    line.flood(response(asked, LARGE, Status=scripts.PENDING))


def small(line: Line, asked: Request) -> None:
    line.flood(response(asked, scripts.elements(2000), Status=scripts.PENDING))


def giant_pdu(line: Line, _: Request) -> None:
    line.send(pdu(DATA, length=0xFFFFFFFF)).flood(bytes(1 << 16))


@pytest.mark.parametrize(
    ("script", "most", "said", "most_bytes"),
    [
        (scripts.at(1, scripts.endless), 200, "200 and more", MOST_MIB * MIB),
        (scripts.at(1, scripts.giant), 200, "breaks the protocol: a data set", MOST_MIB * MIB),
        (scripts.at(1, giant_pdu), 200, "breaks the protocol: a P-DATA-TF", MOST_MIB * MIB),
        (scripts.instead(pdu(2, length=0xFFFFFFFF), lambda a: a.flood(bytes(1 << 16))), 200,
         "is not DICOM", MOST_MIB * MIB),
        (scripts.at(1, large), 10_000, LATE_OR_MORE, ENTRIES),
        (scripts.at(1, small), 10_000, LATE_OR_MORE, ENTRIES),
    ],
    ids=["a million entries", "an entry of 500 MB", "a PDU of 4 GB", "an AC of 4 GB",
         "large entries", "entries of thousands of elements"],
)  # fmt: skip
def test_memory_is_bounded(
    script: Callable[[Line], object],
    most: int,
    said: str,
    most_bytes: int,
    record_property: Callable[[str, object], None],
) -> None:
    with RawPeer(script) as peer:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, str(peer.port), str(most)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    ended, growth = json.loads(done.stdout)
    record_property("growth_mib", growth // MIB)
    assert re.search(said, ended), ended
    assert growth < most_bytes, f"{growth // MIB} MiB"
    assert done.stderr == ""
