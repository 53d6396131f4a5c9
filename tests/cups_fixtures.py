"""A spool, a private cupsd, and waiting by condition: what the tests of the queue share."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import require

from dicom_printer.demo.cupsd import PrivateCups


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until `condition` holds; fail, naming `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def make_spool(path: Path) -> Path:
    """Make a spool as the service does, only the two directories the backend needs."""
    path.mkdir(mode=0o700)
    for name in ("tmp", "incoming"):
        (path / name).mkdir(mode=0o700)
    return path


def entries(spool: Path) -> list[Path]:
    """Return the directories in incoming, the oldest first."""
    return sorted((spool / "incoming").iterdir(), key=lambda path: path.stat().st_ctime_ns)


def ticket_of(entry: Path) -> dict[str, Any]:
    """Return an entry's ticket as plain JSON."""
    found: dict[str, Any] = json.loads((entry / "ticket.json").read_bytes())
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Return a spool that is empty."""
    return make_spool(tmp_path / "spool")


@pytest.fixture(scope="module")
def private_cups() -> Iterator[PrivateCups]:
    """Start a cupsd for all tests of one module."""
    require("cupsd", "lp", "lpadmin")
    with PrivateCups() as cups:
        yield cups
