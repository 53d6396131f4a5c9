"""kill -9 and SIGTERM at every state: every page is at the store once, and none is missing."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import psutil
import pytest
from gated_scp import GatedSCP
from jobs_made import commit
from real_peers import free_port, wait_until
from running_service import RunningService, all_done
from scp import ScriptedSCP

from dicom_printer.jobs.table import CRASHES_ALLOWED
from dicom_printer.spool import INCOMING, JOBS, Spool

CONFIG = """
[service]
spool = "spool"

[network]
association_timeout = "5s"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs}

[remote.off]
ae_title = "OFF"
host = "127.0.0.1"
port = {off}

[remote.stranger]
ae_title = "STRANGER"
host = "127.0.0.1"
port = {stranger}

[printer.P]
workflow = "pacs"

[printer.Off]
workflow = "off"

[printer.Stranger]
workflow = "stranger"

[[workflow.pacs]]
action = "parse"
from = "text"
pattern = 'ACC(?P<AccessionNumber>\\w+)'

[[workflow.pacs]]
action = "store"
remote = "pacs"
dpi = 36
retry = {{ first = "1s", longest = "1s" }}

[[workflow.off]]
action = "store"
remote = "off"
dpi = 36
retry = {{ first = "3s", longest = "3s" }}

[[workflow.stranger]]
action = "store"
remote = "stranger"
dpi = 36
"""


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def ports() -> dict[str, int]:
    """The ports of the remotes that a test switches on by itself."""
    return {"off": free_port(), "stranger": free_port()}


@pytest.fixture
def service(tmp_path: Path, scp: GatedSCP, ports: dict[str, int]) -> Iterator[RunningService]:
    config = CONFIG.format(pacs=scp.port, **ports)
    with RunningService(tmp_path / "service", config) as running:
        yield running


def submit(service: RunningService, title: str, pages: int = 3, printer: str = "P") -> str:
    """Commit a report to the spool, as every producer does, and return its job's id."""
    pdf = documents.report(service.directory / f"{title}.pdf", pages)
    return commit(Spool(service.spool), pdf.read_bytes(), title=title, printer=printer).id


def find(jobs: list[dict[str, Any]], job_id: str) -> dict[str, Any]:
    return next((job for job in jobs if job["id"] == job_id), {"state": "", "action": ""})


def acknowledged(service: RunningService, job_id: str) -> list[str]:
    return [i["sop_instance_uid"] for i in service.show(job_id)["instances"]]


def render_workers(service: RunningService) -> list[psutil.Process]:
    assert service.process is not None
    children: list[psutil.Process] = psutil.Process(service.process.pid).children()
    assert children
    return children


@pytest.mark.parametrize("k", [1, 4, 7])
def test_kill_before_the_answer_to_store_k_of_7(
    service: RunningService, scp: GatedSCP, k: int
) -> None:
    scp.hold_back(k)
    job_id = submit(service, "report", pages=7)
    scp.wait()
    service.kill9()
    before = acknowledged(service, job_id)
    assert before == [s.sop_instance_uid for s in scp.stores[: k - 1]]
    scp.gate.set()

    service.start()
    (job,) = service.wait_until(all_done(1))
    assert (job["pages"], job["accepted"]) == (7, 7)
    requests = scp.requests_by_uid()
    assert len(requests) == 7
    assert all(requests[uid] == 1 for uid in before), "an acknowledged instance was sent again"
    assert sum(requests.values()) == 7 + 1  # the one that was under way
    assert sorted(acknowledged(service, job_id)) == sorted(requests)


def test_kill_before_there_is_a_row(service: RunningService, scp: GatedSCP) -> None:
    service.kill9()
    committed, adopted = submit(service, "committed"), submit(service, "adopted")
    (service.spool / INCOMING / adopted).rename(service.spool / JOBS / adopted)
    assert service.jobs() == []

    service.start()
    jobs = service.wait_until(all_done(2))
    assert {job["id"] for job in jobs} == {committed, adopted}
    assert sorted(scp.requests_by_uid().values()) == [1] * 6
    assert list((service.spool / INCOMING).iterdir()) == []


