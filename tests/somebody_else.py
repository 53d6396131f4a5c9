"""A Python that other accounts may run, for the tests in which root becomes somebody else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_SYSTEM = "/usr/bin/python3"
_SOURCE = Path(__file__).parents[1] / "src"


@pytest.fixture(scope="session")
def python_for_others() -> Iterator[str]:
    """An interpreter with our packages that anybody may run.

    That is this one, or an environment of Debian's in the same version, where this one lies in
    root's home. The test is skipped where there is neither, or where the repository itself is
    closed to others.
    """
    packages = Path(sysconfig.get_path("purelib"))
    if not (_reachable(packages) and _reachable(_SOURCE)):
        pytest.skip("the repository lies where nobody else may read")
    if _reachable(Path(sys.executable)) and _reachable(Path(os.__file__)):
        yield sys.executable
        return
    if _version(_SYSTEM) != sys.version_info[:2]:
        pytest.skip(f"this Python lies where nobody else may read, and {_SYSTEM} is another one")
    with tempfile.TemporaryDirectory(prefix="dicom-python-") as name:
        Path(name).chmod(0o755)
        # Not PYTHONPATH: the render workers are isolated and do not look at it.
        subprocess.run([_SYSTEM, "-m", "venv", "--without-pip", name], check=True, timeout=60)
        (site,) = Path(name).glob("lib/python*/site-packages")
        (site / "ours.pth").write_text(f"{packages}\n{_SOURCE}\n")
        yield f"{name}/bin/python"


def _reachable(path: Path) -> bool:
    """Tell whether others may pass through to where a path leads."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in path.resolve().parents)


def _version(python: str) -> tuple[int, ...]:
    asked = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", asked], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(map(int, done.stdout.split()))
