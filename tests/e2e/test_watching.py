"""A running service as Prometheus and systemd see it."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import documents
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_service import RunningService
from scp import ScriptedSCP

CONFIG = """\
[service]
spool = "spool"
metrics = "{listen}:0"

[remote.pacs]
ae_title = "SCRIPTED"
host = "127.0.0.1"
port = {port}

[printer.Printer]
workflow = "store"

[[workflow.store]]
action = "store"
remote = "pacs"
dpi = 50
retry = {{ first = "0.5s", longest = "0.5s", give_up = "1h" }}
"""
Samples = dict[tuple[str, ...], float]


def scrape(service: RunningService) -> tuple[str, Samples]:
    (url,) = re.findall(r"metrics at (http://\S+)", service.log.read_text())[-1:]
    with urllib.request.urlopen(url, timeout=30) as answer:
        text: str = answer.read().decode()
    return text, {
        (s.name.removeprefix("dicom_printer_"), *s.labels.values()): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def scraped_until(
    service: RunningService, condition: Callable[[Samples], bool], what: str
) -> Samples:
    end = time.monotonic() + 60
    while not condition(found := scrape(service)[1]):
        assert time.monotonic() < end, f"{what}; the last:\n{scrape(service)[0]}"
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("listen", ["127.0.0.1", "[::1]"])
def test_a_store_that_is_down_and_up_again_as_prometheus_sees_it(
    tmp_path: Path, listen: str
) -> None:
    pdf = documents.report(tmp_path / "Doe^Jane.pdf", pages=2)
    with ScriptedSCP() as scp:
        port = scp.port
    service = RunningService(tmp_path / "run", CONFIG.format(listen=listen, port=port))
    with service:
        (job,) = service.cli("submit", str(pdf), "-p", "Printer", "-t", "Doe^Jane").stdout.split()
        found = scraped_until(service, lambda s: s.get(("remote_up", "pacs")) == 0, "down")
        assert found["step_failures_total", "remote unreachable", "pacs"] >= 1
        assert found["remote_waiting_jobs", "pacs"] == 1
        assert found["pages_sent_total", "pacs"] == 0
        with ScriptedSCP(port=port):
            service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["done"])
            found = scraped_until(service, lambda s: s.get(("remote_up", "pacs")) == 1, "up")
            assert found["jobs", "Printer", "done"] == 1
            assert found["pages_sent_total", "pacs"] == 2
            assert found["delivery_seconds_count", "Printer"] == 1
            assert found["process_resident_memory_bytes",] > 1e6
        text = scrape(service)[0]
        assert not [word for word in ("Doe", "Jane", job[:8]) if word in text]
        service.restart()
        found = scrape(service)[1]
        assert found["jobs", "Printer", "done"] == 1, "asked of the table"
        assert found["pages_sent_total", "pacs"] == 0, "counted since the start"


def test_a_port_that_is_taken_is_a_trouble_and_stops_no_print(tmp_path: Path) -> None:
    with ScriptedSCP() as scp:
        text = CONFIG.format(listen="127.0.0.1", port=scp.port)
        text = text.replace("127.0.0.1:0", f"127.0.0.1:{scp.port}")
        pdf = documents.report(tmp_path / "a.pdf", pages=1)
        with RunningService(tmp_path / "run", text) as service:
            service.cli("submit", str(pdf), "-p", "Printer")
            service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["done"])
            assert "[service] metrics cannot be served" in service.cli("status").stdout
