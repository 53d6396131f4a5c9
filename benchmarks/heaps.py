"""Many jobs: heaps of one-page documents, jobs that wait, remotes; and the service at rest."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import contestants, measure
from benchmarks.measure import Run
from benchmarks.ours import Service
from benchmarks.peer import Store
from dicom_printer.config import load
from dicom_printer.intake import Intake
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.store import Store as JobTable
from dicom_printer.spool import Spool

Say = Callable[[str], None]


def heap(folder: Path, page: Path, jobs: int) -> float:
    """Return the seconds from the first of so many one-page jobs until the store has the last."""
    with ExitStack() as stack:
        store = stack.enter_context(Store(folder / "received"))
        queues = {"bench": (store.port, "jpeg 150")}
        service = stack.enter_context(Service(folder, queues))
        contestants.ours(service, store, page, 1, "bench")
        store.clear()
        begin = time.monotonic()
        for _ in range(jobs):
            service.print(page, "bench")
        return store.wait(jobs)[1] - begin


def loop(folder: Path, page: Path, jobs: int) -> float:
    """Return the seconds for as many turns of the shell pipeline, one after the other."""
    with Store(folder / "received") as store:
        begin = time.monotonic()
        for _ in range(jobs):
            contestants.shell(store, page, 1, 150)
        return time.monotonic() - begin


def waiting(folder: Path, page: Path, jobs: int, measured: int, times: int) -> list[float]:
    """Return the seconds for `measured` jobs, `times` in a row, out of so many that wait.

    They are handed over and taken in before the service starts; the clock runs from the
    first page at the store. The spool stays, with those that still wait.
    """
    with ExitStack() as stack:
        store = stack.enter_context(Store(folder / "received"))
        service = Service(folder, {"bench": (store.port, "jpeg 150")})
        take_in(service, page, jobs)
        service.start()
        stack.callback(service.stop)
        store.wait(measured * times + 1)
        marks = store.times[::measured][: times + 1]
        return [b - a for a, b in itertools.pairwise(marks)]


def take_in(service: Service, page: Path, jobs: int) -> None:
    """Have the producer and the intake put jobs into the table of a service that is not running."""
    config = load(service.config)
    spool = Spool(config.service.spool)
    spool.create()
    for _ in range(jobs):
        service.print(page, "bench")
    engine = open_database(spool.database)
    Intake(config, spool, JobTable(engine), lambda: None).adopt()
    engine.dispose()


def remotes(folder: Path, page: Path, count: int, jobs: int) -> float:
    """Return the seconds for one-page jobs that go to so many remotes in turn."""
    with ExitStack() as stack:
        stores = [stack.enter_context(Store(folder / f"received-{n}")) for n in range(count)]
        queues = {f"bench{n}": (store.port, "jpeg 150") for n, store in enumerate(stores)}
        service = stack.enter_context(Service(folder, queues))
        contestants.ours(service, stores[0], page, 1, "bench0")
        stores[0].clear()
        begin = time.monotonic()
        for n in range(jobs):
            service.print(page, f"bench{n % count}")
        share = [len(range(n, jobs, count)) for n in range(count)]
        ends = [store.wait(k)[1] for store, k in zip(stores, share, strict=True) if k]
        return max(ends) - begin


def idle(folder: Path, page: Path, seconds: float) -> dict[str, float]:
    """Return the share of a core and the MB of a service at rest: just started, and after a job."""
    with Store(folder / "received") as store:
        service = Service(folder, {"bench": (store.port, "jpeg 150")})
        with service:
            found = _rest(service, seconds, "fresh")
            contestants.ours(service, store, page, 1, "bench")
            return found | _rest(service, seconds, "after a job")


def _rest(service: Service, seconds: float, when: str) -> dict[str, float]:
    time.sleep(1)
    before = measure.cpu(service.pid)
    time.sleep(seconds)
    share = (measure.cpu(service.pid) - before) / seconds
    return {f"CPU {when}": share, f"MB {when}": measure.pss_mb(service.pid)}


def looking(folder: Path) -> dict[str, list[Run]]:
    """Return what `status`, `jobs` and `show` take in the spool that :func:`waiting` left."""
    service = Service(folder, {"bench": (1, "jpeg 150")})
    one = next(iter(Spool(service.spool).adopted()))
    verbs = {"status": ["status"], "jobs": ["jobs"], "show": ["show", one]}
    return {name: [_verb(service, verb) for _ in range(5)] for name, verb in verbs.items()}


def _verb(service: Service, verb: list[str]) -> Run:
    begin = time.monotonic()
    process = subprocess.Popen(service.command(*verb), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{verb[0]} failed")
    seconds = time.monotonic() - begin
    return Run(seconds, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
