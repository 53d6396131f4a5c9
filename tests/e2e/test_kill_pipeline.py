"""kill -9 while pages are rendered, encoded, waiting and on their way, all at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import documents
import psutil
import pytest
from gated_scp import GatedSCP
from jobs_made import commit
from real_peers import wait_until
from running_service import RunningService, all_done

from dicom_printer.spool import Spool

SLOW = 6
CONFIG = """
[service]
spool = "spool"
render_workers = 2

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {pacs}
associations = 2

[remote.other]
ae_title = "OTHER"
host = "127.0.0.1"
port = {other}

[remote.third]
ae_title = "THIRD"
host = "127.0.0.1"
port = {third}

[printer.P]
workflow = "pacs"

[printer.Other]
workflow = "other"

[printer.Third]
workflow = "third"

[[workflow.pacs]]
action = "store"
remote = "pacs"
dpi = 36
compression = "rle"
retry = {{ first = "1s", longest = "1s" }}

[[workflow.other]]
action = "store"
remote = "other"
dpi = 36
retry = {{ first = "1s", longest = "1s" }}

[[workflow.third]]
action = "store"
remote = "third"
dpi = 36
"""


@pytest.fixture
def pacs() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def other() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def third() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def service(
    tmp_path: Path, pacs: GatedSCP, other: GatedSCP, third: GatedSCP
) -> Iterator[RunningService]:
    config = CONFIG.format(pacs=pacs.port, other=other.port, third=third.port)
    with RunningService(tmp_path / "service", config) as running:
        yield running


def submit(service: RunningService, content: bytes, printer: str = "P") -> str:
    return commit(Spool(service.spool), content, printer=printer).id


def report(service: RunningService, title: str, pages: int) -> bytes:
    """Return a report that is no other's, so that it is a job of its own."""
    return documents.report(service.directory / f"{title}.pdf", pages, title).read_bytes()


def slow(service: RunningService) -> bytes:
    return documents.slow(service.directory / "slow.pdf", SLOW, 0.5).read_bytes()


def workers(service: RunningService) -> list[psutil.Process]:
    assert service.process is not None
    children: list[psutil.Process] = psutil.Process(service.process.pid).children()
    return children


def rendering(service: RunningService) -> psutil.Process:
    """Wait for a worker that renders, and return it."""
    found: list[psutil.Process] = []

    def one_renders() -> bool:
        found[:] = [w for w in workers(service) if w.status() == psutil.STATUS_RUNNING]
        return bool(found)

    wait_until(one_renders, "a worker that renders")
    return found[0]


@pytest.mark.parametrize("answered", [0, 5])
def test_kill_of_the_service_with_several_pages_in_flight(
    service: RunningService, pacs: GatedSCP, other: GatedSCP, third: GatedSCP, answered: int
) -> None:
    """Three associations wait for an answer, a fourth for its page, and a worker is in it."""
    pacs.hold_back(2 * answered + 1, also_later=True)
    other.hold_back(answered + 1)
    submit(service, report(service, "one", 12))
    submit(service, report(service, "two", 12))
    submit(service, report(service, "three", 12), "Other")
    wait_until(lambda: (pacs.waiting, other.waiting) == (2, 1), "three pages on their way")
    submit(service, slow(service), "Third")
    wait_until(lambda: bool(third.stores), "the first page of the slow document")
    rendering(service)
    children = workers(service)
    for worker in children:
        worker.suspend()
    acknowledged = {
        i["sop_instance_uid"]
        for job in service.jobs()
        for i in service.show(job["id"])["instances"]
    }
    service.kill9()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == [], "render workers outlived the service"
    assert 3 * answered <= len(acknowledged) < 3 * answered + SLOW
    for scp in (pacs, other, third):
        scp.gate.set()
        scp.hold_back(0)
        wait_until(lambda scp=scp: not scp.is_busy, "the end of the connections")  # type: ignore[misc]

    service.start()
    jobs = service.wait_until(all_done(4), timeout=120)
    assert [job["accepted"] for job in jobs] == [12, 12, 12, SLOW]
    sent = pacs.requests_by_uid() + other.requests_by_uid() + third.requests_by_uid()
    assert len(sent) == 3 * 12 + SLOW
    assert {sent[uid] for uid in acknowledged} <= {1}, "an acknowledged page was sent again"
    again = sum(sent.values()) - len(sent)
    assert again in (3, 4), "those that were on their way, the slow document's perhaps"
    assert (pacs.max_simultaneous, other.max_simultaneous, third.max_simultaneous) == (2, 1, 1)


def test_kill_of_one_render_worker_while_it_renders(
    service: RunningService, pacs: GatedSCP, other: GatedSCP
) -> None:
    other.hold_back(2)
    bystander = submit(service, report(service, "bystander", 8), "Other")
    other.wait()
    victim = submit(service, slow(service))
    # requests are served in their order: what the bystander asked for is rendered by then
    wait_until(lambda: bool(pacs.stores), "the first page of the slow document")
    killed = rendering(service)
    killed.kill()
    service.wait_until(
        lambda jobs: [j["state"] for j in jobs if j["id"] == victim] == ["done"], timeout=120
    )
    assert service.show(bystander)["state"] == "running"
    other.gate.set()
    jobs = {job["id"]: job for job in service.wait_until(all_done(2))}
    assert jobs[victim]["attempt"] <= 2
    assert jobs[bystander]["attempt"] == 1
    assert sorted(pacs.requests_by_uid().values()) == [1] * SLOW
    assert sorted(other.requests_by_uid().values()) == [1] * 8
    alive = [worker.pid for worker in workers(service)]
    assert len(alive) == 2
    assert killed.pid not in alive, "the worker was not replaced"
    assert "a render worker ended" in str(service.show(victim)["events"])
