"""An action out of a package that is not ours: installed with pip, named in a workflow, run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import documents
from running_service import RunningService

PACKAGE = Path(__file__).parents[1] / "third_party" / "at_most"
CONFIG = """
[service]
spool = "spool"

[printer.Printer]
workflow = "short"

[[workflow.short]]
action = "at_most"
pages = 2
"""


def installed(target: Path) -> dict[str, str]:
    """Install the package into a folder of its own, and return what finds it there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-build-isolation", "--no-deps", "--target", str(target), str(PACKAGE)]
    subprocess.run(command, check=True, timeout=120)
    paths = [str(target), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def test_an_action_of_a_package_of_ones_own(tmp_path: Path) -> None:
    env = installed(tmp_path / "site")
    with RunningService(tmp_path / "run", CONFIG, env) as service:
        service.cli("check")
        for pages in (2, 3):
            document = documents.report(tmp_path / f"{pages}.pdf", pages=pages)
            service.cli("submit", str(document), "-p", "Printer")
        jobs = service.wait_until(lambda jobs: [j["state"] for j in jobs] == ["done", "held"])
        assert jobs[1]["reason"] == "too many pages"


def test_without_the_package_the_configuration_says_what_is_missing(tmp_path: Path) -> None:
    service = RunningService(tmp_path / "run", CONFIG)
    refused = service.cli("check", check=False)
    assert refused.returncode == 2
    assert "at_most" in refused.stdout + refused.stderr
