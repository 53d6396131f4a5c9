"""A hot folder whose files and directories become links at the worst moment, over and over."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from dicom_printer.folder_listing import Stability
from dicom_printer.hotfolder import HotFolder
from dicom_printer.spool import INCOMING, Spool
from dicom_printer.taking import REJECTED

SECRET = b"%PDF-1.4 of somebody else"
OWN = b"%PDF-1.4 the user's own"
TAKEN = 25


def swap_files(inbox: Path, secret: Path, over: threading.Event) -> None:
    """Put a document under a name, then a link in its place, and so on."""
    for number in itertools.count():
        if over.is_set():
            return
        made, name = inbox / f".{number}", inbox / f"{number % 7}.pdf"
        made.write_bytes(OWN)
        made.rename(name)
        with suppress(OSError):
            (inbox / ".link").symlink_to(secret)
            (inbox / ".link").rename(name)


def swap_directories(inbox: Path, secret: Path, over: threading.Event) -> None:
    """Put a directory with a document there, then a link to another one in its place."""
    for number in itertools.count():
        if over.is_set():
            return
        name, away = inbox / "ward", inbox / f".away{number}"
        with suppress(OSError):
            name.mkdir()
            (name / secret.name).write_bytes(OWN)
            time.sleep(0)  # another thread's turn
            name.rename(away)
            name.symlink_to(secret.parent)
        with suppress(OSError):
            name.unlink()


@pytest.mark.parametrize("swap", [swap_files, swap_directories])
def test_no_link_is_followed_whenever_it_appears(
    tmp_path: Path, spool: Spool, swap: object
) -> None:
    inbox, elsewhere = tmp_path / "inbox", tmp_path / "elsewhere"
    inbox.mkdir()
    elsewhere.mkdir()
    secret = elsewhere / "secret.pdf"
    secret.write_bytes(SECRET)
    folder = HotFolder(inbox, "P", spool, Stability(0))
    over = threading.Event()
    thread = threading.Thread(target=swap, args=(inbox, secret, over))  # type: ignore[arg-type]
    thread.start()
    try:
        end, now = time.monotonic() + 60, 0.0
        while len(spool.incoming()) < TAKEN and time.monotonic() < end:
            now += 1
            folder.collect(now, set())
    finally:
        over.set()
        thread.join()
    taken = {p.read_bytes() for p in (spool.root / INCOMING).glob("*/document.pdf")}
    assert taken == {OWN}, "the race was run, and never won"
    assert secret.read_bytes() == SECRET
    assert [path.name for path in elsewhere.iterdir()] == ["secret.pdf"]
    for path in (inbox / REJECTED).glob("*"):
        assert path.is_symlink() or path.is_dir() or SECRET not in path.read_bytes()
