"""Several services with one PostgreSQL and one spool: killed, paused, none above the limit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import documents
import pytest
from gated_scp import GatedSCP
from jobs_made import commit
from postgres import Postgres
from real_peers import wait_until
from running_service import RunningService, all_done, several

from dicom_printer.spool import INCOMING, JOBS, Spool

CONFIG = """
[service]
spool = "spool"
render_workers = 1
rescan = "2s"
settle = "0.2s"

[network]
association_timeout = "5s"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}

[printer.P]
workflow = "pacs"
hot_folders = ["inbox"]

[[workflow.pacs]]
action = "store"
remote = "pacs"
dpi = 36
retry = {{ first = "1s", longest = "1s" }}
"""
LEASE = "4s"


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def node(
    tmp_path: Path, scp: GatedSCP, postgres: Postgres
) -> Iterator[Callable[[str], RunningService]]:
    """Start a node of a name; all share a spool and a database."""
    address, made = postgres.create(), []
    (tmp_path / "site" / "inbox").mkdir(parents=True)

    def start(name: str) -> RunningService:
        config = several(CONFIG.format(port=scp.port), address, name, LEASE)
        service = RunningService(tmp_path / "site", config, name=name)
        made.append(service)
        service.start()
        return service

    yield start
    for service in made:
        service.kill9()
    postgres.drop(address)


def submit(service: RunningService, title: str, pages: int = 3) -> str:
    pdf = documents.report(service.directory / f"{title}.pdf", pages)
    return commit(Spool(service.spool), pdf.read_bytes(), title=title, printer="P").id


def tell(service: RunningService, number: signal.Signals) -> None:
    assert service.process is not None
    service.process.send_signal(number)


def test_a_killed_node_is_taken_over_within_the_lease(
    node: Callable[[str], RunningService], scp: GatedSCP
) -> None:
    a = node("a")
    scp.hold_back(3)
    job_id = submit(a, "report", pages=5)
    scp.wait()
    b = node("b")
    a.kill9()
    acknowledged = {i["sop_instance_uid"] for i in b.show(job_id)["instances"]}
    scp.gate.set()
    b.wait_until(all_done(1))
    requests = scp.requests_by_uid()
    assert len(requests) == 5
    assert len(acknowledged) == 2
    assert all(requests[uid] == 1 for uid in acknowledged), "what was acknowledged was sent again"
    assert sum(requests.values()) == 5 + 1  # the one that was under way
    shown = b.cli("status", "--check", check=False)
    assert shown.returncode == 1
    assert "node a: it is not heard of" in shown.stdout.replace("\n", " ")
    a.start()
    wait_until(lambda: b.cli("status", "--check", check=False).returncode == 0, "both nodes")


def test_what_an_idle_node_had_taken_out_of_incoming_when_it_was_killed_goes_on(
    node: Callable[[str], RunningService],
) -> None:
    a, b = node("a"), node("b")
    submit(a, "first", pages=1)
    b.wait_until(all_done(1))  # both are through with what they look for at their start
    a.kill9()
    elsewhere = Spool(a.directory / "elsewhere")
    elsewhere.create()
    pdf = documents.report(a.directory / "second.pdf", 1)
    job_id = commit(elsewhere, pdf.read_bytes(), printer="P").id
    # its last act, before the row
    (elsewhere.root / INCOMING / job_id).rename(a.spool / JOBS / job_id)
    b.wait_until(all_done(2))


def test_a_paused_node_that_wakes_up_writes_nothing(
    node: Callable[[str], RunningService], scp: GatedSCP
) -> None:
    a = node("a")
    scp.hold_back(2)
    job_id = submit(a, "report", pages=4)
    scp.wait()
    b = node("b")
    tell(a, signal.SIGSTOP)
    scp.gate.set()
    b.wait_until(all_done(1))
    before = b.show(job_id)
    tell(a, signal.SIGCONT)
    wait_until(lambda: "was taken from this node's worker" in a.tail(), "its word")
    wait_until(lambda: b.cli("status", "--check", check=False).returncode == 0, "both nodes")
    after = b.show(job_id)
    assert after == before
    assert sorted(i["page"] for i in after["instances"]) == [1, 2, 3, 4]
    assert len(scp.requests_by_uid()) == 4
    submit(b, "another")
    b.wait_until(all_done(2))


def test_three_nodes_keep_the_limit_and_drop_nothing(
    node: Callable[[str], RunningService], scp: GatedSCP
) -> None:
    nodes = [node(name) for name in "abc"]
    scp.delay_s = 0.02
    for number in range(12):
        submit(nodes[0], f"report {number}", pages=2)
    for number in range(6):
        target = nodes[0].directory / "inbox" / f"scan {number}.pdf"
        documents.report(target, 1)
    jobs = nodes[1].wait_until(
        lambda jobs: len(jobs) >= 18 and all_done(len(jobs))(jobs), timeout=120
    )
    assert len(jobs) == 18, "a file or a document became two jobs"
    assert sorted(scp.requests_by_uid().values()) == [1] * (12 * 2 + 6)
    assert scp.max_simultaneous == 1
    for service in nodes:
        assert "rejected" not in service.tail(100_000)
    assert [service.terminate() for service in nodes] == [0, 0, 0]
    assert list((nodes[0].spool / "rejected").iterdir()) == []


def test_one_name_is_for_one_node(node: Callable[[str], RunningService]) -> None:
    first = node("a")
    with pytest.raises(AssertionError, match="as the node a"):
        node("a")
    assert first.terminate() == 0


def test_the_database_comes_and_goes(tmp_path: Path, scp: GatedSCP) -> None:
    with Postgres() as server:
        config = several(CONFIG.format(port=scp.port), server.create(), "a", LEASE)
        (tmp_path / "site" / "inbox").mkdir(parents=True)
        with RunningService(tmp_path / "site", config, name="a") as service:
            server.stop()
            wait_until(lambda: "see that PostgreSQL runs" in service.tail(), "the loss")
            documents.report(tmp_path / "site" / "inbox" / "scan.pdf", 1)
            down = service.cli("jobs", check=False)
            assert (down.returncode, "see that PostgreSQL runs" in down.stderr) == (3, True)
            server.start()
            service.wait_until(all_done(1))
            service.terminate()
            server.stop()
            with pytest.raises(AssertionError, match="see that PostgreSQL runs"):
                service.start()
        assert len(scp.requests_by_uid()) == 1
