"""The service under systemd: whether its unit suits the configuration."""

from __future__ import annotations

import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dicom_printer.cli.doctor.finding import Finding, fine, unseen, wrong
from dicom_printer.config import Config
from dicom_printer.config.units import spoken
from dicom_printer.installed import missing

NAME = "dicom-printer.service"
_SYSTEMD = Path("/run/systemd/system")
_ASKED = ("LoadState", "User", "TimeoutStopUSec", "ReadWritePaths", "ProtectSystem", "ProtectHome")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PATIENCE_S = 20
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_OVERRIDE = f"`systemctl edit {NAME}`: "


def look(config: Config) -> Iterator[Finding]:
    """Look at the unit, where systemd runs."""
    systemctl = shutil.which("systemctl")
    if not _SYSTEMD.is_dir() or systemctl is None:
        yield fine("systemd", "does not run here")
        return
    command = [systemctl, "show", NAME, f"--property={','.join(_ASKED)}"]
    try:
        done = subprocess.run(  # noqa: S603 - a list of constants, no shell
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        yield unseen("systemd", "does not say how the unit is", f"see `systemctl status {NAME}`")
        return
    yield from suits(dict(line.split("=", 1) for line in done.stdout.splitlines()), config)


def suits(unit: dict[str, str], config: Config) -> Iterator[Finding]:
    """Compare a unit's properties, as ``systemctl show`` has them, with the configuration."""
    check = f"unit {NAME}"
    if unit.get("LoadState") != "loaded":
        cure = missing("copy packaging/systemd/dicom-printer.service to /etc/systemd/system")
        yield wrong(check, "is not there", cure)
        return
    troubles = [*_user(check, unit, config), *_stop(check, unit, config)]
    troubles += _paths(check, unit, config)
    yield from troubles or [fine(check, "suits the configuration")]


def _user(check: str, unit: dict[str, str], config: Config) -> Iterator[Finding]:
    spool, user = config.service.spool, unit.get("User") or "root"
    try:
        owner = pwd.getpwuid(spool.stat().st_uid).pw_name
    except (OSError, KeyError):
        return  # what is wrong with the spool is said of the spool
    if owner != user:
        yield wrong(
            check, f"runs as {user}, and the spool {spool} belongs to {owner}",
            f"`chown -R {user}: {spool}`, or state {owner} as `User=`",
        )  # fmt: skip


def _stop(check: str, unit: dict[str, str], config: Config) -> Iterator[Finding]:
    slowest = max((r.dimse_timeout for r in config.remote.values()), default=0.0)
    needed = config.service.drain + slowest + config.pages.page_timeout
    given = seconds(unit.get("TimeoutStopUSec", "infinity"))
    if given <= needed:
        yield wrong(
            check,
            f"a stop is cut off after {spoken(given)}, and may take {spoken(needed)}: drain, "
            "dimse_timeout and page_timeout together",
            f"{_OVERRIDE}`TimeoutStopSec={needed + 30:.0f}`, or lower [service] drain",
        )


def _paths(check: str, unit: dict[str, str], config: Config) -> Iterator[Finding]:
    """Look for what the service has to write or read, and the unit shuts."""
    open_ = [Path(p.lstrip("-+")) for p in unit.get("ReadWritePaths", "").split()]
    folders = [folder for printer in config.printer.values() for folder in printer.hot_folders]
    of_tls = [r.tls for r in config.remote.values() if r.tls is not None]
    files = {file for tls in of_tls for file in (tls.ca, tls.cert, tls.key) if file}
    written = (config.service.spool, *folders)
    hidden = [
        place for place in (*written, *sorted(files))
        if unit.get("ProtectHome") == "yes" and any(h in place.parents for h in _HOMES)
    ]  # fmt: skip
    for place in hidden:
        yield wrong(
            check, f"{place} lies where the unit shows the service nothing (ProtectHome)",
            "move it, out of the home directories",
        )  # fmt: skip
    for place in written:
        allowed = any(place == p or p in place.parents for p in open_)
        if place not in hidden and unit.get("ProtectSystem") == "strict" and not allowed:
            yield wrong(
                check, f"does not let the service write to {place}",
                f"{_OVERRIDE}`ReadWritePaths=-{place}` under [Service], then restart it",
            )  # fmt: skip


def seconds(text: str) -> float:
    """Return a time span of systemd, ``1min 30s``, in seconds; endless for ``infinity``."""
    parts = re.findall(r"([\d.]+)([a-z]+)", text)
    if not parts or any(unit not in _SECONDS for _, unit in parts):
        return float("inf")
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
