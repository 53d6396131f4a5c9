"""Judgement of datasets by a program that is not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

from programs import require


def dciodvfy(path: Path) -> list[str]:
    """Return the lines of ``dciodvfy -new`` that begin with Error or Warning."""
    require("dciodvfy")
    result = subprocess.run(
        ["dciodvfy", "-new", str(path)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    lines = (result.stdout + result.stderr).splitlines()
    found = [line for line in lines if line.startswith(("Error", "Warning"))]
    if result.returncode != 0 and not any(line.startswith("Error") for line in found):
        found.append(f"Error - dciodvfy ended with {result.returncode}: {lines[-5:]}")
    return found


def assert_dciodvfy_clean(path: Path, *, allow_warnings: bool = True) -> None:
    """Fail where dciodvfy finds an error; with ``allow_warnings=False``, a warning too."""
    bad = [x for x in dciodvfy(path) if x.startswith("Error") or not allow_warnings]
    assert not bad, f"{path}:\n" + "\n".join(bad)
