"""The queue as people use it: real `lp`, a private cupsd, its filters, our backend and PPD."""

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cups_fixtures import entries, make_spool, private_cups, spool, ticket_of, wait_for
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from dicom_printer import queues, ticket
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.ppd import typed_value

__all__ = ["private_cups", "spool"]

# job-state and printer-state, RFC 8011 sections 5.3.7 and 5.4.11
PENDING, CANCELED, COMPLETED = 3, 7, 9
STOPPED = 5

Print = Callable[..., int]


@pytest.fixture
def queue(private_cups: PrivateCups, spool: Path, request: pytest.FixtureRequest) -> str:
    name = f"q{abs(hash(request.node.name))}"
    wanted = queues.Queue(name, "DICOM Printer", "", ("PatientID",), spool)
    assert queues.install(wanted, str(private_cups.socket)) == "created"
    return name


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "two pages.pdf"
    canvas = Canvas(str(path), pagesize=(842, 595))
    for page in (1, 2):
        canvas.drawString(50, 50, f"Page {page}")
        canvas.showPage()
    canvas.save()
    return path


def attributes(cups: PrivateCups, job: int) -> dict[str, Any]:
    import cups as pycups

    found: dict[str, Any] = pycups.Connection(str(cups.socket)).getJobAttributes(job)
    return found


def wait_for_state(cups: PrivateCups, job: int, state: int) -> None:
    wait_for(lambda: attributes(cups, job)["job-state"] == state, f"job-state {state}")


def queue_state(cups: PrivateCups, name: str) -> queues.QueueState:
    return next(one for one in queues.listing(str(cups.socket)) if one.name == name)


def printed(cups: PrivateCups, spool: Path, queue: str, *args: str) -> list[Path]:
    """Print with lp, wait for the job's end, check every ticket, and return the entries."""
    job = cups.lp("-d", queue, *args)
    wait_for_state(cups, job, COMPLETED)
    found = entries(spool)
    for entry in found:
        told = ticket.read((entry / "ticket.json").read_bytes(), entry.name)
        assert told.cups_job_id == job
        assert told.printer == queue
        assert told.size == (entry / told.document).stat().st_size
    return found


def test_cups_lists_the_device(private_cups: PrivateCups) -> None:
    assert "file dicom:/var/spool/dicom-printer" in private_cups.run("lpinfo", "-v")


def test_a_pdf_arrives_byte_by_byte(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path
) -> None:
    args = ("-t", "Größe „A“ $(id) \\ 患者", "-o", "page-ranges=2", "-n", "2", str(pdf))
    (entry,) = printed(private_cups, spool, queue, *args)
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()
    told = ticket.read((entry / "ticket.json").read_bytes(), entry.name)
    assert told.title == "Größe „A“ $(id) \\ 患者"
    assert told.copies == 2
    assert told.option("page-ranges") == "2"
    assert told.filename == "two pages.pdf"
    assert told.content_type == "application/pdf"
    assert told.host == "localhost"
    assert told.cups_job_uuid.startswith("urn:uuid:")
    assert told.dedup == f"{told.cups_job_uuid}:{told.sha256}"
    assert not list((spool / "tmp").iterdir())
    assert "spool-error" not in queue_state(private_cups, queue).message


def test_two_files_of_one_job_are_two_entries(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path, tmp_path: Path
) -> None:
    image = tmp_path / "b.png"
    Image.new("RGB", (40, 30), "red").save(image)
    first, second = printed(private_cups, spool, queue, str(pdf), str(image))
    assert (first / "document.pdf").read_bytes() == pdf.read_bytes()
    assert (second / "document.pdf").read_bytes().startswith(b"%PDF-")
    assert ticket_of(first)["filename"] == ticket_of(second)["filename"] == ""


def make_text(path: Path) -> None:
    path.write_text("Befund: unauffällig\n", encoding="utf-8")


def make_png(path: Path) -> None:
    Image.new("RGB", (400, 300), "blue").save(path, "PNG")


def make_jpeg(path: Path) -> None:
    Image.new("L", (400, 300), 99).save(path, "JPEG")


def make_postscript(path: Path) -> None:
    path.write_text("%!PS-Adobe-3.0\n/Courier findfont 20 scalefont setfont\n"
                    "50 50 moveto (x) show showpage\n")  # fmt: skip


@pytest.mark.parametrize("make", [make_text, make_png, make_jpeg, make_postscript])
def test_everything_else_arrives_as_pdf(
    private_cups: PrivateCups,
    spool: Path,
    queue: str,
    tmp_path: Path,
    make: Callable[[Path], None],
) -> None:
    make(tmp_path / "document")
    (entry,) = printed(private_cups, spool, queue, str(tmp_path / "document"))
    document = (entry / "document.pdf").read_bytes()
    assert document.startswith(b"%PDF-")
    assert b"%%EOF" in document[-1024:]


