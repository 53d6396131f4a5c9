"""GTK's print dialog on a screen of its own: the queue is listed, the fields of `ask` are typed.

The screenshot of docs/printing.md is what this test sees, where ``DICOM_PRINTER_SCREENSHOT``
names a file for it.
"""

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cups_fixtures import entries, spool, ticket_of, wait_for
from desktop import Display, require_desktop
from programs import require

from dicom_printer import queues
from dicom_printer.demo.cupsd import PrivateCups

__all__ = ["spool"]

PYTHON = "/usr/bin/python3"  # Debian's, which has its python3-gi
DIALOG = Path(__file__).parents[1] / "gtk_dialog.py"
NAME = "DICOM_Printer"
SHOT = """
import sys, gi
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk
root = Gdk.get_default_root_window()
size = (0, 0, root.get_width(), root.get_height())
Gdk.pixbuf_get_from_window(root, *size).savev(sys.argv[1], "png", ["compression"], ["9"])
"""


def require_gtk() -> None:
    """Skip without GTK 3 and Debian's Python for it."""
    require_desktop("xdotool", PYTHON)
    gtk = "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk"
    if subprocess.run([PYTHON, "-c", gtk], capture_output=True, check=False).returncode:
        pytest.skip("not installed: GTK 3 for Python (packaging/system-packages desktop)")


class Screen(Display):
    """A screen, and a program on it that says where its things are."""

    def __init__(self, server: str, home: Path) -> None:
        super().__init__(server, home)
        self._program = subprocess.Popen(
            [PYTHON, str(DIALOG)], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._rest = b""

    def __exit__(self, *error: object) -> None:
        self._program.kill()
        self._program.communicate()
        super().__exit__(*error)

    def _seen(self) -> dict[str, list[int]]:
        """Return the newest line the program has said."""
        assert self._program.stdout
        while select.select([self._program.stdout], [], [], 0)[0]:
            self._rest += os.read(self._program.stdout.fileno(), 1 << 16)
        lines = self._rest.split(b"\n")
        found: dict[str, list[int]] = json.loads(lines[-2]) if len(lines) > 1 else {}
        return found

    def click(self, text: str) -> None:
        """Click on what has this text, as soon as it is there."""
        wait_for(lambda: text in self._seen(), f"{text!r} on the screen", 60)
        time.sleep(0.5)  # it may still be moving: what is said is up to 0.2 s old
        self.do("mousemove", *map(str, self._seen()[text]), "click", "1")

    def type(self, entry: str, text: str) -> None:
        """Type into an entry, over what stands in it."""
        self.click(f"entry {entry}")
        self.do("key", "ctrl+a")
        self.do("type", "--delay", "50", text)

    def shoot(self, path: str) -> None:
        subprocess.run([PYTHON, "-c", SHOT, path], env=self.env, timeout=60, check=True)


@pytest.fixture
def server(spool: Path) -> Iterator[str]:
    require("cupsd", "lpadmin")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with PrivateCups(conf=f"Listen {address}\n") as cups:
        ask = ("PatientID", "AccessionNumber")
        wanted = queues.Queue(NAME, "DICOM Printer", "Radiology", ask, spool)
        queues.install(wanted, str(cups.socket))
        yield address


def test_what_is_typed_in_the_dialog_is_in_the_ticket(
    server: str, spool: Path, tmp_path: Path
) -> None:
    require_gtk()
    with Screen(server, tmp_path) as screen:
        screen.click(NAME)
        screen.click("Advanced")
        screen.type("Patient ID", "PID 4711")
        screen.type("Accession Number", "A-17")
        if shot := os.environ.get("DICOM_PRINTER_SCREENSHOT"):
            screen.shoot(shot)
        screen.click("Print")
        wait_for(lambda: entries(spool), "the print in the spool", 120)
    (entry,) = entries(spool)
    told: dict[str, Any] = ticket_of(entry)
    assert ["PatientID", "Custom.PID 4711"] in told["options"]
    assert ["AccessionNumber", "Custom.A-17"] in told["options"]
    assert told["title"].endswith("Report")
    assert (entry / "document.pdf").read_bytes().startswith(b"%PDF-")
