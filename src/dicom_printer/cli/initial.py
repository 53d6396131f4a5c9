"""What ``init`` leaves behind: the first configuration, the spool, the backend of CUPS."""

from __future__ import annotations

import json
import os
import pwd
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_printer import checks, config, durable, installed
from dicom_printer.config.tls import TLS
from dicom_printer.errors import ConfigError, UsageError
from dicom_printer.spool import INCOMING, JOBS, REJECTED, TMP, Spool

_MODE = 0o640
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Address:
    """Where a remote answers: its AE title, a host name or an IP address with a port, and TLS."""

    ae_title: str
    host: str
    port: int
    tls: TLS | None = None


@dataclass(frozen=True)
class Answers:
    """What has to be known for a first configuration.

    Attributes
    ----------
    ae_title : str
        Our own, the calling one.
    queue : str
        The printer's name, here and in CUPS.
    worklist : Address or None
        Who knows the patients, where there is such a one.
    film : Address or None
        A film printer, where there is one; it gets a queue of its own.
    """

    pacs: Address
    ae_title: str
    queue: str
    spool: str
    worklist: Address | None = None
    film: Address | None = None

    def remotes(self) -> Iterator[tuple[str, str, Address]]:
        """Return which remotes there are: which kind, what people call it, where it is."""
        for kind, name, address in (
            ("pacs", "PACS", self.pacs),
            ("worklist", "worklist", self.worklist),
            ("film", "film printer", self.film),
        ):
            if address is not None:
                yield kind, name, address


_HEAD = """\
# The configuration of DICOM Printer, written by `dicom-printer init`.
# After a change: `dicom-printer check`, then restart the service. Every key:
# {documents}; all of them in one file:
# {example}

[service]
# Documents and the job table; for the service's user alone.
spool = {spool}
# Our own AE title, which the PACS has to know.
ae_title = {ae_title}
"""
_REMOTE = """
# {what}
[remote.{name}]
ae_title = {ae_title}
host = {host}
port = {port}
{tls}"""
_PRINTER = """
# The CUPS queue; `ask` are the fields in its print dialog.
[printer.{queue}]
info = "DICOM Printer"
workflow = "to_pacs"
ask = {ask}
# Files that appear there are printed and removed.
# hot_folders = ["/srv/scans"]

# An accession number in the title, as in "Report ACC4711".
[[workflow.to_pacs]]
action = "parse"
from = "title"
pattern = 'ACC(?P<AccessionNumber>\\w+)'
"""
_QUERY = """
# The worklist says whose it is; without an accession number the job is held.
[[workflow.to_pacs]]
action = "query"
remote = "worklist"
model = "worklist"
keys = { AccessionNumber = "{AccessionNumber}" }
"""
_STORE = """
# Each page becomes an image in the PACS.
[[workflow.to_pacs]]
action = "store"
remote = "pacs"
"""
_FILM = """
# What is printed to this queue comes out as film, a page each, and goes nowhere else.
[printer.{queue}]
info = "DICOM Printer: film"
workflow = "to_film"

[[workflow.to_film]]
action = "print"
remote = "film"
film_box = {{ ImageDisplayFormat = 'STANDARD\\1,1' }}
"""


def text(answers: Answers) -> str:
    """Return a whole configuration, with comments, in TOML."""
    known = answers.worklist
    ask = ["AccessionNumber"] if known else ["PatientID", "PatientName", "AccessionNumber"]
    head = _HEAD.format(
        spool=_quoted(answers.spool), ae_title=_quoted(answers.ae_title),
        documents=installed.document("docs/configuration.md"), example=installed.example(),
    )  # fmt: skip
    parts = [head]
    parts.append(_remote("pacs", "The archive.", answers.pacs))
    if known:
        parts.append(_remote("worklist", "Who knows what is ordered for whom.", known))
    if answers.film:
        parts.append(_remote("film", "The film printer.", answers.film))
    parts.append(_PRINTER.format(queue=_key(answers.queue), ask=json.dumps(ask)))
    parts += [_QUERY if known else "", _STORE]
    if answers.film:
        parts.append(_FILM.format(queue=_key(f"{answers.queue}_Film")))
    return "".join(parts)


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else _quoted(name)


