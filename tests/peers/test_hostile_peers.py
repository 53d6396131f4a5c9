"""Peers that break the protocol: each ends in time, as the right error, and leaves nothing."""

from __future__ import annotations

import gc
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hostile_scripts import CASES, Case
from pydicom import Dataset
from raw_peer import Line, RawPeer
from real_peers import wait_until

from dicom_printer import capture, network
from dicom_printer.config.models import Remote
from dicom_printer.errors import NoAnswerError, StepError
from dicom_printer.network import printing, watchdog

DEADLINE_S = 15.0
"""Far more than the time-outs: the machine has other things to do."""

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def remote(port: int, timeout_s: float) -> Remote:
    made = Remote(name="peer", ae_title="SCRIPTED", host="127.0.0.1", port=port)
    return made.model_copy(update={"association_timeout": timeout_s, "dimse_timeout": timeout_s})


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


def ended(case: Case) -> str:
    """Run a case; return what is wrong with its end, or nothing."""
    start = time.monotonic()
    with RawPeer(case.script) as peer:
        try:
            said = OPERATIONS[case.operation](remote(peer.port, case.timeout_s))
        except StepError as error:
            said = f"{type(error).__name__}: {error}"
            fits = case.error is not None and isinstance(error, case.error)
            fits = fits and re.search(case.words, str(error)) is not None
        else:
            fits = case.error is None and said == case.words
    took_s = time.monotonic() - start
    return "" if fits and took_s < DEADLINE_S else f"after {took_s:.1f} s: {said}"


def associations_threads() -> set[threading.Thread]:
    """Return the threads that run, but for the one that stands for all watchdogs: it stays."""
    return {each for each in threading.enumerate() if each.name != "watchdogs"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_hostile(operation: str) -> None:
    """All at the same time, as the time-outs are what most of them take."""
    gc.collect()
    threads, files = associations_threads(), open_files()
    cases = [case for case in CASES if case.operation == operation]
    with ThreadPoolExecutor(8) as pool:
        wrong = dict(zip((case.name for case in cases), pool.map(ended, cases), strict=True))
    assert {name: said for name, said in wrong.items() if said} == {}
    wait_until(lambda: associations_threads() <= threads, "the end of every thread")
    wait_until(lambda: open_files() <= files, "the end of every socket")


def test_there_are_enough() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def slowly(line: Line) -> None:
    """Read on and on, and far too slowly."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    line.negotiate()
    while line.sock.recv(20_000) and not line.over.wait(0.01):
        continue


def test_a_peer_that_reads_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something moves all the time, so that the time-out alone would not end it."""
    monkeypatch.setattr(watchdog, "SLOWEST_BYTES_S", 48_000_000)
    with RawPeer(slowly) as peer, pytest.raises(NoAnswerError, match=r"within 4\.5 s"):
        image(remote(peer.port, 2.0))
