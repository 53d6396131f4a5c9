"""Who runs: each takes a document to the store, and says what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from benchmarks import measure
from benchmarks.measure import Peak, Run
from benchmarks.ours import Service
from benchmarks.peer import Store, environment

_HERE = Path(__file__).parent
_GONE_S = 0.01


def command(
    store: Store, pages: int, arguments: list[str], *, memory: bool = False, first: bool = True
) -> Run:
    """Run a program from its start until the store has every page.

    Its processor time is what the kernel accounts for it and all that it waited for.
    """
    store.clear()
    begin = time.monotonic()
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment(store.nagle)
    )
    with Peak(lambda: [process.pid]) if memory else nullcontext() as peak:
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    came, ended = store.wait(pages)
    return Run(
        ended - begin,
        came - begin if first else ended - begin,
        used.ru_utime + used.ru_stime,
        peak.mb if peak else 0.0,
    )


def shell(
    store: Store, document: Path, pages: int, dpi: int, at_once: int = 1, *,
    decompress: bool = False, memory: bool = False,
) -> Run:  # fmt: skip
    """Run ``pdftoppm | img2dcm | dcmsend``; with `at_once` 2 half of the pages each."""
    script = [str(_HERE / "pipeline.sh"), str(document), str(dpi), str(store.port), str(at_once)]
    return command(store, pages, script + ["+dly"] * decompress, memory=memory)


def pdf2dcm(
    store: Store, document: Path, pages: int, dpi: int, *, memory: bool = False
) -> Run | None:
    """Run the package pdf2dcm of PyPI, then ``dcmsend``; None where `make bench` has not got it."""
    python = Path(os.environ.get("PDF2DCM_PYTHON", ""))
    if not python.is_file():
        return None
    script = [str(_HERE / "pdf2dcm.sh"), str(document), str(dpi), str(store.port), str(python)]
    return command(store, pages, script, memory=memory)


def ours(
    service: Service, store: Store, document: Path, pages: int, queue: str, *, memory: bool = False
) -> Run:
    """Print to the service; the clock begins with the first byte into the spool."""
    store.clear()
    before = measure.cpu(service.pid)
    with Peak(lambda: [service.pid]) if memory else nullcontext() as peak:
        begin = time.monotonic()
        service.print(document, queue)
        came, ended = store.wait(pages)
    _settle(service)
    used = measure.cpu(service.pid) - before
    return Run(ended - begin, came - begin, used, peak.mb if peak else 0.0)


def _settle(service: Service) -> None:
    """Wait until nothing is left to do, so that the next one begins with an idle service."""
    used = measure.cpu(service.pid)
    quiet = 0
    while quiet < 3:
        time.sleep(0.05)
        now = measure.cpu(service.pid)
        quiet = quiet + 1 if now - used <= _GONE_S else 0
        used = now


class Raster:
    """Rendering alone, in two processes that are warm: no service of this kind can be faster."""

    def __enter__(self) -> Self:
        self._workers = [
            subprocess.Popen(
                [sys.executable, str(_HERE / "raster.py")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            )
            for _ in range(2)
        ]  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()

    def run(self, document: Path, dpi: int, *, memory: bool = False) -> Run:
        """Render every page as RGB, and let go of it."""
        before = sum(measure.cpu(worker.pid) for worker in self._workers)
        with (
            Peak(lambda: [worker.pid for worker in self._workers]) if memory else nullcontext()
        ) as peak:
            begin = time.monotonic()
            for number, worker in enumerate(self._workers):
                self._tell(worker, {"path": str(document), "dpi": dpi, "first": number})
            answers = [json.loads(self._line(worker)) for worker in self._workers]
            ended = time.monotonic()
        used = sum(measure.cpu(worker.pid) for worker in self._workers) - before
        first = min(answer["first"] for answer in answers) - begin
        return Run(ended - begin, first, used, peak.mb if peak else 0.0)

    @staticmethod
    def _tell(worker: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(request).encode() + b"\n")

    @staticmethod
    def _line(worker: subprocess.Popen[bytes]) -> bytes:
        assert worker.stdout is not None
        return worker.stdout.readline()