def test_kill_with_a_job_in_every_state(
    service: RunningService, scp: GatedSCP, ports: dict[str, int]
) -> None:
    with ScriptedSCP(port=ports["stranger"], reject=(1, 1, 7)) as stranger:
        done = submit(service, "done")
        service.wait_until(all_done(1))
        held = submit(service, "held", printer="Stranger")
        scp.hold_back(5)
        storing = submit(service, "storing")
        scp.wait()
        ready = submit(service, "ready")
        service.wait_until(lambda jobs: find(jobs, ready).get("remote") == "pacs")
        suspended = submit(service, "suspended", printer="Off")
        states = {done: "done", held: "held", storing: "running", ready: "ready"}
        states |= {suspended: "suspended"}
        service.wait_until(lambda jobs: {job["id"]: job["state"] for job in jobs} == states)
        workers = render_workers(service)
        for worker in workers:
            worker.suspend()  # so that the parsing stands still
        parsing = submit(service, "parsing")
        service.wait_until(lambda jobs: find(jobs, parsing)["state"] == "running")
        service.kill9()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert alive == [], "render workers outlived the service"
        jobs = service.jobs()
        # the suspended one may have been at its next attempt
        expected = {**states, parsing: "running", suspended: find(jobs, suspended)["state"]}
        assert {job["id"]: job["state"] for job in jobs} == expected
        assert find(jobs, parsing)["action"] == "parse"
        assert len(acknowledged(service, storing)) == 1
        scp.gate.set()

        with ScriptedSCP(port=ports["off"]) as off:
            service.start()
            jobs = service.wait_until(
                lambda jobs: all_done(5)([j for j in jobs if j["id"] != held])
            )
            assert find(jobs, held)["state"] == "held"
            stranger.reject = None
            service.cli("retry", held)
            service.wait_until(all_done(6))
    sent = scp.requests_by_uid()
    again = acknowledged(service, storing)[1]
    assert sent.pop(again) == 2
    assert sorted(sent.values()) == [1] * (4 * 3 - 1)
    assert [len(off.stored_uids), len(set(off.stored_uids))] == [3, 3]
    assert [len(stranger.stored_uids), len(set(stranger.stored_uids))] == [3, 3]
    # the job that was merely there when the service died is not to blame
    assert "recovered" not in [e["what"] for e in service.show(ready)["events"]]


def test_sigterm_completes_what_was_begun_and_begins_nothing(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(2)
    begun = submit(service, "begun")
    scp.wait()
    waiting = submit(service, "waiting")
    service.wait_until(lambda jobs: find(jobs, waiting).get("remote") == "pacs")
    assert service.process is not None
    service.process.terminate()
    wait_until(lambda: "stopping when 1 running" in service.tail(), "the drain")
    late = submit(service, "late")
    service.wait_until(lambda jobs: find(jobs, late)["state"] == "ready")
    scp.gate.set()
    assert service.process.wait(30) == 0
    service.process = None
    states = {job["id"]: job["state"] for job in service.jobs()}
    assert states == {begun: "done", waiting: "ready", late: "ready"}
    assert find(service.jobs(), late)["attempt"] == 0

    service.start()
    service.wait_until(all_done(3))
    assert sorted(scp.requests_by_uid().values()) == [1] * 9


def test_second_sigterm_puts_the_job_back_between_pages(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(2)
    job_id = submit(service, "report", pages=12)
    scp.wait()
    scp.delay_s = 0.05
    assert service.process is not None
    service.process.terminate()
    wait_until(lambda: "stopping when" in service.tail(), "the drain")
    service.process.terminate()
    scp.gate.set()
    assert service.process.wait(30) == 0
    service.process = None
    (job,) = service.jobs()
    assert (job["state"], job["reason"], job["error"]) == ("ready", "", "")
    assert 2 <= job["accepted"] == len(scp.stores) < 12

    service.start()
    service.wait_until(all_done(1))
    assert sorted(scp.requests_by_uid().values()) == [1] * 12
    assert len(acknowledged(service, job_id)) == 12


def test_kill_of_the_render_workers_costs_nothing_but_an_attempt(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(1)
    submit(service, "report", pages=12)
    scp.wait()
    workers = render_workers(service)
    for worker in workers:
        worker.suspend()  # so that the pages which are still missing are theirs
    scp.gate.set()
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
    (job,) = service.wait_until(all_done(1))
    assert job["attempt"] == 2
    assert sorted(scp.requests_by_uid().values()) == [1] * 12
    assert not {worker.pid for worker in workers} & {w.pid for w in render_workers(service)}


def test_job_that_kills_the_service_again_and_again_is_held(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(1)
    killer = submit(service, "killer", pages=1)
    for crash in range(1, CRASHES_ALLOWED + 1):
        scp.wait()
        service.kill9()
        scp.gate.set()
        scp.hold_back(crash + 1)
        service.start()
    (job,) = service.wait_until(lambda jobs: [job["state"] for job in jobs] == ["held"])
    assert job["reason"] == "service died"
    assert f"{CRASHES_ALLOWED} times" in job["error"]
    assert "dicom-printer retry" in job["error"]

    scp.hold_back(0)
    other = submit(service, "other")
    service.wait_until(lambda jobs: find(jobs, other)["state"] == "done")
    service.cli("retry", killer)
    service.wait_until(all_done(2))


def test_crashes_between_which_pages_arrived_are_not_held_against_the_job(
    service: RunningService, scp: GatedSCP
) -> None:
    scp.hold_back(2)
    submit(service, "report", pages=5)
    for crash in range(1, CRASHES_ALLOWED + 1):
        scp.wait()
        service.kill9()
        scp.gate.set()
        # the page that was under way comes again, and then the next one
        scp.hold_back(2 + 2 * crash)
        service.start()
    scp.gate.set()
    service.wait_until(all_done(1))
    assert len(scp.requests_by_uid()) == 5
