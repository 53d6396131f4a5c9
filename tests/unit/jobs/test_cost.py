"""What a job costs in the table: not more with thousands beside it, and few statements each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from jobs_made import STORE_STEP, Clock, claim, submit, ticket

from dicom_printer.jobs import due, table
from dicom_printer.jobs.remotes import remote_up
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import Snapshot, Store

# Its planner has no statistics; PostgreSQL's has.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

MANY = 3000
_HOUR_S = 3600.0


def fill(store: Store, clock: Clock, many: int, **values: Any) -> None:
    """Put jobs into the table that have a claim behind them."""
    made = {
        "printer": "P", "title": "", "user": "", "source": "test", "state": "ready",
        "reason": "", "error": "", "attributes": {}, "failures": 0, "step": 0, "attempt": 1,
        "snapshot": {"defaults": {}, "steps": [STORE_STEP]},
        "created": clock() - _HOUR_S, "updated": clock() - _HOUR_S, "crashes": 0, "fence": 1,
    }  # fmt: skip
    rows = [made | values | {"id": f"{n:032x}"} for n in range(1_000_000, 1_000_000 + many)]
    with store.writing() as (c, _):
        c.execute(sa.insert(job), rows)


@contextmanager
def instructions(store: Store) -> Iterator[list[int]]:
    """Count the steps of SQLite's machine, in tens."""
    counted, counting = [0], True

    def one() -> int:
        counted[0] += counting
        return 0

    def watch(connection: Any, *_: object) -> None:
        connection.set_progress_handler(one, 10)

    sa.event.listen(store.engine, "checkout", watch)
    yield counted
    sa.event.remove(store.engine, "checkout", watch)
    counting = False  # the connection goes on asking


def turn(store: Store) -> None:
    """Do what the dispatcher and the worker do for one job; there is no page in it."""
    running = claim(store)
    assert running.acquire("pacs")
    running.requested()
    remote_up(store, "pacs")
    running.finish("stored")
    due.next_due(store)


BESIDE: dict[str, Callable[[Clock], dict[str, Any]]] = {
    "waiting": lambda _: {"failures": 1},
    "waiting for a remote that is in use": lambda _: {"remote": "in use"},
    "suspended": lambda clock: {
        "not_before": clock() + _HOUR_S,
        "give_up_at": clock() + 2 * _HOUR_S,
        "remote": "pacs",
        "reason": "remote unreachable",
    },
    "held": lambda _: {"state": "held"},
    "done": lambda _: {"state": "done"},
}


@pytest.mark.parametrize("beside", BESIDE)
def test_a_job_costs_the_same_with_thousands_beside_it(
    store: Store, clock: Clock, beside: str
) -> None:
    remote_up(store, "pacs")
    submit(store, 9)
    assert claim(store).acquire("in use")
    submit(store, 1)
    with instructions(store) as alone:
        turn(store)
    submit(store, 2)
    fill(store, clock, MANY, **BESIDE[beside](clock))
    with instructions(store) as among:
        turn(store)
    assert among[0] <= 1.2 * alone[0] + 10


def test_finding_nothing_for_a_free_remote_costs_the_same(store: Store, clock: Clock) -> None:
    submit(store, 1)
    assert claim(store).acquire("pacs")
    with instructions(store) as alone:
        assert table.claim(store) is None
    fill(store, clock, MANY, remote="pacs")
    with instructions(store) as among:
        assert table.claim(store) is None
    assert among[0] <= 1.2 * alone[0] + 10


def test_one_of_thousands_costs_the_same_at_the_begin_and_at_the_end(
    store: Store, clock: Clock
) -> None:
    remote_up(store, "pacs")
    fill(store, clock, MANY)
    with instructions(store) as first:
        turn(store)
    with store.writing() as (c, _):
        c.execute(sa.delete(job).where(job.c.seq < MANY, job.c.state == "ready"))
    with instructions(store) as last:
        turn(store)
    assert first[0] <= 1.2 * last[0] + 10


PLANS: dict[str, Callable[[Store], object]] = {
    "claim": table.claim,
    "next_due": due.next_due,
    "coming": lambda store: due.coming(store, 2),
    "known": lambda store: table.known(store, ["a" * 32]),
    "submit": lambda store: table.submit(
        store, ticket(9, dedup="a print"), Snapshot(defaults={}, steps=[STORE_STEP]), {}
    ),
}


@pytest.mark.parametrize("called", PLANS)
def test_no_query_of_the_dispatcher_looks_at_every_job(store: Store, called: str) -> None:
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        said.append((statement, parameters))

    submit(store)
    sa.event.listen(store.engine, "before_cursor_execute", note)
    PLANS[called](store)
    sa.event.remove(store.engine, "before_cursor_execute", note)
    queries = [each for each in said if each[0].startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]
    assert queries
    for statement, parameters in queries:
        with store.reading() as c:
            plan = c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        for row in plan:
            assert row.detail != "SCAN job", f"{statement}\n{plan}"


def test_a_one_page_job_is_few_statements_and_few_waits_for_the_disk(store: Store) -> None:
    statements, commits = [0], [0]

    def count(counted: list[int]) -> Callable[..., None]:
        def one(*_: object) -> None:
            counted[0] += 1

        return one

    remote_up(store, "pacs")
    on = [("before_cursor_execute", count(statements)), ("commit", count(commits))]
    for name, one in on:
        sa.event.listen(store.engine, name, one)
    submit(store)
    running = claim(store)
    running.acquire("pacs")
    running.requested()
    running.accepted("pacs")
    running.pages = 1
    running.sends_as("somebody")
    running.requested()
    running.accept("pacs", 1, "2.25.1", 0)
    remote_up(store, "pacs")
    running.finish("stored")
    for name, one in on:
        sa.event.remove(store.engine, name, one)
    # BEGIN is a statement as well here. A commit that wrote is a wait for the disk.
    assert commits[0] <= 6
    assert statements[0] <= 45
