"""Jobs whose first page is rendered while another has the association: they wait like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import documents
import psutil
import pytest
from gated_scp import GatedSCP
from jobs_made import commit
from real_peers import wait_until
from running_service import RunningService

from dicom_printer.spool import Spool

CONFIG = """
[service]
spool = "spool"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}

[printer.P]
workflow = "pacs"

[[workflow.pacs]]
action = "store"
remote = "pacs"
compression = "jpeg"
dpi = 36
"""


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, scp: GatedSCP) -> Iterator[RunningService]:
    with RunningService(tmp_path / "service", CONFIG.format(port=scp.port)) as running:
        yield running


def put(service: RunningService, tmp_path: Path, title: str, pages: int = 1) -> str:
    document = documents.report(tmp_path / f"{title}.pdf", pages=pages, title=title)
    return commit(Spool(service.spool), document.read_bytes(), printer="P", title=title).id


def opened(service: RunningService, job_id: str) -> bool:
    """Whether a render worker has the document of a job open."""
    assert service.process is not None
    for child in psutil.Process(service.process.pid).children():
        if any(job_id in file.path for file in child.open_files()):
            return True
    return False


def blocked(service: RunningService, scp: GatedSCP, tmp_path: Path, waiting: int) -> list[str]:
    """Make a job that has the association, and others whose turn comes after it."""
    scp.hold_back(1)
    first = put(service, tmp_path, "first")
    scp.wait()
    ids = [first]
    while len(ids) <= waiting:
        ids.append(put(service, tmp_path, f"waiting-{len(ids)}"))
        service.wait_until(lambda jobs: len(jobs) == len(ids))
    return ids


def state(service: RunningService, job_id: str) -> str:
    return str(service.show(job_id)["state"])


def test_it_waits_is_held_and_cancelled_like_any_other(
    service: RunningService, scp: GatedSCP, tmp_path: Path
) -> None:
    first, second, third = blocked(service, scp, tmp_path, 2)
    wait_until(lambda: opened(service, second), "begun with the second")
    assert (state(service, first), state(service, second)) == ("running", "ready")
    assert service.show(second)["attempt"] == 0
    service.cli("hold", second)
    assert state(service, second) == "held"
    wait_until(lambda: opened(service, third), "begun with the third")
    service.cli("cancel", third)
    fourth = put(service, tmp_path, "fourth")
    scp.gate.set()
    service.wait_until(lambda jobs: {j["id"]: j["state"] for j in jobs}.get(fourth) == "done")
    assert (state(service, second), state(service, third)) == ("held", "discarded")
    assert len(scp.stores) == 2
    service.cli("release", second)
    service.wait_until(lambda jobs: {j["id"]: j["state"] for j in jobs}[second] == "done")
    assert set(scp.requests_by_uid().values()) == {1}
    assert len(scp.stores) == 3


def test_kill_9_loses_nothing_of_it(service: RunningService, scp: GatedSCP, tmp_path: Path) -> None:
    ids = blocked(service, scp, tmp_path, 2)
    wait_until(lambda: opened(service, ids[1]), "begun with the second")
    service.kill9()
    scp.gate.set()
    service.start()
    service.wait_until(lambda jobs: len(jobs) == 3 and {j["state"] for j in jobs} == {"done"})
    sent = scp.requests_by_uid()
    assert len(sent) == 3
    assert sum(sent.values()) <= 4, "only the page that was on its way goes out again"
