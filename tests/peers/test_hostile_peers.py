"""Peers that break the protocol: each ends in time, as the right error, and leaves nothing."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hostile_scripts import CASES, Case
from pydicom import Dataset
from raw_peer import RawPeer
from real_peers import wait_until

from dicom_printer import capture, network
from dicom_printer.config.models import Remote
from dicom_printer.network import printing

TIMEOUT_S = 0.4
DEADLINE_S = 15.0
"""Five time-outs for a query, one for the negotiation, one for the release, and a machine
that has other things to do."""

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def remote(port: int) -> Remote:
    made = Remote(name="peer", ae_title="SCRIPTED", host="127.0.0.1", port=port)
    return made.model_copy(update={"association_timeout": TIMEOUT_S, "dimse_timeout": TIMEOUT_S})


def echo(to: Remote) -> str:
    network.echo(to)
    return ""


def find(to: Remote) -> str:
    keys = Dataset()
    keys.AccessionNumber = "ACC1"
    found = network.query(to, network.WORKLIST, keys, 20)
    return "" if found.is_complete else "more"


def store(to: Remote, *shape: int) -> str:
    pixels = np.zeros(shape or (5, 3), np.uint8)
    ds = capture.dataset("job", 1, 1, pixels, None, {}, created=datetime.now().astimezone())
    with network.associate(to, [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]) as association:
        association.store(ds)
    return ""


def image(to: Remote) -> str:
    return store(to, 6000, 4000)


def film(to: Remote) -> str:
    box, picture = Dataset(), Dataset()
    box.ImageDisplayFormat = r"STANDARD\1,1"
    picture.Polarity = "NORMAL"
    with printing.film_printer(to, printing.GRAYSCALE) as printer:
        printer.open_session(Dataset())
        made = printer.add_film_box(box)
        printer.put_image(made, 1, picture)
        printer.print_film_box(made)
    return ""


OPERATIONS: dict[str, Callable[[Remote], str]] = {
    "echo": echo, "find": find, "store": store, "image": image, "print": film,
}  # fmt: skip


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile(case: Case) -> None:
    gc.collect()
    threads, files = set(threading.enumerate()), open_files()
    with RawPeer(case.script) as peer:
        start = time.monotonic()
        if case.error is None:
            assert OPERATIONS[case.operation](remote(peer.port)) == case.words
        else:
            with pytest.raises(case.error, match=case.words):
                OPERATIONS[case.operation](remote(peer.port))
        took_s = time.monotonic() - start
    assert took_s < DEADLINE_S
    wait_until(lambda: set(threading.enumerate()) <= threads, "the end of every thread", 5)
    wait_until(lambda: open_files() <= files, "the end of every socket", 5)
