"""A store that is off, silent, or does not know us; and the operators meanwhile."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import documents
import pytest
import real_peers
from gated_scp import GatedSCP
from jobs_made import commit
from real_peers import free_port, wait_until
from running_service import RunningService
from scp import ScriptedSCP

from dicom_printer.spool import Spool

REMOTE = """
[remote.{name}]
ae_title = "{ae_title}"
host = "127.0.0.1"
port = {port}
association_timeout = "2s"

[printer.{name}]
workflow = "{name}"

[[workflow.{name}]]
action = "store"
remote = "{name}"
dpi = 36
"""


def config(*remotes: str) -> str:
    return '[service]\nspool = "spool"\n' + "".join(remotes)


def remote(name: str, port: int, step: str = "", ae_title: str = "PACS") -> str:
    """Return a remote, with a printer and a workflow of the same name that stores to it."""
    return REMOTE.format(name=name, port=port, ae_title=ae_title) + step + "\n"


def retry(first: str, longest: str = "1h", give_up: str = "1d") -> str:
    return f'retry = {{ first = "{first}", longest = "{longest}", give_up = "{give_up}" }}'


EVERY_SECOND = retry("1s", "1s")


def submit(service: RunningService, printer: str = "pacs", pages: int = 1) -> str:
    pdf = documents.report(service.directory / "report.pdf", pages)
    return commit(Spool(service.spool), pdf.read_bytes(), printer=printer).id


def job_of(service: RunningService, job_id: str) -> dict[str, Any]:
    found = (job for job in service.jobs() if job["id"] == job_id)
    return next(found, {"id": job_id, "state": "incoming"})  # no row before it is adopted


def states(jobs: list[dict[str, Any]]) -> set[str]:
    return {job["state"] for job in jobs}


class SilentRemote:
    """Takes TCP connections, counts them, and never says a word."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def _take(self) -> None:
        while not self._over.is_set():
            if select.select([self._socket], [], [], 0.05)[0]:
                self.connections.append(self._socket.accept()[0])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for each in [self._socket, *self.connections]:
            each.close()


def test_store_switched_off_and_on(tmp_path: Path) -> None:
    with real_peers.storescp(tmp_path / "store", "+xa") as peer:
        text = config(remote("pacs", peer.port, EVERY_SECOND))
        with RunningService(tmp_path / "service", text) as service:
            service.cli("status", "--check")
            peer.stop()
            for _ in range(10):
                submit(service)
            jobs = service.wait_until(lambda js: len(js) == 10 and states(js) == {"suspended"})
            for job in jobs:
                assert job["reason"] == "remote unreachable"
                assert f"(PACS at 127.0.0.1:{peer.port}): no TCP connection" in job["error"]
                assert "dicom-printer echo" in job["error"]
                assert job["next_attempt"] - time.time() < 2

            status = service.cli("status", "--check", "--json", check=False)
            assert status.returncode == 1
            found = json.loads(status.stdout)
            assert found["healthy"] is False
            assert found["remotes"]["pacs"]["up"] is False
            assert "no TCP connection" in found["remotes"]["pacs"]["error"]
            assert found["remotes"]["pacs"]["next_attempt"] > 0
            printer = found["printers"]["pacs"]
            assert printer["suspended"] + printer["ready"] + printer["running"] == 10
            assert "no TCP connection" in printer["last_error"]
            assert "down" in service.cli("status").stdout
            said = service.spool / "notices.json"
            service.wait_until(lambda _: "pacs has not answered" in said.read_text())

            peer.start()
            service.wait_until(lambda jobs: states(jobs) == {"done"})
            assert len(peer.files()) == 10
            service.cli("status", "--check")
            service.wait_until(lambda _: said.read_text() == "{}")


def test_silent_remote_costs_one_attempt_in_turn_and_not_one_for_each_job(tmp_path: Path) -> None:
    with SilentRemote() as silent:
        text = config(remote("pacs", silent.port, retry("4s", "4s")))
        with RunningService(tmp_path / "service", text) as service:
            for _ in range(10):
                submit(service)
            begin = time.monotonic()
            jobs = service.wait_until(lambda js: len(js) == 10 and states(js) == {"suspended"})
            waited_s = time.monotonic() - begin
            assert len(silent.connections) == 1
            assert len({job["next_attempt"] for job in jobs}) == 1
            assert "no answer to the association request" in jobs[-1]["error"]
            wait_until(lambda: len(silent.connections) == 2, "the second attempt")
            service.wait_until(lambda jobs: states(jobs) == {"suspended"})
            assert len(silent.connections) == 2
            # ten time-outs of two seconds would have been twenty
            assert waited_s < 10


def test_retry_by_a_person_sends_at_once(tmp_path: Path) -> None:
    scp = ScriptedSCP(port=free_port())
    text = config(remote("pacs", scp.port, retry("1h")))
    with RunningService(tmp_path / "service", text) as service:
        ids = [submit(service) for _ in range(3)]
        service.wait_until(lambda jobs: len(jobs) == 3 and states(jobs) == {"suspended"})
        with scp:
            service.cli("retry", ids[1])
            # it is the first to learn that the remote is there again, and lets the others come
            service.wait_until(lambda jobs: states(jobs) == {"done"})
        assert len(set(scp.stored_uids)) == len(scp.stores) == 3