@pytest.mark.parametrize("value", ["Custom.PID 4711-Ü 'x'", "PID 4711-Ü 'x'"])
def test_a_value_typed_into_the_dialog_arrives(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path, value: str
) -> None:
    quoted = value.replace(" ", "\\ ").replace("'", "\\'")
    (entry,) = printed(private_cups, spool, queue, "-o", f"PatientID={quoted}", str(pdf))
    told = ticket.read((entry / "ticket.json").read_bytes(), entry.name)
    assert typed_value(told.option("PatientID") or "") == "PID 4711-Ü 'x'"


def test_a_banner_does_not_arrive(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path
) -> None:
    (entry,) = printed(private_cups, spool, queue, "-o", "job-sheets=standard,none", str(pdf))
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()


def test_a_filter_that_fails_cancels_the_job_and_the_queue_goes_on(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.ps"
    broken.write_text("%!PS-Adobe-3.0\nthis is not PostScript\n")
    job = private_cups.lp("-d", queue, str(broken))
    wait_for_state(private_cups, job, CANCELED)
    assert entries(spool) == []
    assert len(printed(private_cups, spool, queue, str(pdf))) == 1


def test_a_job_canceled_in_its_filter_leaves_nothing(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path, tmp_path: Path
) -> None:
    endless = tmp_path / "endless.ps"
    endless.write_text("%!PS-Adobe-3.0\n{} loop\n")
    job = private_cups.lp("-d", queue, str(endless))
    wait_for(lambda: queue_state(private_cups, queue).state == "processing", "the filter runs")
    private_cups.run("cancel", str(job))
    wait_for_state(private_cups, job, CANCELED)
    assert len(printed(private_cups, spool, queue, str(pdf))) == 1  # the queue goes on
    assert not list((spool / "tmp").iterdir())


def test_raw_junk_cancels_the_job(
    private_cups: PrivateCups, spool: Path, queue: str, tmp_path: Path
) -> None:
    (tmp_path / "junk").write_bytes(b"\x00\x01 junk")
    job = private_cups.lp("-d", queue, "-o", "raw", str(tmp_path / "junk"))
    wait_for_state(private_cups, job, CANCELED)
    assert entries(spool) == []


def test_without_a_spool_the_job_waits_until_it_is_there(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path
) -> None:
    shutil.rmtree(spool)
    job = private_cups.lp("-d", queue, str(pdf))
    wait_for(lambda: queue_state(private_cups, queue).state == "stopped", "the queue stops")
    assert attributes(private_cups, job)["job-state"] == PENDING
    assert "cupsenable" in queue_state(private_cups, queue).message
    assert "com.dicom-printer.spool-error" in private_cups.run("lpstat", "-l", "-p", queue)
    make_spool(spool)
    private_cups.run("cupsenable", queue)
    wait_for_state(private_cups, job, COMPLETED)
    (entry,) = entries(spool)
    assert (entry / "document.pdf").read_bytes() == pdf.read_bytes()
    assert "spool-error" not in private_cups.run("lpstat", "-l", "-p", queue)


@pytest.mark.skipif(os.getuid() != 0, reason="only root has privileges to drop")
def test_root_hands_over_as_the_owner_of_the_spool(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path, tmp_path: Path
) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in (spool, spool / "tmp", spool / "incoming"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    make_text(tmp_path / "text")
    assert len(printed(private_cups, spool, queue, str(pdf))) == 1
    private_cups.lp("-d", queue, str(tmp_path / "text"))
    wait_for(lambda: len(entries(spool)) == 2, "the text arrives")
    owners = {path.stat().st_uid for entry in entries(spool) for path in [entry, *entry.iterdir()]}
    assert owners == {nobody.pw_uid}


def test_a_remote_that_is_down_is_the_queues_message_until_a_print_finds_it_up(
    private_cups: PrivateCups, spool: Path, queue: str, pdf: Path
) -> None:
    text = "pacs has not answered since 2026-01-31 09:30"
    (spool / "notices.json").write_text(f'{{"{queue}": "{text}"}}')
    printed(private_cups, spool, queue, str(pdf))
    wait_for(lambda: queue_state(private_cups, queue).message == f"{text}.", "the message")
    shown = private_cups.run("lpstat", "-l", "-p", queue)
    assert f"{text}." in shown
    assert "Alerts: com.dicom-printer.remote-down-warning" in shown
    assert queue_state(private_cups, queue).state == "idle"
    (spool / "notices.json").write_text("{}")
    private_cups.lp("-d", queue, str(pdf))
    wait_for(lambda: len(entries(spool)) == 2, "the second print")
    wait_for(lambda: queue_state(private_cups, queue).message == "", "no message")
    assert "Alerts: none" in private_cups.run("lpstat", "-l", "-p", queue)
