"""The figures as tables and plots, and where they stand in docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure
from benchmarks.documents import OURS, PARALLEL, PYPI, RASTER, SHELL, Case, Runs
from benchmarks.measure import Run, Spread

_MARK = "<!-- what follows is written by `make bench` -->\n"
_NAMES = (SHELL, PARALLEL, PYPI, RASTER, OURS)


@dataclass
class Figures:
    """Everything that was measured.

    Attributes
    ----------
    heap, loop : list of float
        Seconds a one-page job: ours, and a turn of the shell pipeline.
    waiting : dict of int to list of float
        Seconds a job, by how many wait.
    pages : dict
        By pages and contestant: seconds, MB.
    """

    short: bool
    load: dict[str, float] = field(default_factory=dict)
    documents: list[tuple[Case, Runs]] = field(default_factory=list)
    heap: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)
    waiting: dict[int, list[float]] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    looking: dict[str, list[Run]] = field(default_factory=dict)
    pages: dict[int, dict[str, tuple[float, float]]] = field(default_factory=dict)
    jobs: dict[int, float] = field(default_factory=dict)
    remotes: dict[int, float] = field(default_factory=dict)

    def runs(self, name: str) -> Runs:
        """Return the runs of a case by its text, none where it was not measured."""
        return next((runs for case, runs in self.documents if str(case) == name), {})


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def ratios(runs: Runs, name: str, of: Callable[[Run], float] = lambda r: r.seconds) -> Spread:
    """Return how many times as long as ours a contestant took, round by round."""
    pairs = zip(runs[name], runs[OURS], strict=True)
    return Spread([of(theirs) / of(ours) for theirs, ours in pairs])


def markdown(figures: Figures) -> str:
    """Return all of it as text."""
    parts = ["## The machine\n\n", table(["", ""], [list(x) for x in measure.machine()])]
    parts.append(
        f"\nLoad before the run {figures.load.get('load before', 0):.2f}, processor time stolen "
        f"by others {figures.load.get('stolen', 0):.1%}.\n"
    )
    if goals := _goals(figures):
        head = ["goal", "wanted", "median (least-most)", "met"]
        parts += ["\n## The goals\n\n", table(head, goals)]
    if figures.documents:
        parts += ["\n## Documents\n\n", *_documents(figures)]
    if figures.heap:
        parts += ["\n## Many jobs, and the service at rest\n\n", _heaps(figures)]
    return "".join(parts)


def _documents(figures: Figures) -> list[str]:
    def whole(of: Callable[[Run], float], suffix: str = "") -> str:
        return table(
            ["document, dpi, compression", *_NAMES],
            [
                [str(case)]
                + [
                    str(Spread([of(run) for run in runs[name + suffix]])) if name in runs else ""
                    for name in _NAMES
                ]
                for case, runs in figures.documents
            ],
        )

    others = [name for name in _NAMES if name != OURS]
    times = [
        [str(case), *(str(ratios(runs, name)) if name in runs else "" for name in others)]
        for case, runs in figures.documents
    ]
    return [
        "How many times as long as ours each takes, within a round:\n\n",
        table(["document, dpi, compression", *others], times),
        "\nSeconds until the store has the last page:\n\n",
        whole(lambda run: run.seconds),
        "\nSeconds until it has the first page:\n\n",
        whole(lambda run: run.first),
        "\nSeconds of processor time, the store's left out:\n\n",
        whole(lambda run: run.cpu),
        "\nPeak memory of all its processes, MB (PSS, one run of its own):\n\n",
        whole(lambda run: run.memory, " memory"),
    ]


def _heaps(figures: Figures) -> str:
    rows = [
        ["a one-page job in a heap, ms", str(Spread([1000 * x for x in figures.heap]))],
        ["a turn of the shell pipeline, ms", str(Spread([1000 * x for x in figures.loop]))],
    ]
    rows += [
        [f"a job while {n} wait, ms", str(Spread([1000 * x for x in found]))]
        for n, found in figures.waiting.items()
    ]
    rows += [
        [f"{name}: seconds of processor time", str(Spread([run.cpu for run in runs]))]
        for name, runs in figures.looking.items()
    ]
    for when in ("fresh", "after a job"):
        share, mb = figures.idle[f"CPU {when}"], figures.idle[f"MB {when}"]
        rows.append([f"the service at rest, {when}", f"{share:.2%} of a core, {mb:.0f} MB"])
    return table(["", "median (least-most)"], rows)


def _goals(figures: Figures) -> list[list[str]]:
    """Return the lines of the goals that this run can tell of."""
    rows: list[list[str]] = []

    def goal(what: str, wanted: str, found: Spread, met: bool) -> None:
        rows.append([what, wanted, str(found), "yes" if met else "**no**"])

    def at_least(what: str, least: float, found: Spread) -> None:
        goal(what, f"at least {least}", found, found.median >= least)

    def at_most(what: str, most: float, found: Spread) -> None:
        goal(what, f"at most {most}", found, found.median <= most)

    if runs := figures.runs("mixed, 150, JPEG"):
        at_least("mixed, 150 dpi, JPEG: shell / ours", 4, ratios(runs, SHELL))
        at_least("the same: shell 2 at once / ours", 2.5, ratios(runs, PARALLEL))
        bound = Spread([1 / x for x in ratios(runs, RASTER).values])
        at_most("the same: ours / raster only", 2.0, bound)
        at_most("first page, seconds", 0.15, Spread([run.first for run in runs[OURS]]))
        at_least("first page: shell / ours", 20, ratios(runs, SHELL, lambda run: run.first))
    if runs := figures.runs("mixed, 150, uncompressed"):
        at_least("mixed, 150 dpi, uncompressed: shell / ours", 3, ratios(runs, SHELL))
    long, short = figures.runs("long, 300, JPEG"), figures.runs("short, 300, JPEG")
    if long and short:
        big, small = (x[f"{OURS} memory"][0].memory for x in (long, short))
        at_most("memory: 600 pages / 10 pages, 300 dpi", 1.1, Spread([big / small]))
        at_most("memory with 600 pages at 300 dpi, MB", 400, Spread([big]))
    if figures.heap:
        pairs = zip(figures.loop, figures.heap, strict=True)
        at_least("one-page jobs: shell loop / ours", 5, Spread([a / b for a, b in pairs]))
        few, many = figures.waiting.values()
        n = max(figures.waiting)
        slower = Spread([b / a for a, b in zip(few, many, strict=True)])
        at_most(f"a job while {n} wait / while {min(figures.waiting)} wait", 1.2, slower)
        at_most("at rest, % of a core", 0.1, Spread([100 * figures.idle["CPU fresh"]]))
        at_most("at rest, MB", 80, Spread([figures.idle["MB fresh"]]))
        used = Spread([run.cpu for run in figures.looking["status"]])
        at_most(f"`status` with {n} jobs, seconds of processor time", 0.25, used)
    return rows


def write(figures: Figures, docs: Path) -> None:
    """Write the tables into docs/performance.md, and the plots beside it."""
    plots = _plots(figures, docs)
    text = markdown(figures) + "\n## Growth\n\n" + "".join(f"![{a}]({b})\n" for a, b in plots)
    page = docs / "performance.md"
    kept = re.split(re.escape(_MARK), page.read_text(encoding="utf-8"))[0]
    page.write_text(kept + _MARK + "\n" + text, encoding="utf-8")


def _plots(figures: Figures, docs: Path) -> list[tuple[str, str]]:
    """Draw seconds and memory against pages, jobs and remotes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "dicom-printer"  # the same figures are the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for name in (SHELL, OURS):
        x = list(figures.pages)
        for place, which in ((axes[0][0], 0), (axes[0][1], 1)):
            place.plot(x, [figures.pages[n][name][which] for n in x], marker="o", label=name)
    axes[1][0].plot(*zip(*figures.jobs.items(), strict=True), marker="o", label=OURS)
    axes[1][1].plot(*zip(*figures.remotes.items(), strict=True), marker="o", label=OURS)
    titles = (
        ("pages (mixed, 150 dpi, JPEG)", "seconds"), ("pages", "peak memory, MB"),
        ("one-page jobs", "seconds"), ("remotes (300 one-page jobs)", "seconds"),
    )  # fmt: skip
    for place, (x_label, y_label) in zip(axes.flat, titles, strict=True):
        place.set(xlabel=x_label, ylabel=y_label, xscale="log")
        place.grid(alpha=0.3)
        place.legend()
    for place, scale in zip(axes.flat, ("log", "linear", "log", "linear"), strict=True):
        place.set(yscale=scale, **({"ylim": (0, None)} if scale == "linear" else {}))
    name = "performance.svg"
    figure.savefig(docs / name, metadata={"Date": None})
    return [("Seconds and memory against pages, jobs and remotes", name)]
