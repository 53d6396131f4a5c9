"""Many workers at once: each job has one, and no association is given away twice."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from jobs_made import submit, ticket

from dicom_printer.jobs import look, table
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.store import Snapshot, Store

WORKERS, JOBS = 6, 30


def test_each_job_is_carried_on_by_one_and_the_limit_holds(
    database: Path | str, store: Store
) -> None:
    for number in range(JOBS):
        submit(store, number)
    engines = [open_database(database) for _ in range(WORKERS)]
    begin, lock, failed = threading.Barrier(WORKERS), threading.Lock(), threading.Event()
    at_work, most, done = 0, 0, Counter[str]()

    def work(number: int) -> None:
        try:
            carry_on(number)
        except BaseException:
            failed.set()
            raise

    def carry_on(number: int) -> None:
        nonlocal at_work, most
        mine = Store(engines[number], {"wide": 2}, store.clock, node=f"n{number}")
        begin.wait(60)
        while sum(done.values()) < JOBS and not failed.is_set():
            job = table.claim(mine)
            if job is None or job.acquire("wide") is not True:
                continue
            with lock:
                at_work += 1
                most = max(most, at_work)
            job.accept("wide", 1, f"2.25.{int(job.id, 16)}", 0)
            with lock:
                at_work -= 1
                done[job.id] += 1
            job.finish()

    with ThreadPoolExecutor(WORKERS) as pool:
        for result in [pool.submit(work, number) for number in range(WORKERS)]:
            result.result(120)
    for engine in engines:
        engine.dispose()
    assert (len(done), set(done.values()), most <= 2) == (JOBS, {1}, True)
    assert {job["state"] for job in look.listing(store)} == {"done"}


def test_the_same_print_that_comes_in_at_many_nodes_is_one_job(
    database: Path | str, store: Store
) -> None:
    engines = [open_database(database) for _ in range(WORKERS)]
    begin = threading.Barrier(WORKERS)
    steps = Snapshot(defaults={}, steps=[])

    def take_in(number: int) -> str | None:
        begin.wait(60)
        mine = Store(engines[number], clock=store.clock)
        return table.submit(mine, ticket(number + 1, dedup="the same"), steps, {})

    with ThreadPoolExecutor(WORKERS) as pool:
        earlier = list(pool.map(take_in, range(WORKERS)))
    for engine in engines:
        engine.dispose()
    assert earlier.count(None) == 1
    assert len(look.listing(store)) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_thread_that_writes_does_not_ask_sqlite_while_another_does(store: Store) -> None:
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with store.writing():
            sa.event.listen(store.engine, "checkout", lambda *_: begun.set())
            future = pool.submit(submit, store, 1)
            # SQLite would make it sleep, for up to 0.1 s at a time.
            assert not begun.wait(0.3)
        assert future.result(30) == ticket(1).id
    assert begun.is_set()
