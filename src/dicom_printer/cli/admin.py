"""The verbs of the administrator: serve, echo, check, printers, demo."""

from __future__ import annotations

import argparse
import functools
import logging
import re
from typing import Any

from dicom_printer import checks, logs
from dicom_printer import config as configuration
from dicom_printer.cli import output
from dicom_printer.cli.columns import Table, plain
from dicom_printer.config import Config, Remote, nearest
from dicom_printer.errors import RemoteTLSError, StepError, UsageError
from dicom_printer.installed import document

_AGAIN = re.compile(
    r"(?:^|; )it is tried again by itself(?:[^;]*$)"
    r"|^it is tried again by itself; (?:if it lasts, )?"
)
"""What the error of a job says that is not so where a person asked."""

logger = logging.getLogger(__name__)


def serve(args: argparse.Namespace) -> int:
    """Run the service until it is told to stop."""
    from dicom_printer.service import Service
    from dicom_printer.spool import Spool

    config = checks.load(args.config)
    logs.set_up(logging.getLogger().level, args.log_format or config.service.log)
    logs.nothing_else()
    Spool(config.service.spool).become_owner()
    for warning in checks.warnings(config):
        logger.warning("%s: %s", args.config, warning)
    Service(config).run()
    return 0


def check(args: argparse.Namespace) -> int:
    """Show every mistake in the configuration."""
    found, mistakes = checks.check(args.config)
    if mistakes or found is None:
        raise configuration.report(args.config, mistakes)
    for warning in checks.warnings(found):
        print(f"{args.config}: warning: {warning}")
    names = f"{len(found.printer)} printers, {len(found.remote)} remotes"
    print(f"{args.config}: in order; {names}, {len(found.workflow)} workflows")
    return 0


def echo(args: argparse.Namespace) -> int:
    """Ask remotes whether they are there (C-ECHO); film printers for their status (N-GET)."""
    config = configuration.load(args.config)
    rows: list[dict[str, Any]] = []
    cures: list[str] = []
    for name in _known(args.remotes, config.remote, "remote"):
        remote = config.remote[name]
        row: dict[str, Any] = {"remote": name, "ae_title": remote.ae_title}
        row["address"] = f"{remote.host}:{remote.port}"
        try:
            row |= asked(remote, film_mode(config, name))
        except StepError as error:
            row |= {"state": "down", "ms": None, "tls": None, "printer": ""}
            row["error"] = error.message
            cures.append(f"{name}: {cure(error, remote.calling_ae_title)}")
        rows.append(row)
    if args.json:
        output.print_json(rows)
    else:
        columns = ["remote", "AE title", "address", "state", "ms", "TLS", "printer", "error"]
        shown = [list((row | {"tls": _encryption(row["tls"])}).values()) for row in rows]
        output.draw(Table(columns, shown))
        for text in cures:
            print(plain(text))
    healthy = all(row["state"] == "up" and row["printer"][:7] != "FAILURE" for row in rows)
    return 0 if healthy else 1


def asked(remote: Remote, film_mode: str) -> dict[str, Any]:
    """Ask a remote; one that has a `film_mode` is a film printer, and says how it is."""
    from dicom_printer import network
    from dicom_printer.network import printing

    said = ""
    if film_mode:
        meta = printing.COLOR if film_mode == "color" else printing.GRAYSCALE
        answered, status = printing.look(remote, meta)
        said = str(status) or "says nothing"
    else:
        answered = network.echo(remote)
    row = {"state": "up", "ms": round(1000 * answered.seconds), "tls": None}
    if (tls := answered.tls) is not None:
        row["tls"] = {"version": tls.version, "cipher": tls.cipher, "days": tls.days}
    return row | {"printer": said, "error": ""}


def cure(error: StepError, ae_title: str) -> str:
    """Return what to do about a remote that does not answer; no job is there to be tried again.

    Parameters
    ----------
    ae_title : str
        Our own.
    """
    if error.reason == "remote refused":
        return f"have its administrator enter our AE title {ae_title}; see that its own is right"
    if isinstance(error, RemoteTLSError):
        return _AGAIN.sub("", error.remedy)
    if error.reason == "remote unreachable":
        return (
            "see that host and port are right, that it runs, and that no firewall is between; "
            "a port for TLS, 2762 as a rule, wants `tls`"
        )
    return f'see "{error.reason}" in {document("docs/errors.md")}, and the log of the remote'


def _encryption(tls: dict[str, Any] | None) -> str:
    """Return with what an association is encrypted, and how long the peer's certificate holds."""
    return f"{tls['version']} {tls['cipher']}, {tls['days']} days" if tls else ""


def film_mode(config: Config, name: str) -> str:
    """Return the mode in which a `print` step names the remote; empty where none does."""
    steps = [step for steps in config.workflow.values() for step in steps]
    for step in steps:
        if step.get("action") == "print" and step.get("remote") == name:
            return str(step.get("mode", "grayscale"))
    return ""


def _known(names: list[str], known: dict[str, Any], what: str) -> list[str]:
    for name in names:
        if name not in known:
            raise UsageError(f'there is no {what} "{name}"{nearest(name, known)}')
    return names or list(known)


def printers(args: argparse.Namespace) -> int:
    """Manage the CUPS queues of the configuration."""
    from dicom_printer import queues

    config = checks.load(args.config)
    if args.what == "list":
        return _list(args, config)
    rows: list[tuple[str, str]] = []
    for name in _known(args.names, config.printer, "printer"):
        if args.what == "install":
            rows.append((name, queues.install(queues.of(config, name))))
        else:
            queues.remove(name)
            rows.append((name, "removed"))
    for name, outcome in rows:
        print(name, outcome)
    return 0


def _list(args: argparse.Namespace, config: Config) -> int:
    from dicom_printer import queues

    found = {state.name: state for state in queues.listing()}
    rows = [
        {"printer": name, "queue": "not installed", "message": ""}
        for name in config.printer
        if name not in found
    ]
    rows += [
        {"printer": s.name, "queue": s.state if s.ours else "not ours", "message": s.message}
        for s in found.values()
        if s.ours or s.name in config.printer
    ]
    if args.json:
        output.print_json(rows)
    else:
        table = Table(["printer", "queue", "message"], [list(r.values()) for r in rows])
        output.draw(table)
    return 0


def demo(args: argparse.Namespace) -> int:
    """Run the whole way on this machine."""
    from dicom_printer.demo.run import run

    return run(args.keep, functools.partial(print, flush=True))
