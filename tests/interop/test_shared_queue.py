"""The queue from another machine, by IPP: how macOS, Windows, phones and other CUPS servers print.

Each client talks to the queue's TCP port and knows nothing of our files.
"""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cups_fixtures import entries, make_spool, spool, ticket_of, wait_for
from PIL import Image
from programs import require
from reportlab.pdfgen.canvas import Canvas

from dicom_printer import queues
from dicom_printer.demo.cupsd import PrivateCups

__all__ = ["spool"]

NAME = "DICOM_Printer"
WIDTH, HEIGHT = 827, 1169  # A4 at 100 dpi
PRINT = """{
OPERATION Print-Job
GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
ATTR name requesting-user-name maria
ATTR name job-name "Größe „A“"
ATTR mimeMediaType document-format $filetype
GROUP job-attributes-tag
ATTR name PatientID "4711"
ATTR integer copies 2
FILE $filename
STATUS successful-ok
}
"""


class Shared:
    """A queue that is reached at a TCP port, and the programs of a client without our files."""

    def __init__(self, cups: PrivateCups, port: int) -> None:
        self.cups = cups
        self.port = port
        self.uri = f"ipp://127.0.0.1:{port}/printers/{NAME}"

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def server() -> Iterator[Shared]:
    require("cupsd", "lp", "lpadmin", "ipptool")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with PrivateCups(conf=f"Listen 127.0.0.1:{port}\n") as cups:
        yield Shared(cups, port)


@pytest.fixture
def shared(server: Shared, spool: Path) -> Shared:
    # CUPS begins a job anew whose queue is changed meanwhile; its backend may not have ended yet.
    wait_for(lambda: not server.cups.run("lpstat", "-o"), "the end of the test before", 120)
    wanted = queues.Queue(NAME, "DICOM Printer", "", ("PatientID",), spool, shared=True)
    queues.install(wanted, str(server.cups.socket))
    return server


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(50, 50, "Report")
    canvas.save()
    return path


def arrived(spool: Path) -> tuple[Path, dict[str, Any]]:
    wait_for(lambda: entries(spool), "the print in the spool", 120)
    (entry,) = entries(spool)
    return entry, ticket_of(entry)


def test_it_answers_what_clients_ask(shared: Shared, pdf: Path) -> None:
    said = shared.run("ipptool", "-tv", shared.uri, "get-printer-attributes.test")
    formats = next(line for line in said.splitlines() if "document-format-supported" in line)
    for known in ("application/pdf", "image/urf", "image/pwg-raster", "image/jpeg"):
        assert known in formats
    assert "[FAIL]" not in said
    shared.run("ipptool", "-t", "-f", str(pdf), shared.uri, "validate-job.test")


def test_what_an_ipp_client_sends_is_in_the_ticket(
    shared: Shared, spool: Path, pdf: Path, tmp_path: Path
) -> None:
    (tmp_path / "print.test").write_text(PRINT, encoding="utf-8")
    shared.run("ipptool", "-t", "-f", str(pdf), shared.uri, str(tmp_path / "print.test"))
    entry, told = arrived(spool)
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()
    assert (told["user"], told["title"], told["copies"]) == ("maria", "Größe „A“", 2)
    assert ["PatientID", "4711"] in told["options"]
    assert told["filename"] == "", "an IPP client need not name the file"


def test_lp_from_another_host(shared: Shared, spool: Path, pdf: Path) -> None:
    host = f"127.0.0.1:{shared.port}"
    assert "PatientID/" in shared.run("lpoptions", "-h", host, "-p", NAME, "-l")
    shared.run("lp", "-h", host, "-d", NAME, "-o", "PatientID=4712", "-t", "t", str(pdf))
    entry, told = arrived(spool)
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()
    assert ["PatientID", "4712"] in told["options"]
    assert told["filename"] == "report.pdf"


