"""The spool, the job table and the hot folders, as the service's user sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dicom_printer.accounts import name_of
from dicom_printer.bell import needs_polling
from dicom_printer.cli import access, health, look, output
from dicom_printer.cli.doctor.finding import Finding, fine, unseen, warning, wrong
from dicom_printer.config import Config
from dicom_printer.errors import SpoolError
from dicom_printer.installed import document
from dicom_printer.jobs import damage
from dicom_printer.spool import INCOMING, JOBS, REJECTED, TMP, Spool

_OPERATION = document("docs/operation.md")
_START = "start it: `systemctl start dicom-printer`, or `dicom-printer serve`"


def configuration(path: Path) -> Iterator[Finding]:
    """Look whether the service's user, whom this process is by now, can read the file.

    Nothing where he can: what stands in it is looked at before, as who calls.
    """
    try:
        path.open("rb").close()
    except PermissionError:
        user = name_of(os.geteuid())
        yield wrong(
            "configuration", f"{path}: user {user}, of the service, cannot read it",
            f"`chgrp {user} {path}`, `chmod 0640 {path}`; its directory has to let him in too",
        )  # fmt: skip


def spool(config: Config) -> Iterator[Finding]:
    """Look at the spool's directories and its file system.

    Raises
    ------
    SpoolError
        Where nothing of it can be used.
    """
    root = config.service.spool
    if root.is_dir() and os.geteuid() != 0 and not readable(config):
        yield unseen("spool", f"{root}: is for its owner alone", "run this as root (sudo)")
        return
    found = access.spool_of(config.service.spool)  # from here on as its owner, where we are root
    troubles = [*_owner(root), *_directories(root)]
    troubles += [_of_trouble(text) for text in health.file_system(found)]
    if short := found.short_of(config.service.min_free):
        troubles.append(_of_trouble(short))
    free = output.size(found.free())
    yield from troubles or [fine("spool", f"{root}: can be written, {free} free")]
    if (root / REJECTED).is_dir() and (waiting := len(found.rejected())):
        yield wrong(
            "spool", f"{waiting} documents were rejected", f"read reason.txt in {root / REJECTED}/*"
        )


def readable(config: Config) -> bool:
    """Tell whether this process, as it is now, can look into the spool."""
    return os.access(config.service.spool, os.R_OK | os.W_OK | os.X_OK)


def _of_trouble(text: str) -> Finding:
    """Return a finding out of the words of `status`: what is wrong; what to do."""
    what, _, cure = text.partition("; ")
    return wrong("spool", what.removeprefix("spool "), cure)


def _owner(root: Path) -> Iterator[Finding]:
    s = root.stat()
    if s.st_mode & 0o077:
        text = (
            f"{root}: others may enter it (mode {s.st_mode & 0o7777:04o}), and it holds documents"
        )
        yield wrong("spool", text, f"`chmod 0700 {root}`")
    if s.st_uid == 0:
        yield warning(
            "spool", f"{root}: belongs to root, so the service and the backend are root",
            f"make a user for the service, `chown -R` the spool to it: see {_OPERATION}",
        )  # fmt: skip


def _directories(root: Path) -> Iterator[Finding]:
    names = [name for name in (TMP, INCOMING, JOBS, REJECTED) if (root / name).is_dir()]
    if len(names) < 4:
        yield wrong(
            "spool", f"{root}: directories are missing", "restart the service: it makes them"
        )
    device = root.stat().st_dev
    apart = [name for name in names if (root / name).stat().st_dev != device]
    if apart:
        yield wrong(
            "spool", f"{root}: {', '.join(apart)} lie on another file system: no rename",
            "mount the whole spool, not its directories",
        )  # fmt: skip


def database(config: Config) -> Iterator[Finding]:
    """Look at the job table: every page of it, in the spool; whether it answers, elsewhere.

    Nothing where the spool is not to be read, as :func:`spool` says.

    Raises
    ------
    SpoolError
        Where it cannot be used.
    """
    place = Spool(config.service.spool)
    if not readable(config):
        return
    if config.service.database.get_secret_value():
        with access.job_table(config, place):
            yield fine("job table", "PostgreSQL answers")
        return
    if needs_polling(place.root):
        yield wrong(
            "job table", f"{place.database} lies on a network share, where SQLite is not safe",
            f"move the spool to a local disk, or use PostgreSQL: see {_OPERATION}",
        )  # fmt: skip
    if not place.database.exists():
        yield fine("job table", "is made when the service starts first")
    elif found := damage.damage(place.database):
        yield wrong("job table", f"{place.database} is damaged: {found}", damage.REMEDY)
    else:
        yield fine("job table", "in order")


def service(config: Config) -> Iterator[Finding]:
    """Look whether the service runs, and what troubles it."""
    place = Spool(config.service.spool)
    if not readable(config):
        return
    if not config.service.database.get_secret_value() and not place.service_runs():
        yield wrong("service", "does not run: what is printed waits in the spool", _START)
        return
    try:
        with access.job_table(config, place) as store:
            runs, _, troubles = look.services(place, store)
    except SpoolError as error:
        yield unseen("service", error.message, error.remedy)
        return
    if not runs:
        yield wrong("service", "no node of it is heard of", _START)
    for text in troubles:
        what, _, cure = text.partition("; ")
        yield wrong("service", what, cure or f'see {document("docs/errors.md")}, "Troubles"')
    if runs and not troubles:
        yield fine("service", "runs")


def hot_folder(folder: Path) -> Iterator[Finding]:
    """Look whether the service can take files out of a folder."""
    user, check = name_of(os.geteuid()), f"hot folder {folder}"
    if not folder.is_dir():
        yield wrong(check, "is not there", "make it, or mount its share")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        cure = f"grant {user} rwx, for example `setfacl -m u:{user}:rwx {folder}`"
        yield wrong(check, f"user {user} may not take files out", cure)
    else:
        yield fine(check, "can be read and written")
    if text := health.rejected(folder):
        what, _, cure = text.partition("; ")
        yield wrong(check, what.partition(": ")[2], cure)
