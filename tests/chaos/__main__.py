"""``make chaos``: a run of the size that is asked for, and its figures.

With ``--sabotage`` the service lacks a promise, and the run is a success where it shows that.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.plan import Size
from chaos.run import Report, run
from chaos.sabotage import SABOTAGES
from chaos.sleeper import sleeper


def main() -> int:
    """Run, print what was found, and return 0 where it is what there should be."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=540)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--pauses", type=float, default=0.2, help="share of the rounds")
    parser.add_argument("--pages", type=int, default=1, help="times as many pages a document")
    parser.add_argument("--no-lp", action="store_true", help="nothing through a real cupsd")
    parser.add_argument("--sabotage", choices=SABOTAGES, default=None)
    args = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    command = ["-m", "chaos.sabotage", args.sabotage] if args.sabotage else ["-m", "dicom_printer"]
    size = Size(
        args.seed,
        args.kills,
        args.jobs,
        args.nodes,
        not args.no_lp,
        args.database,
        args.pauses,
        args.pages,
    )
    if args.sabotage == "fence":
        report = sleeper(directory / "run", command)
    else:
        report = run(directory / "run", size, command)
    print(report.text())
    if _is_as_it_should(report, args.sabotage):
        shutil.rmtree(directory, ignore_errors=True)
        return 0
    print(f"what it left is in {directory}", file=sys.stderr)
    return 1


def _is_as_it_should(report: Report, sabotage: str | None) -> bool:
    if sabotage is None:
        return report.verdict.is_clean
    finding = SABOTAGES[sabotage].finding
    found = getattr(report.verdict, finding) if finding else report.verdict.sentences()
    print(f"without the {sabotage}: {len(found)} findings")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
