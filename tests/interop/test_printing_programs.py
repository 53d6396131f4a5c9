"""LibreOffice, Chromium and Firefox print: what reaches the ticket, and the page at the store."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cups_fixtures import ticket_of
from desktop import Display, environment, require_desktop, running
from programs import absent, require
from pydicom import FileDataset, dcmread
from real_peers import StoreSCP
from running_service import RunningService

from dicom_printer.demo.cupsd import PrivateCups

CONFIG = """\
[service]
spool = "spool"

[remote.archive]
ae_title = "STORESCP"
host = "127.0.0.1"
port = {port}

[printer.DICOM_Printer]
workflow = "archive"
ask = ["PatientID"]

[[workflow.archive]]
action = "parse"
from = "title"
pattern = 'ACC(?P<AccessionNumber>[A-Z0-9]+)'

[[workflow.archive]]
action = "store"
remote = "archive"
dpi = 72
"""
TITLE = "Befund ACC4711 für heute"
# A title in the document's properties, which is another one than the name of the file.
REPORT = """\
<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:meta><dc:title>The properties' title</dc:title></office:meta>
<office:body><office:text><text:p>An invented report.</text:p></office:text></office:body>
</office:document>
"""
PAGE = f"""\
<!DOCTYPE html><html><head><meta charset="utf-8"><title>{TITLE}</title></head>
<body onload="window.print()"><p style="color: red">An invented report.</p></body></html>
"""
# Root's Chromium wants --no-sandbox; a container's /dev/shm may be too small for it.
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--password-store=basic",
    "--window-position=0,0",
    "--window-size=900,640",
]
# Prints at once and without a dialog, and stays off the network.
FIREFOX = {
    "print.always_print_silent": "true",
    "print_printer": '"DICOM_Printer"',
    "app.update.enabled": "false",
    "browser.aboutwelcome.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
    "termsofuse.bypassNotification": "true",
}


@dataclass
class Printed:
    """A print that arrived: its ticket, its document, and the page at the store."""

    ticket: dict[str, Any]
    document: Path
    page: FileDataset

    def said(self, program: str, *args: str) -> str:
        """Return what one of poppler's programs says of the document."""
        command = [program, str(self.document), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def assert_a4_with_text(self) -> None:
        """Fail unless it is one page of A4 whose text can be read."""
        info = dict(line.split(":", 1) for line in self.said("pdfinfo").splitlines())
        assert (info["Pages"].strip(), info["Page size"].strip()[-4:]) == ("1", "(A4)")
        assert "An invented report." in self.said("pdftotext", "-")
        assert (self.page.Rows, self.page.Columns) in {(842, 595), (842, 596), (843, 596)}


@dataclass
class Site:
    """The service, a queue that is the default, and a store."""

    service: RunningService
    archive: StoreSCP
    server: str
    seen: set[str]

    def printed(self) -> Printed:
        """Return the print that is new, when it is at the store; there may be no other."""

        def arrived(jobs: list[dict[str, Any]]) -> bool:
            new = [job for job in jobs if job["id"] not in self.seen]
            return bool(new) and all(job["state"] in {"done", "held"} for job in new)

        jobs = self.service.wait_until(arrived, timeout=180, every=0.2)
        ((identifier, state, error),) = (
            (job["id"], job["state"], job["error"]) for job in jobs if job["id"] not in self.seen
        )
        assert (state, error) == ("done", "")
        self.seen.add(identifier)
        (instance,) = self.service.show(identifier)["instances"]
        place = self.service.spool / "jobs" / identifier
        page = dcmread(self.archive.file(instance["sop_instance_uid"]))
        return Printed(ticket_of(place), place / "document.pdf", page)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("cupsd", "lpadmin", "storescp", "pdfinfo", "pdftotext")
    directory = tmp_path_factory.mktemp("site")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        StoreSCP(directory / "storescp") as archive,
        PrivateCups(conf=f"Listen {address}\n") as cups,
        RunningService(
            directory, CONFIG.format(port=archive.port), {"CUPS_SERVER": str(cups.socket)}
        ) as service,
    ):
        service.cli("printers", "install")
        cups.run("lpadmin", "-d", "DICOM_Printer")
        yield Site(service, archive, address, set())


@pytest.fixture
def display(site: Site, tmp_path: Path) -> Iterator[Display]:
    require_desktop()
    with Display(site.server, tmp_path) as screen:
        yield screen


def office(tmp_path: Path, env: dict[str, str], *args: str) -> None:
    """Print a report with LibreOffice, which ends by itself."""
    file = tmp_path / f"{TITLE}.fodt"
    file.write_text(REPORT, encoding="utf-8")
    with running(["soffice", *args, str(file)], env, tmp_path / "log") as program:
        assert program.wait(180) == 0, (tmp_path / "log").read_text()


