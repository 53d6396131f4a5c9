"""The verb ``init``: from nothing to a queue that prints, by a few questions or flags."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dicom_printer import certificates, queues
from dicom_printer.cli import initial
from dicom_printer.cli.doctor.bounded import Look, ended
from dicom_printer.cli.doctor.finding import Finding
from dicom_printer.cli.initial import Address, Answers
from dicom_printer.cli.questions import Answering, Question, agreed
from dicom_printer.config import Config, Remote
from dicom_printer.config.models import AETitle, Port
from dicom_printer.config.tls import TLS
from dicom_printer.errors import ConfigError, QueueError, StepError, UsageError
from dicom_printer.ppd import backend_directory

_USER = "dicom-printer"
_SYSTEMD = Path("/run/systemd/system")


_OWN = Question("ae_title", "our own AE title, as the PACS knows it", "DICOM_PRINTER", AETitle)
_QUEUE = Question("queue", "name of the print queue", "DICOM_Printer")
_SPOOL = Question("spool", "")
_HOSTS = {
    kind: Question(f"{kind}_host", text, is_needed=kind == "pacs")
    for kind, text in (
        ("pacs", "host name or IP address of the PACS"),
        ("worklist", "host of the worklist (nothing: there is none)"),
        ("film", "host of a film printer (nothing: there is none)"),
    )
}
_SERVICE = {
    "pacs": "storing Secondary Capture images",
    "worklist": "queries of the modality worklist",
    "film": "Basic Grayscale Print Management",
}
_FILES = tuple(
    Question(name, text, is_needed=False)
    for name, text in (
        ("tls_ca", "PEM file of who issues its certificate (nothing: the system's issuers)"),
        ("tls_cert", "PEM file of our own certificate (nothing: it wants none)"),
        ("tls_key", "PEM file of its key (nothing: in the same file)"),
    )
)


def init(args: argparse.Namespace) -> int:
    """Write a first configuration, and install the queue.

    Raises
    ------
    UsageError
        Where an answer is missing and nobody can be asked, or a remote does not answer and
        nobody says that it is to go on.
    """
    path: Path = args.config.absolute()
    replace = args.force or initial.is_example(path)
    if path.exists() and not replace:
        raise ConfigError(f"{path} is there already", "--force replaces it, and keeps it as .old")
    owner = _owner(args.user)
    can_ask = sys.stdin.isatty() and not args.yes
    answers = _answers(Answering(args, can_ask))
    _see_files(answers, owner)
    healthy = _try_remotes(answers, yes=args.yes, can_ask=can_ask)
    config = initial.write(path, initial.text(answers), owner, replace=replace)
    print(f"spool {config.service.spool}: of user {owner.pw_name}")
    print(f"{path}: written")
    installed = _install_queues(config)
    print(f"\nWho has to know us, by the AE title {answers.ae_title}:")
    for kind, name, _ in answers.remotes():
        print(f"  the {name}, for {_SERVICE[kind]}")
    _say_next(path, answers.queue, installed=installed)
    return 0 if healthy else 1


def _owner(name: str | None) -> pwd.struct_passwd:
    """Return the service's user: who is named, else its own where there is one, else who asks."""
    if os.geteuid() != 0 and name is None:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(name or _USER)
    except KeyError:
        raise UsageError(
            f"there is no user {name or _USER} for the service",
            f"make it: `adduser --system --group --no-create-home {name or _USER}`; "
            "or name another one with --user",
        ) from None


def _answers(answering: Answering) -> Answers:
    # Who is not root has no business in /var: beside the configuration then.
    spool = "/var/spool/dicom-printer" if os.geteuid() == 0 else "spool"
    pacs = _address(answering, "pacs", answering.text(_HOSTS["pacs"]), tls_asked=True)
    found = Answers(
        pacs=pacs,
        ae_title=answering.text(_OWN),
        queue=answering.text(_QUEUE),
        spool=answering.text(_SPOOL._replace(default=spool)),
    )
    for kind in ("worklist", "film"):
        if host := answering.text(_HOSTS[kind]):
            # Whose PACS speaks in clear is not asked whether the others do.
            tls_asked = pacs.tls is not None
            there: dict[str, Any] = {kind: _address(answering, kind, host, tls_asked=tls_asked)}
            found = dataclasses.replace(found, **there)
            continue
        for name in (f"{kind}_port", f"{kind}_ae_title", f"{kind}_tls"):
            if getattr(answering.args, name):
                flag = name.replace("_", "-")
                raise UsageError(f"--{flag} goes with --{kind}-host")
    return _encrypted(answering, found)


def _address(answering: Answering, kind: str, host: str, *, tls_asked: bool) -> Address:
    port = answering.text(Question(f"{kind}_port", "its DICOM port", "104", Port))
    ae_title = answering.text(Question(f"{kind}_ae_title", "its AE title", "", AETitle))
    # Who states the host by a flag would have stated that too.
    can_ask = answering.can_ask and tls_asked and getattr(answering.args, f"{kind}_host") is None
    question = Question(f"{kind}_tls", "is the connection encrypted (TLS)?")
    tls = answering._replace(can_ask=can_ask).yes(question)
    return Address(ae_title, host, int(port), TLS() if tls else None)