def test_unknown_called_ae_title_is_held_and_says_what_to_do(tmp_path: Path) -> None:
    with real_peers.orthanc(tmp_path / "orthanc", DicomCheckCalledAet=True) as orthanc:
        text = config(remote("pacs", orthanc.port, EVERY_SECOND, ae_title="WRONG"))
        with RunningService(tmp_path / "service", text) as service:
            job_id = submit(service)
            (job,) = service.wait_until(lambda jobs: states(jobs) == {"held"})
            assert job["reason"] == "remote refused"
            assert "called AE title not recognised" in job["error"]
            assert "correct `ae_title`, now WRONG" in job["error"]
            assert service.cli("status", "--check", check=False).returncode == 1

            service.config.write_text(text.replace("WRONG", orthanc.ae_title))
            service.restart()
            assert states(service.jobs()) == {"held"}
            service.cli("retry", job_id)
            service.wait_until(lambda jobs: states(jobs) == {"done"})
            assert len(orthanc.instances()) == 1


def test_giving_up_discarding_and_going_on(tmp_path: Path) -> None:
    soon = retry("1s", "1s", "2s")
    with ScriptedSCP() as scp:
        second = '\n[[workflow.goes_on]]\naction = "store"\nremote = "there"\ndpi = 36\n'
        text = config(
            remote("held", free_port(), soon),
            remote("dropped", free_port(), f'{soon}\nthen = "discard"'),
            remote("goes_on", free_port(), 'on_error = "continue"' + second),
            remote("there", scp.port),
        )
        with RunningService(tmp_path / "service", text) as service:
            held, dropped, goes_on = (submit(service, p) for p in ("held", "dropped", "goes_on"))
            expected = {held: "held", dropped: "discarded", goes_on: "done"}
            service.wait_until(lambda jobs: {j["id"]: j["state"] for j in jobs} == expected)
            for job_id in (held, dropped):
                assert job_of(service, job_id)["error"].startswith("given up after 2s: step 1")
            assert job_of(service, held)["attempt"] >= 2
            events = [e["detail"] for e in service.show(goes_on)["events"] if e["what"] == "step"]
            assert "no TCP connection" in events[0]
            assert events[0].endswith("(continued)")
            assert len(scp.stores) == 1


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, scp: GatedSCP) -> Iterator[RunningService]:
    text = config(remote("pacs", scp.port, retry("1h")), remote("off", free_port(), retry("1h")))
    with RunningService(tmp_path / "service", text) as running:
        yield running


def test_operators_and_a_running_job(service: RunningService, scp: GatedSCP) -> None:
    scp.hold_back(2)
    first = submit(service, pages=6)
    scp.wait()
    assert "asked; it is running" in service.cli("cancel", first).stdout
    scp.gate.set()
    service.wait_until(lambda jobs: states(jobs) == {"discarded"})
    assert job_of(service, first)["reason"] == "cancelled"
    assert len(scp.stores) == 2

    scp.hold_back(3)
    second = submit(service, pages=3)
    scp.wait()
    service.cli("hold", second)
    scp.gate.set()
    service.wait_until(lambda _: job_of(service, second)["state"] == "held")
    assert job_of(service, second)["accepted"] == 1
    assert service.cli("cancel", first, check=False).returncode == 2  # it has ended
    service.cli("release", second)
    service.wait_until(lambda _: job_of(service, second)["state"] == "done")
    assert sorted(scp.requests_by_uid().values()) == [1] * (2 + 3)


def test_operators_and_jobs_that_wait(service: RunningService, scp: GatedSCP) -> None:
    scp.hold_back(1)
    running = submit(service)
    scp.wait()
    held, cancelled, discarded = (submit(service) for _ in range(3))
    suspended = submit(service, "off")
    ready = {held, cancelled, discarded}
    service.wait_until(
        lambda jobs: (
            {j["id"] for j in jobs if j["state"] == "ready"} == ready
            and job_of(service, suspended)["state"] == "suspended"
        )
    )
    service.cli("hold", held)
    service.cli("cancel", cancelled)
    assert service.cli("discard", discarded, check=False).returncode == 2  # wants a reason
    service.cli("discard", discarded, "--reason", "printed twice")
    assert job_of(service, held)["state"] == "held"
    scp.gate.set()
    service.wait_until(lambda _: job_of(service, running)["state"] == "done")

    service.cli("hold", suspended)
    assert job_of(service, suspended)["state"] == "held"
    service.cli("release", suspended)
    service.wait_until(lambda _: job_of(service, suspended)["state"] == "suspended")
    service.cli("discard", suspended, "--reason", "the patient has left")
    assert "the patient has left" in job_of(service, suspended)["error"]
    assert job_of(service, held)["state"] == "held"
    service.cli("release", held)
    service.wait_until(lambda _: job_of(service, held)["state"] == "done")
    for job_id in (cancelled, discarded, suspended):
        assert job_of(service, job_id)["state"] == "discarded"
    assert len(scp.stores) == 2


def test_cancel_of_a_running_job_counts_though_its_step_fails(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(1)
    job_id = submit(service, pages=2)
    scp.wait()
    service.cli("cancel", job_id)
    scp.abort()  # the answer never comes: the step fails, and would be tried again
    (job,) = service.wait_until(lambda jobs: "running" not in states(jobs))
    assert (job["state"], job["reason"], job["accepted"]) == ("discarded", "cancelled", 0)