def require_office() -> None:
    """Skip without a LibreOffice that speaks to CUPS; the one without a screen does not."""
    require("soffice")
    programs = Path(shutil.which("soffice") or "").resolve().parent
    if not (programs / "libvclplug_genlo.so").exists():
        absent("LibreOffice is the one without a screen, which prints nothing: libreoffice-writer")


def assert_from_libreoffice(printed: Printed) -> None:
    """Fail unless the title is the name of the file, and not that of its properties."""
    assert printed.ticket["title"] == f"{TITLE}.fodt"
    assert TITLE not in printed.ticket["filename"]  # that of a temporary file
    assert ["PageSize", "A4"] in printed.ticket["options"]
    assert printed.page.AccessionNumber == "4711"
    printed.assert_a4_with_text()


@pytest.mark.parametrize("args", [("--pt", "DICOM_Printer"), ("-p",)])
def test_libreoffice_without_a_screen(site: Site, tmp_path: Path, args: tuple[str, ...]) -> None:
    require_office()
    office(tmp_path, environment(site.server, tmp_path), "--headless", *args)
    assert_from_libreoffice(site.printed())


def test_libreoffice_on_a_screen(site: Site, display: Display, tmp_path: Path) -> None:
    require_office()
    office(tmp_path, display.env, "--nologo", "-p")
    assert_from_libreoffice(site.printed())


def test_libreoffice_takes_another_queue_for_one_that_is_not_there(
    site: Site, tmp_path: Path
) -> None:
    require_office()
    env = environment(site.server, tmp_path)
    office(tmp_path, env, "--headless", "--pt", "No_Such_Queue")
    assert site.printed().ticket["printer"] == "DICOM_Printer"


def chromium(tmp_path: Path, *args: str) -> list[str]:
    """Return the command of a Chromium that prints its page."""
    require_desktop("chromium")
    page = tmp_path / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    return ["chromium", *CHROMIUM, f"--user-data-dir={tmp_path / 'chromium'}", *args, page.as_uri()]


def assert_from_a_browser(printed: Printed) -> None:
    """Fail unless the title is that of the page, and the page is in colour."""
    assert printed.ticket["title"] == TITLE
    assert printed.ticket["filename"] == ""
    assert printed.page.AccessionNumber == "4711"
    assert printed.page.PhotometricInterpretation == "RGB"
    printed.assert_a4_with_text()


def test_chromium_without_its_dialog(site: Site, display: Display, tmp_path: Path) -> None:
    command = chromium(tmp_path, "--kiosk-printing")
    with running(command, display.env, tmp_path / "log"):
        printed = site.printed()
    assert_from_a_browser(printed)
    # It asks for gray, for the queue names no colours; what it sends is in colour all the same.
    assert ["ColorModel", "Grayscale"] in printed.ticket["options"]


def test_chromium_s_preview(site: Site, display: Display, tmp_path: Path) -> None:
    require_desktop("xdotool")
    with running(chromium(tmp_path), display.env, tmp_path / "log"):
        press_until_printed(site, display)
        printed = site.printed()
    assert_from_a_browser(printed)
    assert "PatientID" not in dict(printed.ticket["options"])
    assert "file:///" in printed.said("pdftotext", "-")  # it writes the address onto the page


def press_until_printed(site: Site, display: Display) -> None:
    """Press the button that has the focus, which is "Print", until there is a job."""
    end = time.monotonic() + 120
    while {job["id"] for job in site.service.jobs()} <= site.seen:
        assert time.monotonic() < end, "nothing was printed"
        time.sleep(1)  # a dialog that is not ready takes no key: there is nothing else to wait for
        if windows := display.windows("chromium"):
            display.do("windowfocus", windows[-1], "key", "Return")


def test_firefox(site: Site, display: Display, tmp_path: Path) -> None:
    require_desktop("firefox-esr")
    profile, page = tmp_path / "firefox", tmp_path / "page.html"
    profile.mkdir()
    lines = (f'user_pref("{name}", {value});\n' for name, value in FIREFOX.items())
    (profile / "user.js").write_text("".join(lines))
    page.write_text(PAGE, encoding="utf-8")
    command = ["firefox-esr", "--no-remote", "--profile", str(profile), page.as_uri()]
    with running(command, display.env, tmp_path / "log"):
        printed = site.printed()
    assert_from_a_browser(printed)
    assert ["media", "iso_a4"] in printed.ticket["options"]