def test_a_driverless_queue_of_another_cups(shared: Shared, spool: Path, pdf: Path) -> None:
    with PrivateCups() as client:
        theirs = client.directory / "bin" / "backend" / "ipp"
        theirs.symlink_to(client.directory / "bin" / "filter" / ".." / "backend" / "ipp")
        client.run("lpadmin", "-p", "far", "-v", shared.uri, "-m", "everywhere", "-E")
        ppd = client.directory / "etc" / "ppd" / "far.ppd"
        wait_for(ppd.exists, "what cupsd makes of the far queue", 60)
        assert "PatientID" not in ppd.read_text(), (
            "no field in a dialog: the driverless view has none"
        )
        client.lp("-d", "far", "-t", "far title", "-o", "PatientID=4713", str(pdf))
        entry, told = arrived(spool)
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()
    assert told["title"] == "far title"
    assert ["PatientID", "4713"] in told["options"], "lp -o goes through all the same"


def white_lines() -> bytes:
    """A white gray page in the run lengths that PWG raster and URF share."""
    full, rest = divmod(WIDTH, 128)
    line = b"\x7f\xff" * full + (struct.pack(">B", rest - 1) + b"\xff" if rest else b"")
    blocks, left = divmod(HEIGHT, 256)
    return (b"\xff" + line) * blocks + (struct.pack(">B", left - 1) + line)


def make_pwg(path: Path) -> None:
    """PWG 5102.4: a header as CUPS raster's, big-endian."""
    header = bytearray(1796)
    header[:9] = b"PwgRaster"
    fields = {276: 100, 280: 100, 340: 1, 352: 595, 356: 842, 372: WIDTH, 376: HEIGHT,
              384: 8, 388: 8, 392: WIDTH, 400: 18, 420: 1}  # fmt: skip
    for offset, value in fields.items():
        struct.pack_into(">I", header, offset, value)
    path.write_bytes(b"RaS2" + bytes(header) + white_lines())


def make_urf(path: Path) -> None:
    page = struct.pack(">4B8xIII8x", 8, 0, 1, 4, WIDTH, HEIGHT, 100)
    path.write_bytes(b"UNIRAST\0" + struct.pack(">I", 1) + page + white_lines())


def make_jpeg(path: Path) -> None:
    Image.new("L", (400, 300), 99).save(path, "JPEG")


@pytest.mark.parametrize(
    ("kind", "make"),
    [("image/jpeg", make_jpeg), ("image/pwg-raster", make_pwg), ("image/urf", make_urf)],
)
def test_what_phones_send_comes_as_pdf(
    shared: Shared, spool: Path, tmp_path: Path, kind: str, make: Any
) -> None:
    make(tmp_path / "page")
    text = PRINT.replace("$filetype", kind)
    (tmp_path / "print.test").write_text(text, encoding="utf-8")
    shared.run(
        "ipptool", "-t", "-f", str(tmp_path / "page"), shared.uri, str(tmp_path / "print.test")
    )
    entry, told = arrived(spool)
    assert (entry / "document.pdf").read_bytes().startswith(b"%PDF-")
    assert told["content_type"] == kind


FROM_AFAR = """
import subprocess, sys, time
from pathlib import Path
from dicom_printer import queues
from dicom_printer.demo.cupsd import PrivateCups

spool, pdf = map(Path, sys.argv[1:])
lo = ("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(lo, check=True)
with PrivateCups(conf="Listen 192.0.2.1:8631\\n") as cups:
    for shared in (False, True):
        wanted = queues.Queue("P", "P", "", (), spool, shared=shared)
        queues.install(wanted, str(cups.socket))
        lp = ["lp", "-h", "192.0.2.1:8631", "-d", "P", str(pdf)]
        done = subprocess.run(lp, capture_output=True, text=True, timeout=60)
        print(done.returncode, done.stdout, done.stderr)
    while not list((spool / "incoming").iterdir()):
        time.sleep(0.05)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="a network of its own needs root")
def test_a_queue_that_is_not_shared_refuses_another_host(tmp_path: Path, pdf: Path) -> None:
    require("unshare", "ip", "cupsd")
    spool = make_spool(tmp_path / "spool")
    command = ["unshare", "-n", sys.executable, "-c", FROM_AFAR, str(spool), str(pdf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert "1 " in done.stdout
    assert "lp: The printer or class is not shared." in done.stdout
    assert "0 request id is P-1" in done.stdout
    _, told = arrived(spool)
    assert told["host"] == "192.0.2.1"
