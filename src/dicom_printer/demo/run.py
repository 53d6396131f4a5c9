"""``dicom-printer demo``: the whole way on this machine, with nothing of it mocked.

A store that receives, a private cupsd, the service as a process of its own; a PDF goes in
with ``lp`` and the demo ends when its pages are at the store.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dicom_printer import checks, queues
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.errors import DicomPrinterError
from dicom_printer.network import Receiver
from dicom_printer.queues import Queue
from dicom_printer.spool import Spool

PRINTER = "DICOM_Printer"
_PATIENCE_S = 120.0
_CONFIG = """\
[service]
spool = "spool"

[remote.pacs]
ae_title = "DEMO_STORE"
host = "127.0.0.1"
port = {port}

[printer.{printer}]
info = "DICOM Printer"
workflow = "to_pacs"
ask = ["PatientID", "PatientName"]

[[workflow.to_pacs]]
action = "parse"
from = "title"
pattern = 'ACC(?P<AccessionNumber>\\w+)'

[[workflow.to_pacs]]
action = "store"
remote = "pacs"
"""


class DemoError(DicomPrinterError):
    """The demo did not come to its end."""

    remedy = "see the service's log, which stands above"


def run(directory: Path | None, say: Callable[[str], None]) -> int:
    """Print a report and see its pages arrive.

    Parameters
    ----------
    directory : Path, optional
        Where the demo leaves its files; a new temporary directory where it is not given.
    say : callable
        Takes each line for the person who watches.

    Returns
    -------
    int
        The exit code of the table that is shown last.
    """
    place = (directory or Path(tempfile.mkdtemp(prefix="dicom-printer-demo-"))).resolve()
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise DemoError(f"{place} is not empty", "name a new directory with --keep")
    place.chmod(0o755)  # cupsd's filters run as another user
    received = place / "received"
    with Receiver(received) as store:
        say(f"a store listens on 127.0.0.1:{store.port}")
        config = place / "dicom-printer.toml"
        config.write_text(_CONFIG.format(port=store.port, printer=PRINTER))
        spool = Spool(checks.load(config).service.spool)
        with _service(config, spool), PrivateCups() as cups:
            say("a private cupsd and the service run")
            ask = ("PatientID", "PatientName")
            queue = Queue(PRINTER, "DICOM Printer", "", ask, spool.root)
            say(f"queue {PRINTER}: {queues.install(queue, str(cups.socket))}")
            report = Path(__file__).with_name("report.pdf")
            options = ["-o", "PatientID=Custom.DEMO-4711", "-o", "PatientName=Custom.Demo^Dora"]
            cups.lp("-d", PRINTER, "-t", "Laboratory report ACC20261", *options, str(report))
            say("printed with: lp -d DICOM_Printer -o PatientID=Custom.DEMO-4711 … report.pdf\n")
            job_id = _wait(config, lambda: store.received)
            _tool(config, "jobs")
            say(f"\nreceived: {store.received} instances in {received}")
            picture = place / "first-page.png"
            _first_page(received, picture)
            say(f"the first page as the PACS has it: {picture}")
            say(f"look further: dicom-printer show {job_id[:8]} --config {config}")
    return 0


@contextmanager
def _service(config: Path, spool: Spool) -> Iterator[None]:
    process = subprocess.Popen([*_command("serve"), "--config", str(config)])
    try:
        _until(lambda: spool.service_runs() or process.poll() is not None, "the service to start")
        if process.poll() is not None:
            raise DemoError("the service did not start")
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _wait(config: Path, received: Callable[[], int]) -> str:
    """Wait until the one job is done, and return its id."""
    import json

    job: dict[str, str] = {}

    def ended() -> bool:
        command = [*_command("jobs"), "--json", "--config", str(config)]
        listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        job.update(listed[0] if listed else {})
        return job.get("state") in {"done", "held", "discarded"}

    _until(ended, "the job to end")
    if job["state"] != "done" or not received():
        raise DemoError(f"the job is {job['state']}: {job['error']}")
    return job["id"]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {_PATIENCE_S:.0f} s in vain for {what}")
        time.sleep(0.1)


def _command(verb: str) -> list[str]:
    return [sys.executable, "-m", "dicom_printer", verb]


def _tool(config: Path, verb: str) -> None:
    sys.stdout.flush()
    subprocess.run([*_command(verb), "--config", str(config)], check=True, env=dict(os.environ))


def _first_page(received: Path, picture: Path) -> None:
    """Write the first page as PNG, read from what the store received and nothing else."""
    import pydicom
    from PIL import Image

    files = received.glob("*.dcm")
    first = min((pydicom.dcmread(f) for f in files), key=lambda ds: int(ds.InstanceNumber))
    Image.fromarray(first.pixel_array).save(picture)
