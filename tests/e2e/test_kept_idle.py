"""An association that was kept dies while nobody uses it: the next job opens another one.

Nothing that was acknowledged goes out again, nothing is lost, no attempt is counted, and the
store never has more associations than it admits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import documents
import pytest
from gated_scp import GatedSCP
from jobs_made import commit
from lines import deaf
from real_peers import storescp, wait_until
from running_service import RunningService, all_done

from dicom_printer.spool import Spool

PAGES = 3
CONFIG = """
[service]
spool = "spool"

[network]
keep_open = "60s"
association_timeout = "20s"
dimse_timeout = "{dimse_timeout}"

[remote.pacs]
ae_title = "PACS"
host = "127.0.0.1"
port = {port}
associations = {associations}

[printer.P]
workflow = "w"

[[workflow.w]]
action = "store"
remote = "pacs"
dpi = 36
retry = {{ first = "1s", longest = "1s" }}
"""


def config(port: int, dimse_timeout: str = "60s", associations: int = 1) -> str:
    return CONFIG.format(port=port, dimse_timeout=dimse_timeout, associations=associations)


@pytest.fixture
def scp() -> Iterator[GatedSCP]:
    with GatedSCP() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, scp: GatedSCP) -> Iterator[RunningService]:
    with RunningService(tmp_path / "service", config(scp.port)) as running:
        yield running


def submit(service: RunningService, title: str) -> str:
    pdf = documents.report(service.directory / f"{title}.pdf", PAGES)
    return commit(Spool(service.spool), pdf.read_bytes(), title=title, printer="P").id


def printed(service: RunningService, *titles: str) -> list[dict[str, Any]]:
    """Print documents at the same time, and return all jobs when all are done."""
    there = len(service.jobs())
    for title in titles:
        submit(service, title)
    return service.wait_until(all_done(there + len(titles)))


def assert_once(scp: GatedSCP, jobs: list[dict[str, Any]]) -> None:
    """Every page of every job came once, and no job took a second attempt."""
    assert [job["attempt"] for job in jobs] == [1] * len(jobs)
    requests = scp.requests_by_uid()
    assert len(requests) == PAGES * len(jobs)
    assert set(requests.values()) == {1}


def aborted(scp: GatedSCP) -> None:
    for theirs in scp.open_associations():
        theirs.abort()
    wait_until(lambda: not scp.is_busy, "the end of what was kept")


def released(scp: GatedSCP) -> None:
    for theirs in scp.open_associations():
        theirs.release()
    wait_until(lambda: not scp.is_busy, "the end of what was kept")


def restarted(scp: GatedSCP) -> None:
    scp.stop()
    scp.start()


@pytest.mark.parametrize("died", [aborted, released, restarted])
def test_ended_by_the_peer(
    service: RunningService, scp: GatedSCP, died: Callable[[GatedSCP], None]
) -> None:
    printed(service, "first")
    assert scp.is_busy, "nothing is kept, so that nothing is tested"
    died(scp)
    jobs = printed(service, "second")
    assert_once(scp, jobs)
    assert (scp.associations, scp.max_simultaneous) == (2, 1)
    jobs = printed(service, "third")
    assert_once(scp, jobs)
    assert scp.associations == 2, "the new one is kept as well"


def test_line_cut_without_a_word(scp: GatedSCP, tmp_path: Path) -> None:
    """No FIN, no RST, no acknowledgement: nobody can know before something is sent."""
    with RunningService(tmp_path / "service", config(scp.port, "4s")) as service:
        printed(service, "first")
        (theirs,) = scp.open_associations()
        deaf(theirs.dul.socket.socket)
        jobs = printed(service, "second")
    assert_once(scp, jobs)
    # The store does not know either that the first is gone; of the service there was one.
    assert scp.associations == 2


def test_peer_that_acknowledges_and_is_silent(scp: GatedSCP, tmp_path: Path) -> None:
    """Nothing tells it from one that is stuck in the page: an attempt, and nothing more."""
    scp.hang_on = frozenset({PAGES + 1})
    with RunningService(tmp_path / "service", config(scp.port, "2s")) as service:
        printed(service, "first")
        _, second = printed(service, "second")
    assert second["attempt"] == 2
    requests = scp.requests_by_uid()  # what hung is not among them
    assert (len(requests), set(requests.values())) == (2 * PAGES, {1})
    assert (scp.associations, scp.max_simultaneous) == (2, 1)


def test_several_slots_whose_associations_all_died(scp: GatedSCP, tmp_path: Path) -> None:
    with RunningService(tmp_path / "service", config(scp.port, associations=2)) as service:
        scp.hold_back(1)
        held = submit(service, "held")
        scp.wait()
        submit(service, "beside")
        service.wait_until(lambda jobs: sum(job["state"] == "done" for job in jobs) == 1)
        scp.gate.set()
        service.wait_until(all_done(2))
        assert service.show(held)["state"] == "done"
        assert len(scp.open_associations()) == 2
        aborted(scp)
        jobs = printed(service, *(f"more-{number}" for number in range(4)))
    assert_once(scp, jobs)
    assert scp.max_simultaneous == 2


def test_kill_of_the_service_that_keeps_one(service: RunningService, scp: GatedSCP) -> None:
    printed(service, "first")
    assert scp.is_busy
    service.kill9()
    wait_until(lambda: not scp.is_busy, "the end of the connection, by the kernel")
    service.start()
    jobs = printed(service, "second")
    assert_once(scp, jobs)
    assert (scp.associations, scp.max_simultaneous) == (2, 1)


def test_kill_of_a_real_store(tmp_path: Path) -> None:
    with (
        storescp(tmp_path / "store") as peer,
        RunningService(tmp_path / "service", config(peer.port)) as service,
    ):
        printed(service, "first")
        peer.kill()
        peer.start()
        jobs = printed(service, "second")
        assert [job["attempt"] for job in jobs] == [1, 1]
        assert len(peer.files()) == 2 * PAGES
        log = peer.log.read_text(errors="replace")
        assert log.count("Received Store Request") == 2 * PAGES
