"""The verb ``doctor``: look at everything that usually goes wrong, and say what to do.

First comes what only root may see, then the rest as the service's user, who has to be able
to do it. Whoever calls it as another user is told what could not be seen. Each look has its
time: what never answers is a finding like any other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

from dicom_printer import checks
from dicom_printer.cli import output
from dicom_printer.cli.columns import plain
from dicom_printer.cli.doctor import machine, places, printing, remotes, unit
from dicom_printer.cli.doctor.bounded import FILES, PATIENCE_S, Look, Unended, ended
from dicom_printer.cli.doctor.finding import Finding, Grade, fine, unseen, whatever, wrong
from dicom_printer.config import Config
from dicom_printer.errors import ConfigError
from dicom_printer.spool import Spool

_STYLE = {Grade.FINE: "32", Grade.WARNING: "33", Grade.WRONG: "1;31", Grade.UNSEEN: ""}
_TABLE_S = 300.0  # every page of it is read


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
    for found in ended([Look("configuration", lambda: _configuration(path))]):
        if isinstance(found, Config):
            config = found
        else:
            yield found
    yield from machine.look()
    if config is not None:
        yield from whatever("CUPS", printing.look(config))
        yield from ended([Look("systemd", partial(unit.look, config))])
        answers = yield from _places(path, config)
        yield from remotes.look(config, as_owner=answers)


def _configuration(path: Path) -> Iterator[Finding | Config]:
    """Look at the configuration, and return it as far as it can be used."""
    try:
        config, mistakes = checks.check(path)
    except ConfigError as error:
        if isinstance(error.__context__, PermissionError):
            yield unseen("configuration", error.message, "run this as root (sudo)")
        else:
            cure = f"{ConfigError.remedy}; `dicom-printer init` writes a first one"
            yield wrong("configuration", error.message, cure)
        return
    for mistake in mistakes:
        yield wrong("configuration", f"{path}: {mistake}", ConfigError.remedy)
    if config is not None:
        if not mistakes:
            yield fine("configuration", f"{path}: in order")
        yield config


def _places(path: Path, config: Config) -> Generator[Finding, None, bool]:
    """Look at directories as the service's user: what he cannot do must not look possible.

    Returns
    -------
    bool
        Whether the spool's file system answers.
    """
    folders = [folder for printer in config.printer.values() for folder in printer.hot_folders]
    for found in ended([Look("spool", partial(places.spool, config))]):
        yield found
        if isinstance(found, Unended):
            rest = "job table, service and hot folders"
            yield unseen(rest, "as whom to look at them, the spool does not say", FILES)
            return False

    def as_owner(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        Spool(config.service.spool).become_owner()
        yield from look()

    looks: list[tuple[str, float, Callable[[], Iterator[Finding]]]] = [
        ("configuration", PATIENCE_S, partial(places.configuration, path)),
        ("job table", _TABLE_S, partial(places.database, config)),
        ("service", PATIENCE_S, partial(places.service, config)),
        *((f"hot folder {f}", PATIENCE_S, partial(places.hot_folder, f)) for f in folders),
    ]
    yield from ended(Look(name, partial(as_owner, find), time) for name, time, find in looks)
    return True


def _print(finding: Finding) -> None:
    grade = output.in_style(f"{finding.grade:<9}", _STYLE[finding.grade])
    print(grade + plain(f"{finding.check}: {finding.found}"), flush=True)
    if finding.remedy:
        print(plain(f"{'':9}-> {finding.remedy}"), flush=True)
