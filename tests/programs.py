"""Real programs the tests need: found, or the test is skipped, or (in CI) failed."""

import os
import shutil
from typing import NoReturn

import pytest


def require(*names: str) -> None:
    """Skip the test unless every program is installed; fail where the peers are required."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    missing = [name for name in names if shutil.which(name, path=path) is None]
    if not missing:
        return
    absent(f"not installed: {', '.join(missing)} (see packaging/system-packages)")


def absent(message: str) -> NoReturn:
    """Skip the test for what is not there; fail where the peers are required."""
    if os.environ.get("DICOM_PRINTER_REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)
