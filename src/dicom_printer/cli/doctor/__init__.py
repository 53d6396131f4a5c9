"""The verb ``doctor``: look at everything that usually goes wrong, and say what to do.

First comes what only root may see, then the rest as the service's user, who has to be able
to do it. Whoever calls it as another user is told what could not be seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from dicom_printer import checks
from dicom_printer.cli import output
from dicom_printer.cli.doctor import machine, places, printing, remotes, unit
from dicom_printer.cli.doctor.finding import Finding, Grade, fine, unseen, whatever, wrong
from dicom_printer.config import Config
from dicom_printer.errors import ConfigError

_STYLE = {Grade.FINE: "green", Grade.WARNING: "yellow", Grade.WRONG: "bold red", Grade.UNSEEN: ""}


def doctor(args: argparse.Namespace) -> int:
    """Look at everything, show what was found; 1 where something is wrong."""
    found = []
    for finding in look(args.config):
        found.append(finding)
        if not args.json:
            _print(finding)
    if args.json:
        output.print_json([vars(finding) for finding in found])
    else:
        counts = [(grade, sum(f.grade is grade for f in found)) for grade in Grade]
        print("\n" + ", ".join(f"{n} {grade}" for grade, n in counts if n))
    return 1 if any(finding.grade is Grade.WRONG for finding in found) else 0


def look(path: Path) -> Iterator[Finding]:
    """Look at everything that can be seen, in an order in which one explains the next."""
    config = None
    try:
        config, mistakes = checks.check(path)
    except ConfigError as error:
        if isinstance(error.__context__, PermissionError):
            yield unseen("configuration", error.message, "run this as root (sudo)")
        else:
            cure = f"{ConfigError.remedy}; `dicom-printer init` writes a first one"
            yield wrong("configuration", error.message, cure)
    else:
        for mistake in mistakes:
            yield wrong("configuration", f"{path}: {mistake}", ConfigError.remedy)
        if config is not None and not mistakes:
            yield fine("configuration", f"{path}: in order")
    yield from whatever("machine", machine.look())
    if config is not None:
        yield from _configured(config)


def _configured(config: Config) -> Iterator[Finding]:
    yield from whatever("CUPS", printing.look(config))
    yield from whatever("systemd", unit.look(config))
    # Here root is given up: what the service's user cannot do must not look possible.
    yield from whatever("spool", places.spool(config))
    if places.readable(config):
        yield from whatever("job table", places.database(config))
        yield from whatever("service", places.service(config))
    yield from whatever("hot folder", places.hot_folders(config))
    yield from whatever("remote", remotes.look(config))


def _print(finding: Finding) -> None:
    console = output.console()
    console.print(f"{finding.grade:<9}", style=_STYLE[finding.grade], end="")
    console.print(output.plain(f"{finding.check}: {finding.found}"), markup=False)
    if finding.remedy:
        console.print(output.plain(f"{'':9}-> {finding.remedy}"), markup=False)
