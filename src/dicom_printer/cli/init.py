"""The verb ``init``: from nothing to a queue that prints, by a few questions or flags."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from dicom_printer import queues
from dicom_printer.cli import initial
from dicom_printer.cli.initial import Address, Answers
from dicom_printer.config import Config, Remote
from dicom_printer.config.models import AETitle, Port
from dicom_printer.errors import ConfigError, QueueError, StepError, UsageError
from dicom_printer.ppd import backend_directory

_USER = "dicom-printer"
_SYSTEMD = Path("/run/systemd/system")


class _Question(NamedTuple):
    """One thing to know: the flag's name, what is asked, the answer where none is given."""

    name: str
    text: str
    default: str
    kind: Any = str


_PACS = (
    _Question("pacs_host", "host name or IP address of the PACS", ""),
    _Question("pacs_port", "its DICOM port", "104", Port),
    _Question("pacs_ae_title", "its AE title", "", AETitle),
)
_OWN = (
    _Question("ae_title", "our own AE title, as the PACS knows it", "DICOM_PRINTER", AETitle),
    _Question("queue", "name of the print queue", "DICOM_Printer"),
    _Question("spool", "directory of the spool", ""),
)
_WORKLIST = (
    _Question("worklist_host", "host of the worklist (nothing: there is none)", ""),
    _Question("worklist_port", "its DICOM port", "104", Port),
    _Question("worklist_ae_title", "its AE title", "", AETitle),
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
    answers = _answers(args, can_ask=can_ask)
    healthy = _try_remotes(answers, yes=args.yes, can_ask=can_ask)
    config = initial.write(path, initial.text(answers), owner, replace=replace)
    print(f"spool {config.service.spool}: of user {owner.pw_name}")
    print(f"{path}: written")
    installed = _install_queue(config, answers.queue)
    print(
        f"\nThe PACS has to know us: AE title {answers.ae_title}, storing Secondary Capture images"
    )
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


def _answers(args: argparse.Namespace, *, can_ask: bool) -> Answers:
    found: dict[str, str] = {}
    # Who is not root has no business in /var: beside the configuration then.
    spool = "/var/spool/dicom-printer" if os.geteuid() == 0 else "spool"
    for question in (*_PACS, *_OWN[:-1], _OWN[-1]._replace(default=spool)):
        found[question.name] = _answer(args, question, can_ask=can_ask)
    host = _WORKLIST[0]
    stated = getattr(args, host.name)
    found[host.name] = stated if stated is not None else input_of(host) if can_ask else ""
    worklist = None
    if found[host.name]:
        for question in _WORKLIST[1:]:
            found[question.name] = _answer(args, question, can_ask=can_ask)
        worklist = _address(found, "worklist")
    return Answers(
        _address(found, "pacs"), found["ae_title"], found["queue"], found["spool"], worklist
    )


def _address(found: dict[str, str], kind: str) -> Address:
    return Address(found[f"{kind}_ae_title"], found[f"{kind}_host"], int(found[f"{kind}_port"]))


def _answer(args: argparse.Namespace, question: _Question, *, can_ask: bool) -> str:
    """Return what a flag says, or a person; else what is usual.

    Raises
    ------
    UsageError
        Where nothing is usual, or a flag's value is no good.
    """
    flag = "--" + question.name.replace("_", "-")
    stated: str | None = getattr(args, question.name)
    if stated is None and not can_ask:
        if not question.default:
            raise UsageError(f"{flag} is missing, and there is no terminal to ask on")
        stated = question.default
    if stated is not None:
        wrong = _wrong(question, stated)
        if wrong:
            raise UsageError(f"{flag}: {wrong}")
        return stated
    while True:
        typed = input_of(question)
        if not (wrong := _wrong(question, typed)):
            return typed
        print(wrong)


def input_of(question: _Question) -> str:
    """Ask on the terminal; Enter takes the answer that is usual."""
    usual = f" [{question.default}]" if question.default else ""
    try:
        return input(f"{question.text}{usual}: ").strip() or question.default
    except EOFError:
        raise UsageError("the answers ended", "run it again, or state all by flags") from None


def _wrong(question: _Question, value: str) -> str:
    if not value.strip():
        return "cannot be empty"
    try:
        TypeAdapter(question.kind).validate_python(value)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return ""


def _try_remotes(answers: Answers, *, yes: bool, can_ask: bool) -> bool:
    """Ask the remotes by C-ECHO; tell whether all answered.

    Raises
    ------
    UsageError
        Where one does not, and nobody wants to go on.
    """
    from dicom_printer import network
    from dicom_printer.cli.doctor.remotes import cure

    healthy = True
    for name, address in (("PACS", answers.pacs), ("worklist", answers.worklist)):
        if address is None:
            continue
        remote = Remote(name=name, calling_ae_title=answers.ae_title, **vars(address))
        try:
            answered = network.echo(remote)
        except StepError as error:
            healthy = False
            print(f"{name}: does not answer: {error.message}")
            print(f"  {cure(error, answers.ae_title)}")
        else:
            print(f"{name}: answers a C-ECHO within {1000 * answered.seconds:.0f} ms")
    if not healthy and not yes and not (can_ask and _agreed("write the configuration anyway?")):
        raise UsageError("nothing was written", "correct the address, or say --yes to go on anyway")
    return healthy


def _agreed(question: str) -> bool:
    return input_of(_Question("", f"{question} (y/n)", "n")).lower().startswith("y")


def _install_queue(config: Config, name: str) -> bool:
    """Install backend and queue where CUPS is there, else say what to do; tell whether it is."""
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
        outcome = queues.install(queues.of(config, name))
    except OSError as error:
        print(f"the backend cannot be put into {directory}: {error.strerror}; {later}")
        return False
    except QueueError as error:
        print(f"the queue is not installed: {error}; {later}")
        return False
    print(f"queue {name}: {outcome}")
    return True


def _say_next(path: Path, queue: str, *, installed: bool) -> None:
    usual = path == Path("/etc/dicom-printer/dicom-printer.toml")
    stated = "" if usual else f" --config {path}"
    unit = usual and _SYSTEMD.is_dir()
    print("\nNext:")
    start = "systemctl enable --now dicom-printer" if unit else f"dicom-printer serve{stated}"
    print(f"  {start}")
    print(f"  {f'lp -d {queue} FILE.pdf' if installed else f'dicom-printer doctor{stated}'}")
