"""A running service as Prometheus and systemd see it."""

from __future__ import annotations

import re
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import documents
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_service import RunningService, all_done
from scp import ScriptedSCP

HANGS_S = 3.0
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
        found = scraped_until(
            service, lambda s: s.get(("remote_waiting_jobs", "pacs")) == 1, "a job that waits"
        )
        assert found["remote_up", "pacs"] == 0
        assert found["step_failures_total", "remote unreachable", "pacs"] >= 1
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


class Systemd:
    """The end of the notification socket that systemd has."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def told_within(self, seconds: float) -> list[str]:
        """Return what is said from now on, for so long."""
        told, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(TimeoutError):
                told.append(self._socket.recv(4096).decode())
        return told

    def wait_for(self, text: str) -> str:
        """Wait until something is said that holds `text`, and return it."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(TimeoutError):
                said = self._socket.recv(4096).decode()
                if text in said:
                    return said
        raise AssertionError(f"systemd was never told {text}")


def test_a_busy_dispatcher_feeds_the_watchdog_and_a_hung_one_does_not(tmp_path: Path) -> None:
    pdf = documents.report(tmp_path / "a.pdf", pages=1)
    with Systemd(tmp_path / "notify") as systemd, ScriptedSCP(delay_s=0.5) as scp:
        text = CONFIG.format(listen="127.0.0.1", port=scp.port)
        env = {"NOTIFY_SOCKET": systemd.address}
        with RunningService(tmp_path / "run", text, env) as service:
            systemd.wait_for("READY=1")
            for _ in range(4):
                service.cli("submit", str(pdf), "-p", "Printer")
            # Four workers wait for a slow store, and the dispatcher turns all the same.
            told = systemd.told_within(HANGS_S)
            assert told.count("WATCHDOG=1") >= 3
            rest = "STATUS=0 ready, 0 running, 0 suspended, 0 held; 0 troubles"
            if not any(rest in text for text in told):  # said once, when it comes to be so
                told.append(systemd.wait_for(rest))
            assert not any(job["id"][:8] in text for job in service.jobs() for text in told)
            service.wait_until(all_done(4))
            # Whoever holds the job table's lock makes the next writer wait: the dispatcher,
            # as soon as there is a job to claim.
            with sqlite3.connect(service.spool / "jobs.sqlite3", isolation_level=None) as other:
                other.execute("UPDATE job SET state = 'ready', step = 0")
                other.execute("BEGIN IMMEDIATE")
                systemd.told_within(HANGS_S)
                assert systemd.told_within(HANGS_S).count("WATCHDOG=1") == 0
                other.execute("ROLLBACK")
            systemd.wait_for("WATCHDOG=1")
            service.terminate()
            systemd.wait_for("STOPPING=1")
