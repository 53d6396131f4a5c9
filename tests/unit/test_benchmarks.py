"""The benchmark's own sums: it runs too seldom for a mistake in them to be noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import corpus, report
from benchmarks.documents import OURS, PARALLEL, RASTER, SHELL, Case
from benchmarks.measure import Run, Spread
from benchmarks.report import Figures

ROOT = Path(__file__).parents[2]


def figures(ours: float = 1.0) -> Figures:
    made = Figures(short=True)
    runs = {
        SHELL: [Run(4.0, 3.9, 4.0), Run(6.0, 5.9, 5.0)],
        PARALLEL: [Run(3.0, 2.9, 4.0), Run(3.5, 3.0, 5.0)],
        RASTER: [Run(0.5, 0.01, 0.9), Run(0.6, 0.01, 0.9)],
        OURS: [Run(ours, 0.1, 1.5), Run(ours, 0.12, 1.5)],
    }
    runs |= {f"{name} memory": [Run(1, 1, 1, 100.0)] for name in list(runs)}
    made.documents = [(Case("mixed", 150, "jpeg", 2), runs)]
    return made


def goals(made: Figures) -> dict[str, list[str]]:
    section = report.markdown(made).split("## The goals\n\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_a_ratio_is_one_of_two_runs_of_the_same_round() -> None:
    ((_, runs),) = figures().documents
    assert report.ratios(runs, SHELL).values == [4.0, 6.0]
    assert str(report.ratios(runs, SHELL)) == "5 (4-6)"


def test_a_goal_is_met_or_not() -> None:
    what = "mixed, 150 dpi, JPEG: shell / ours"
    assert goals(figures())[what] == ["at least 4", "5 (4-6)", "yes"]
    assert goals(figures(ours=2.0))[what] == ["at least 4", "2.5 (2-3)", "**no**"]
    assert goals(figures())["the same: ours / raster only"][-1] == "yes"
    assert goals(figures(ours=2.0))["the same: ours / raster only"][-1] == "**no**"


def test_the_page_keeps_what_a_person_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_plots", lambda *_: [("growth", "performance.svg")])
    page = tmp_path / "performance.md"
    for _ in range(2):
        text = (ROOT / "docs" / "performance.md").read_text() if not page.exists() else None
        page.write_text(text or page.read_text())
        report.write(figures(), tmp_path)
    assert page.read_text().startswith("# Performance")
    assert page.read_text().count("## The machine") == 1


def test_the_spread_of_one_value() -> None:
    assert str(Spread([1.0])) == "1 (1-1)"


def test_the_corpus_is_the_same_each_time(tmp_path: Path) -> None:
    first, again = (corpus.mixed(tmp_path / name, 6) for name in ("a", "b"))
    assert len(first.read_bytes()) == len(again.read_bytes())