def _remote(name: str, what: str, address: Address) -> str:
    return _REMOTE.format(
        name=name, what=what, port=address.port,
        ae_title=_quoted(address.ae_title), host=_quoted(address.host), tls=_tls(address.tls),
    )  # fmt: skip


def _tls(tls: TLS | None) -> str:
    """Return the line of a remote that says with what it is encrypted; none where it is not."""
    if tls is None:
        return ""
    files = {"ca": tls.ca, "cert": tls.cert, "key": tls.key}
    keys = [f"{name} = {_quoted(str(path))}" for name, path in files.items() if path]
    keys += [] if tls.verify else ["verify = false"]
    return f"tls = {{ {', '.join(keys)} }}\n" if keys else "tls = true\n"


def _quoted(value: str) -> str:
    """Return a basic string of TOML: JSON's are a subset of them, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def is_example(path: Path) -> bool:
    """Tell whether a configuration is the one that is handed out: no host in it can exist.

    ``.example`` is nobody's (RFC 2606 section 2).
    """
    try:
        found, _ = checks.check(path)
    except ConfigError:
        return False
    hosts = [remote.host for remote in found.remote.values()] if found else []
    return bool(hosts) and all(host.endswith(".example") for host in hosts)


def write(path: Path, content: str, owner: pwd.struct_passwd, *, replace: bool) -> config.Config:
    """Make the spool and put a configuration in its place, whole or not at all.

    What was there is kept as ``.old``.

    Raises
    ------
    ConfigError
        Where it has mistakes, there is one already, or it cannot be written.
    SpoolError, UsageError
        As :func:`make_spool` has them; then no configuration is written.
    """
    # In the same directory: what is relative in it means the same.
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write(draft, content.encode())
        try:
            found, mistakes = checks.check(draft)
            if found is None or mistakes:
                raise config.report(path, mistakes)
            make_spool(found.service.spool, owner)
            draft.chmod(_MODE)
            if os.geteuid() == 0:
                os.chown(draft, 0, owner.pw_gid)
            if replace:
                _keep_old(path)
                draft.rename(path)
            else:
                path.hardlink_to(draft)  # unlike a rename it never takes another's place
        finally:
            draft.unlink(missing_ok=True)
        durable.fsync_directory(path.parent)
    except FileExistsError:
        raise ConfigError(
            f"{path} is there already", "--force replaces it, and keeps it as .old"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}",
            "run this as root (sudo), or name another place with --config",
        ) from None
    return found


def _keep_old(path: Path) -> None:
    old = path.with_name(f"{path.name}.old")
    with suppress(FileNotFoundError):
        old.unlink()
    with suppress(FileNotFoundError):
        old.hardlink_to(path)


def make_spool(root: Path, owner: pwd.struct_passwd) -> None:
    """Make the spool, or what is missing of it, for the service's user.

    Raises
    ------
    SpoolError
        Where it cannot be made.
    UsageError
        Where it is there, and belongs to another user.
    """
    missing = [p for p in (root, *(root / n for n in (TMP, INCOMING, JOBS, REJECTED)))
               if not p.exists()]  # fmt: skip
    if root not in missing and (belongs := root.stat().st_uid) != owner.pw_uid:
        raise UsageError(
            f"the spool {root} belongs to user {belongs}, not to {owner.pw_name}",
            f"`chown {owner.pw_name}: {root}` where nothing is in it, or name its user with --user",
        )
    Spool(root).create()
    if os.geteuid() == 0:
        with durable.explained(f"spool {root}"):
            for made in missing:
                os.chown(made, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def install_backend(source: Path, directory: Path, say: Callable[[str], None]) -> None:
    """Put the backend where CUPS looks for it: a regular file for root alone.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    target, content = directory / "dicom", source.read_bytes()
    with suppress(OSError):
        s = target.lstat()
        right = (s.st_mode & 0o177777, s.st_uid) == (0o100700, 0)
        if right and target.read_bytes() == content:
            return
    draft = directory / f".dicom.{uuid.uuid4().hex}"
    try:
        durable.write(draft, content)
        draft.chmod(0o700)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    say(f"backend {target}: installed")
