from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from dicom_printer.cli.doctor import unit
from dicom_printer.cli.doctor.finding import Grade
from dicom_printer.config import Config, Remote

ME = pwd.getpwuid(os.geteuid()).pw_name


def config(tmp_path: Path, **service: Any) -> Config:
    printer = {"workflow": "w", "hot_folders": [tmp_path / "scans"]}
    return Config.model_validate(
        {"service": {"spool": tmp_path, **service}, "printer": {"P": printer}}
    )


def shown(tmp_path: Path, **properties: str) -> dict[str, str]:
    found = {
        "LoadState": "loaded", "User": ME, "TimeoutStopUSec": "8min", "ProtectSystem": "strict",
        "ReadWritePaths": str(tmp_path), "ProtectHome": "no",
    }  # fmt: skip
    return found | properties


def test_a_unit_that_suits(tmp_path: Path) -> None:
    (found,) = unit.suits(shown(tmp_path), config(tmp_path))
    assert found.grade is Grade.FINE


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"LoadState": "not-found"}, "is not there"),
        ({"User": "somebody"}, "runs as somebody, and the spool"),
        ({"User": "", "LoadState": "loaded"}, None if ME == "root" else "runs as root"),
        ({"TimeoutStopUSec": "1min 30s"}, "a stop is cut off after 2m, and may take 6m"),
        ({"ReadWritePaths": "/srv"}, "does not let the service write to"),
    ],
)
def test_a_unit_that_does_not(tmp_path: Path, properties: dict[str, str], said: str | None) -> None:
    found = list(unit.suits(shown(tmp_path, **properties), config(tmp_path)))
    if said is None:
        assert [f.grade for f in found] == [Grade.FINE]
    else:
        assert said in found[0].found
        assert all(f.grade is Grade.WRONG and f.remedy for f in found)


def test_what_a_unit_may_write_may_be_missing(tmp_path: Path) -> None:
    (spool, _) = unit.suits(shown(tmp_path, ReadWritePaths="/srv"), config(tmp_path))
    assert f"`ReadWritePaths=-{tmp_path}`" in spool.remedy
    (found,) = unit.suits(shown(tmp_path, ReadWritePaths=f"-{tmp_path}"), config(tmp_path))
    assert found.grade is Grade.FINE


def test_a_hot_folder_below_home(tmp_path: Path) -> None:
    given = config(tmp_path)
    given.printer["P"].hot_folders[:] = [Path("/home/x/scans")]
    (found,) = unit.suits(shown(tmp_path, ProtectHome="yes"), given)
    assert "/home/x/scans lies where the unit shows the service nothing" in found.found


def test_a_certificate_below_home(tmp_path: Path) -> None:
    """Root reads it, and so `check` finds nothing wrong; the service sees no home directory."""
    tls = {"ca": "/root/ca.pem", "cert": "/etc/dicom-printer/us.pem"}
    remote = {"ae_title": "P", "host": "pacs", "port": 104, "tls": tls}
    given = config(tmp_path).model_copy(update={"remote": {"p": Remote.model_validate(remote)}})
    (found,) = unit.suits(shown(tmp_path, ProtectHome="yes"), given)
    assert "/root/ca.pem lies where the unit shows the service nothing" in found.found
    (found,) = unit.suits(shown(tmp_path), given)
    assert found.grade is Grade.FINE


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8min", 480), ("1min 30s", 90), ("1h", 3600), ("infinity", float("inf")), ("500ms", 0.5)],
)
def test_time_spans_of_systemd(text: str, expected: float) -> None:
    assert unit.seconds(text) == expected