def _encrypted(answering: Answering, found: Answers) -> Answers:
    """Fill in the files of TLS: one issuer and one certificate of ours for all who want it.

    Raises
    ------
    UsageError
        Where they are stated, and nobody is to be encrypted; or a key without a certificate.
    """
    encrypted = [(kind, address) for kind, _, address in found.remotes() if address.tls]
    args = answering.args
    if not encrypted:
        stated = [q.flag for q in _FILES if getattr(args, q.name)]
        stated += ["--tls-no-verify"] if args.tls_no_verify else []
        if stated:
            raise UsageError(f"{stated[0]} goes with --pacs-tls, --worklist-tls or --film-tls")
        return found
    ca, cert, key = _FILES
    authority, ours = _file(answering.text(ca)), _file(answering.text(cert))
    secret = _file(answering.text(key)) if ours else args.tls_key
    if secret and not ours:
        raise UsageError("--tls-key goes with --tls-cert")
    tls = TLS(ca=authority, cert=ours, key=secret, verify=not args.tls_no_verify)
    for kind, address in encrypted:
        changed: dict[str, Any] = {kind: dataclasses.replace(address, tls=tls)}
        found = dataclasses.replace(found, **changed)
    return found


def _file(name: str) -> Path | None:
    return Path(name).absolute() if name else None


def _see_files(answers: Answers, owner: pwd.struct_passwd) -> None:
    """See that the service's user can use the files of TLS, before root tries the remotes.

    Raises
    ------
    UsageError
        Naming what it cannot use.
    """
    tls = next((remote.tls for _, _, remote in answers.remotes() if remote.tls), None)
    if tls is None:
        return

    def look() -> Iterator[tuple[str, str]]:
        if os.geteuid() == 0 != owner.pw_uid:
            os.initgroups(owner.pw_name, owner.pw_gid)
            os.setgid(owner.pw_gid)
            os.setuid(owner.pw_uid)
        yield from certificates.mistakes(tls)

    for found in ended([Look("tls", look)]):
        if isinstance(found, Finding):  # one that never answers, a pipe or a share for example
            raise UsageError(f"the files of --tls-ca, --tls-cert: {found.found}", found.remedy)
        key, text = found
        raise UsageError(
            f"--tls-{key}: {text}",
            f"it has to be PEM that {owner.pw_name} can read: `chgrp {owner.pw_name} FILE`, "
            "`chmod 0640 FILE`",
        )


def _try_remotes(answers: Answers, *, yes: bool, can_ask: bool) -> bool:
    """Ask the remotes by C-ECHO; tell whether all answered.

    Raises
    ------
    UsageError
        Where one does not, and nobody wants to go on.
    """
    from dicom_printer.cli.admin import asked, cure

    healthy = True
    for kind, name, address in answers.remotes():
        remote = Remote(name=name, calling_ae_title=answers.ae_title, **vars(address))
        try:
            row = asked(remote, "grayscale" if kind == "film" else "")
        except StepError as error:
            healthy = False
            print(f"{name}: does not answer: {error.message}")
            print(f"  {cure(error, answers.ae_title)}")
            continue
        tls = f", encrypted with {row['tls']['version']}" if row["tls"] else ""
        said = f"; it says {row['printer']}" if row["printer"] else ""
        print(f"{name}: answers a C-ECHO within {row['ms']} ms{tls}{said}")
    if not healthy and not yes and not (can_ask and agreed("write the configuration anyway?")):
        raise UsageError("nothing was written", "correct the address, or say --yes to go on anyway")
    return healthy


def _install_queues(config: Config) -> bool:
    """Install backend and queues where CUPS is there, else say what to do; tell whether it is."""
    later = "then `dicom-printer printers install`"
    directory = queues.cups_backends()
    if directory is None:
        print(f"CUPS is not installed: `apt-get install cups cups-filters`, {later}")
        return False
    if os.geteuid() != 0:
        print(f"the queue is not installed: that needs root: `sudo dicom-printer init`, or {later}")
        return False
    try:
        say: Callable[[str], None] = print
        initial.install_backend(backend_directory() / "dicom", directory, say)
        for name in config.printer:
            print(f"queue {name}: {queues.install(queues.of(config, name))}")
    except OSError as error:
        print(f"the backend cannot be put into {directory}: {error.strerror}; {later}")
        return False
    except QueueError as error:
        print(f"the queue is not installed: {error}; {later}")
        return False
    return True


def _say_next(path: Path, queue: str, *, installed: bool) -> None:
    usual = path == Path("/etc/dicom-printer/dicom-printer.toml")
    stated = "" if usual else f" --config {path}"
    unit = usual and _SYSTEMD.is_dir()
    print("\nNext:")
    start = "systemctl enable --now dicom-printer" if unit else f"dicom-printer serve{stated}"
    print(f"  {start}")
    print(f"  {f'lp -d {queue} FILE.pdf' if installed else f'dicom-printer doctor{stated}'}")
