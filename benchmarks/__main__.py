"""``make bench``: everything, into docs/performance.md; ``--short`` in about a minute."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import corpus, documents, heaps, measure, report
from benchmarks.documents import OURS, SHELL
from benchmarks.report import Figures

_ROOT = Path(__file__).parents[1]
_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Report progress."""
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run what is asked for, in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few figures in about a minute")
    parser.add_argument("--only", choices=["documents", "heaps", "growth"], help="one part of it")
    parser.add_argument("--corpus", type=Path, default=_ROOT / "build" / "corpus")
    args = parser.parse_args()
    parts = [args.only] if args.only else ["documents", "heaps", "growth"]
    figures = Figures(short=args.short)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, measure.load() as figures.load:
        folder = Path(name)
        say("making the corpus")
        found = corpus.build(args.corpus)
        if "documents" in parts:
            cases = documents.SHORT if args.short else documents.FULL
            figures.documents = list(documents.run(cases, found, folder / "documents", say))
        if "heaps" in parts:
            measure_heaps(figures, folder, found["page"])
        if "growth" in parts and not args.short:
            measure_growth(figures, folder, found["page"], args.corpus)
    print(report.markdown(figures))
    if not args.short and not args.only:
        report.write(figures, _ROOT / "docs")


def measure_heaps(figures: Figures, folder: Path, page: Path) -> None:
    """Measure many small jobs, and the service at rest."""
    jobs, turns = (100, 5) if figures.short else (1000, 50)
    waiting = 400 if figures.short else 10_000
    for turn in range(1 if figures.short else 3):
        figures.loop.append(heaps.loop(folder / f"loop-{turn}", page, turns) / turns)
        figures.heap.append(heaps.heap(folder / f"heap-{turn}", page, jobs) / jobs)
        say(f"a job: shell {figures.loop[-1]:.3f} s, ours {figures.heap[-1]:.4f} s")
    for n in (200, waiting):
        seconds = heaps.waiting(folder / f"waiting-{n}", page, n, 60, 3)
        figures.waiting[n] = [each / 60 for each in seconds]
        say(f"a job while {n} wait: {figures.waiting[n][0]:.4f} s")
    figures.idle = heaps.idle(folder / "idle", page, 5 if figures.short else 60)
    figures.looking = heaps.looking(folder / f"waiting-{waiting}")
    say(f"at rest: {figures.idle}")


def measure_growth(figures: Figures, folder: Path, page: Path, documents_folder: Path) -> None:
    """Measure how seconds and memory grow with pages, jobs and remotes."""
    for pages in (1, 3, 10, 30, 100, 300, 1000):
        document = corpus.mixed(documents_folder, pages)
        case = documents.Case("mixed", 150, "jpeg", 1)
        ((_, runs),) = documents.run(
            [case], {"mixed": document}, folder / f"pages-{pages}", lambda _: None
        )
        figures.pages[pages] = {
            name: (runs[name][0].seconds, runs[f"{name} memory"][0].memory)
            for name in (SHELL, OURS)
        }
        say(f"{pages} pages: {figures.pages[pages]}")
    for jobs in (10, 100, 1000, 10_000):
        figures.jobs[jobs] = heaps.heap(folder / f"jobs-{jobs}", page, jobs)
        say(f"{jobs} jobs: {figures.jobs[jobs]:.2f} s")
    for count in (1, 2, 5, 10, 20, 50):
        figures.remotes[count] = heaps.remotes(folder / f"remotes-{count}", page, count, 300)
        say(f"{count} remotes: {figures.remotes[count]:.2f} s")


if __name__ == "__main__":
    main()
