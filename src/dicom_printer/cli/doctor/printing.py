"""CUPS: the backend, the queues, and what CUPS itself tells of patients."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dicom_printer import queues
from dicom_printer.cli import queue_view
from dicom_printer.cli.doctor.bounded import Look, ended
from dicom_printer.cli.doctor.finding import Finding, Grade, fine, unseen, warning, wrong
from dicom_printer.config import Config
from dicom_printer.errors import QueueError
from dicom_printer.installed import document
from dicom_printer.ppd import backend_directory

_APPARMOR = Path("/sys/kernel/security/apparmor/profiles")
_PROFILE = Path("/etc/apparmor.d/usr.sbin.cupsd")
_AS_ROOT = "run this as root (sudo)"
_SILENT = "see that it runs (`lpstat -r`), and its error_log; else restart it"
_AT_ONCE = 4


def look(config: Config) -> Iterator[Finding]:
    """Look at CUPS as far as printers of the configuration need it."""
    place = queues.cups_backends()
    if place is None:
        yield warning(
            "CUPS", "is not installed: only hot folders and `submit` bring jobs",
            "`apt-get install cups cups-filters`, then `dicom-printer printers install`",
        )  # fmt: skip
        return
    target, source = place / "dicom", backend_directory() / "dicom"
    yield from ended([
        Look(f"backend {target}", lambda: [backend(target, source)]),
        Look("AppArmor", lambda: [apparmor()]),
    ])  # fmt: skip
    answers = list(ended([Look("CUPS", lambda: _answers(config), cure=_SILENT)]))
    yield from answers
    if all(finding.grade is Grade.FINE for finding in answers):
        # One that answered a moment ago may be silent now, or in the middle of an answer.
        looks = [
            Look(f"queue {name}", partial(_queue, config, name), cure=_SILENT)
            for name in config.printer
        ]
        looks.append(Look("CUPS's privacy", _privacy, cure=_SILENT))
        yield from ended(looks, at_once=_AT_ONCE)


def _answers(config: Config) -> Iterator[Finding]:
    if error := queue_view.seen(config.printer)["error"]:
        what, _, cure = error.partition("; ")
        yield wrong("CUPS", what, cure or _SILENT)
    else:
        yield fine("CUPS", "answers")


def _queue(config: Config, name: str) -> Iterator[Finding]:
    seen = queue_view.seen(config.printer)
    if seen["error"]:
        raise QueueError(seen["error"], _SILENT)
    yield from queue(queues.of(config, name), seen["queues"].get(name))


def _privacy() -> Iterator[Finding]:
    try:
        yield from privacy(queues.server_configuration())
    except QueueError:
        yield unseen("CUPS's privacy", "its cupsd.conf is not shown to you", _AS_ROOT)


def backend(target: Path, source: Path) -> Finding:
    """Compare an installed backend with ours, and with what CUPS wants of one."""
    cure = f"`install -o root -g root -m 0700 {source} {target}`"
    check = f"backend {target}"
    try:
        s = target.lstat()
        directory = target.parent.stat()
    except FileNotFoundError:
        return wrong(check, "is missing", cure)
    if not stat.S_ISREG(s.st_mode):
        return wrong(
            check, "is no regular file: AppArmor follows a link, and forbids it the spool",
            f"`rm {target}`, {cure}",
        )  # fmt: skip
    if s.st_uid != directory.st_uid:
        return wrong(check, f"belongs to user {s.st_uid}: CUPS does not start it", cure)
    if (mode := stat.S_IMODE(s.st_mode)) != 0o700:
        return wrong(
            check, f"has the mode {mode:04o}, not 0700: CUPS does not start it as root, so it "
            "cannot become the owner of the spool", cure,
        )  # fmt: skip
    try:
        same = target.read_bytes() == source.read_bytes()
    except PermissionError:
        return unseen(check, "mode and owner are right; its content is root's alone", _AS_ROOT)
    if not same:
        return wrong(check, "is of another version than this program", cure)
    return fine(check, "is there, of this version, mode 0700")


def queue(wanted: queues.Queue, seen: dict[str, Any] | None) -> Iterator[Finding]:
    """Compare a queue of CUPS, as `queue_view.seen` has it, with the configuration."""
    check = f"queue {wanted.name}"
    install = f"`dicom-printer printers install {wanted.name}`"
    try:
        different = queues.differences(wanted)
    except QueueError as error:
        yield wrong(check, error.message, error.remedy)
        return
    if different is None or seen is None:
        yield wrong(check, "is not installed in CUPS", install)
        return
    troubles = []
    if different:
        what = ", ".join(different).replace("PPD", "the fields of its print dialog (PPD)")
        troubles.append(wrong(check, f"is not as the configuration has it: {what}", install))
    for text in queue_view.troubles({wanted.name: seen}):
        what, _, cure = text.removeprefix(f"{check}: ").partition("; ")
        troubles.append(wrong(check, what, cure))
    yield from troubles or [fine(check, f"{seen['state']}, as the configuration has it")]


def privacy(cupsd_conf: str) -> Iterator[Finding]:
    """Look at what the server keeps and shows of the jobs."""
    lines = [line.split("#")[0].split() for line in cupsd_conf.splitlines()]
    stated = {words[0].lower(): " ".join(words[1:]).lower() for words in lines if len(words) > 1}
    cure = "in cupsd.conf say `{}`, then restart CUPS"
    found = []
    if stated.get("preservejobfiles", "86400") not in {"no", "off", "false"}:
        text = "CUPS keeps the documents after they were printed (PreserveJobFiles)"
        found.append(warning("CUPS's privacy", text, cure.format("PreserveJobFiles No")))
    if stated.get("preservejobhistory", "yes") not in {"no", "off", "false"}:
        text = "CUPS keeps titles and users of jobs that are done (PreserveJobHistory)"
        found.append(warning("CUPS's privacy", text, cure.format("PreserveJobHistory No")))
    if stated.get("loglevel", "warn") in {"debug", "debug2"}:
        text = "CUPS writes titles and options of jobs to its error_log (LogLevel)"
        found.append(warning("CUPS's privacy", text, cure.format("LogLevel warn")))
    policies = re.findall(r"(?is)<policy\s+(\S+)>(.*?)</policy>", cupsd_conf)
    shown = [n for n, text in policies if not re.search(r"(?im)^\s*JobPrivateValues\s+all\b", text)]
    if shown or not policies:
        text = "any user can ask CUPS what others typed into the print dialog"
        where = f" (policies {', '.join(shown)})" if shown else ""
        page = document("cups-backend/README.md")
        cure = f'see {page}, "Privacy": JobPrivateValues all, with its <Limit>'
        found.append(warning("CUPS's privacy", text + where, cure))
    yield from found or [
        fine("CUPS's privacy", "documents, titles and fields are not kept or shown")
    ]


def apparmor(profiles: Path = _APPARMOR, profile: Path = _PROFILE) -> Finding:
    """Look whether cupsd is confined, and whether its profile lets a backend write the spool."""
    try:
        confined = "/usr/sbin/cupsd (enforce)" in profiles.read_text()
    except PermissionError:
        return unseen("AppArmor", "whether cupsd is confined is root's to see", _AS_ROOT)
    except OSError:
        return fine("AppArmor", "is not in use")
    if not confined:
        return fine("AppArmor", "does not confine cupsd")
    # Debian's: what lies in the backend directory runs in a profile of its own, which is wide.
    if os.access(profile, os.R_OK) and "third_party" in profile.read_text(errors="replace"):
        return fine("AppArmor", "confines cupsd, and lets backends do what ours does")
    return warning(
        "AppArmor", f"confines cupsd, and {profile} has no `third_party` for backends",
        "where jobs fail, see `journalctl -k | grep DENIED`; the spool has to be writable",
    )  # fmt: skip
