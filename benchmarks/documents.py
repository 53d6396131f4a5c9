"""Whole documents, side by side: every contestant in turn, several rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pypdfium2

from benchmarks import contestants
from benchmarks.contestants import Raster
from benchmarks.measure import Run
from benchmarks.ours import Service
from benchmarks.peer import Store

SHELL, PARALLEL, PYPI, RASTER, OURS = "shell", "shell, 2 at once", "pdf2dcm", "raster only", "ours"


@dataclass(frozen=True)
class Case:
    """A line of the table: a document at some dpi in some compression."""

    document: str
    dpi: int
    compression: str
    rounds: int
    pypi: bool = False
    nagle: bool = False
    memory_runs: int = 1
    """A short one is over before its peak was seen; the highest of several counts."""

    def __str__(self) -> str:
        how = "JPEG" if self.compression == "jpeg" else "uncompressed"
        return f"{self.document}, {self.dpi}, {how}" + (", Nagle" if self.nagle else "")


SHORT = [Case("report", 150, "jpeg", 1), Case("mixed", 150, "jpeg", 2)]
FULL = [
    Case("report", 150, "jpeg", 5, pypi=True),
    Case("report", 300, "jpeg", 3),
    Case("short", 300, "jpeg", 3, memory_runs=5),
    Case("scan", 150, "jpeg", 5),
    Case("mixed", 150, "jpeg", 5, pypi=True),
    Case("mixed", 150, "jpeg", 3, nagle=True),
    Case("mixed", 150, "none", 5, pypi=True),
    Case("mixed", 300, "jpeg", 3),
    Case("long", 300, "jpeg", 2),
    Case("R-exts", 150, "jpeg", 3),
    Case("libtasn1", 300, "jpeg", 3),
]

Runs = dict[str, list[Run]]
Contestant = Callable[..., Run | None]


def run(
    cases: list[Case], corpus: Mapping[str, Path], folder: Path, say: Callable[[str], None]
) -> Iterator[tuple[Case, Runs]]:
    """Yield each case with the runs of each contestant: the rounds, then one for memory."""
    for number, case in enumerate(cases):
        if case.document not in corpus:
            say(f"{case}: not on this machine")
            continue
        with ExitStack() as stack:
            found: Runs = {}
            known = _contestants(case, corpus[case.document], folder / f"case-{number}", stack)
            for turn in range(case.rounds):
                for name, contestant in known.items():
                    _note(found, name, contestant(), say, f"{case}: round {turn + 1}")
            for name, contestant in known.items():
                runs = [contestant(memory=True) for _ in range(case.memory_runs)]
                most = max((run for run in runs if run), key=lambda run: run.memory, default=None)
                _note(found, f"{name} memory", most, say, f"{case}: memory")
            yield case, found


def _note(found: Runs, name: str, run: Run | None, say: Callable[[str], None], text: str) -> None:
    if run is not None:
        found.setdefault(name, []).append(run)
        of = f", {run.memory:.0f} MB" if run.memory else ""
        took = f"{run.seconds:.2f} s, first {run.first:.3f} s, CPU {run.cpu:.2f} s"
        say(f"{text}: {name} {took}{of}")


def _contestants(
    case: Case, document: Path, folder: Path, stack: ExitStack
) -> dict[str, Contestant]:
    """Start the stores and the service, and have them run warm; they end with `stack`."""
    pages = len(pypdfium2.PdfDocument(document))
    # without +xa it takes nothing compressed, and dcmsend has to unpack
    compressed = case.compression != "none"
    store = stack.enter_context(
        Store(folder / "received", ("+xa",) if compressed else (), nagle=case.nagle)
    )
    step = f"{case.compression} {case.dpi}"
    service = stack.enter_context(Service(folder, {"bench": (store.port, step)}))
    raster = stack.enter_context(Raster())
    args = (store, document, pages, case.dpi)
    shell = partial(contestants.shell, *args, decompress=not compressed)
    known: dict[str, Contestant] = {
        SHELL: shell,
        PARALLEL: partial(shell, at_once=2),
        RASTER: partial(raster.run, document, case.dpi),
        OURS: partial(contestants.ours, service, store, document, pages, "bench"),
    }
    if case.pypi:
        known[PYPI] = partial(contestants.pdf2dcm, *args)
    for name in (RASTER, OURS):
        known[name]()
    return known
