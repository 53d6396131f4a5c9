"""The systemd unit, judged by systemd's own programs; nothing is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

from programs import require

UNIT = Path(__file__).parents[2] / "packaging" / "systemd" / "dicom-printer.service"


def analyze(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *args], capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    require("systemd-analyze")
    # Only the program's own place is another one here.
    text = UNIT.read_text().replace("ExecStart=/usr/bin/dicom-printer", "ExecStart=/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    done = analyze("verify", "--man=no", str(tmp_path / UNIT.name))
    assert done.stderr == ""
    assert done.returncode == 0


def test_its_exposure_stays_below_two() -> None:
    require("systemd-analyze")
    # In tenths of a point: it ends with 1 where the unit is more exposed.
    done = analyze("security", "--offline=true", "--threshold=20", str(UNIT))
    assert done.returncode == 0, done.stdout


def test_a_start_has_the_time_to_rebuild_a_job_table() -> None:
    # A hundred thousand rows, each synced to a disk that takes 15 ms for that.
    assert "\nTimeoutStartSec=30min\n" in UNIT.read_text()
