"""kill -9 while a film is being printed: it is never printed twice, and never thought printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import documents
import pytest
from film_scp import ScriptedPrinter
from real_peers import wait_until
from running_service import RunningService

CONFIG = """
[service]
spool = "spool"

[remote.imager]
ae_title = "PRINTER"
host = "127.0.0.1"
port = {port}

[printer.Film]
workflow = "film"

[[workflow.film]]
action = "print"
remote = "imager"
dpi = 36
print_level = "film_box"
on_error = "continue"
retry = {{ first = "1s", longest = "1s" }}
"""


@pytest.fixture
def printer() -> Iterator[ScriptedPrinter]:
    with ScriptedPrinter() as made:
        yield made


@pytest.fixture
def service(printer: ScriptedPrinter, tmp_path: Path) -> Iterator[RunningService]:
    with RunningService(tmp_path / "service", CONFIG.format(port=printer.port)) as made:
        documents.gray(tmp_path / "document.pdf", pages=2)
        yield made


def killed_at(service: RunningService, printer: ScriptedPrinter, message: str) -> None:
    """Kill the service while it waits for the answer to a message, and start it again."""
    printer.faults = {message: "hang"}
    service.cli("submit", str(service.directory.parent / "document.pdf"), "-p", "Film")
    first = message.split(" ")[0]
    wait_until(lambda: any(m.startswith(first) for m in reversed(printer.messages)), message)
    service.kill9()
    printer.faults = {}
    service.start()


@pytest.mark.parametrize("message", ["N-SET image box"])
def test_killed_before_the_request_to_print_it_goes_on_by_itself(
    service: RunningService, printer: ScriptedPrinter, message: str
) -> None:
    killed_at(service, printer, message)
    service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
    assert printer.messages.count("N-ACTION film box") == 2


def test_killed_behind_the_request_to_print_the_job_is_held(
    service: RunningService, printer: ScriptedPrinter
) -> None:
    killed_at(service, printer, "N-ACTION film box 1")
    (job,) = service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["held"])
    assert job["reason"] == "outcome unknown"
    assert "film 1 (page 1)" in job["error"]
    assert printer.messages.count("N-ACTION film box") == 1
    shown = service.cli("show", job["id"]).stdout
    assert "outcome unknown" in shown
    assert "unknown" in shown.partition("films")[2]
    service.restart()
    assert service.jobs()[0]["state"] == "held", "a start does not bring it back"
    assert "left alone" in service.cli("release", "--all").stderr
    assert service.jobs()[0]["state"] == "held"
    service.cli("release", job["id"])
    service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["done"])
    assert printer.messages.count("N-ACTION film box") == 2, "page 2, and page 1 not again"
    assert "printed, by the word of a person" in str(service.show(job["id"])["events"])
