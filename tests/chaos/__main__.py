"""``make chaos``: a run of the size that is asked for, and its figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.plan import Size
from chaos.run import run


def main() -> int:
    """Run, print what was found, and return 0 where it is nothing."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=1)
    args = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = run(directory / "run", Size(args.seed, args.kills, args.jobs, args.nodes))
    print(report.text())
    if report.verdict.is_clean:
        shutil.rmtree(directory, ignore_errors=True)
        return 0
    print(f"what it left is in {directory}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
