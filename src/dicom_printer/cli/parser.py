"""What can be typed."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dicom_printer import __version__

_PLACES = (Path("dicom-printer.toml"), Path("/etc/dicom-printer/dicom-printer.toml"))
# As the job table has them; named here because that takes too long to import.
STATES = ("incoming", "ready", "running", "suspended", "held", "done", "discarded")
_EPILOG = "exit codes: 0 fine, 1 something is held or unhealthy, 2 usage or configuration, \
3 spool, 4 no such job"


_MOST_SETTINGS = 1 << 16
_Verb = Callable[[str, str, str], argparse.ArgumentParser]


def _default_config() -> Path:
    stated = os.environ.get("DICOM_PRINTER_CONFIG")
    if stated:
        return Path(stated)
    return next((place for place in _PLACES if place.exists()), _PLACES[-1])


def _count(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 999999999")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEYWORD=VALUE")
    return name, value


def _settings(name: str) -> list[tuple[str, str]]:
    """Read settings from a file, where no other user sees them as in a list of processes."""
    try:
        with open(0, "rb", closefd=False) if name == "-" else Path(name).open("rb") as file:
            lines = file.read(_MOST_SETTINGS).decode("utf-8").splitlines()
        return [_setting(line) for line in lines if line.strip()]
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(f"{name} is not UTF-8") from None
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name} cannot be read: {error.strerror}") from None
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{name} has a line that is not KEYWORD=VALUE") from None


class _Completion(argparse.Action):
    """Prints what a shell completes with; only then is that library loaded."""

    def __call__(self, parser: argparse.ArgumentParser, *found: Any) -> None:
        import shtab

        for action in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, found[1]))
        parser.exit()


_SHELLS = ("bash", "zsh", "tcsh")
_FILES: set[argparse.Action] = set()
"""What takes the name of a file."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="dicom-printer",
        description="A virtual printer that puts what is printed into the PACS.",
        epilog=_EPILOG,
    )
    top.add_argument("--version", action="version", version=__version__)
    top.add_argument(
        "--print-completion", action=_Completion, choices=_SHELLS, help="for the shell, then exit"
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    common = argparse.ArgumentParser(add_help=False)
    config = common.add_argument(
        "-c", "--config", type=Path, default=_default_config(), metavar="FILE",
        help="the configuration (default: $DICOM_PRINTER_CONFIG, ./dicom-printer.toml, "
        "/etc/dicom-printer/dicom-printer.toml)",
    )  # fmt: skip
    _FILES.add(config)
    common.add_argument("-v", "--verbose", action="store_true", help="log what is done")

    def verb(name: str, module: str, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(
            name, help=text, description=text[:1].upper() + text[1:] + ".", parents=[common]
        )
        made.set_defaults(run=(module, name))
        return made

    serve = verb("serve", "admin", "run the service in the foreground")
    serve.add_argument(
        "--log-format", choices=["text", "json"], metavar="FORM",
        help="text or json (default: [service] log)",
    )  # fmt: skip
    _add_printing(verb)
    _add_looking(verb)
    _add_operating(verb)
    _add_admin(verb)
    return top


def _add_printing(verb: _Verb) -> None:
    submit = verb("submit", "printing", "print files without CUPS")
    files = submit.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _FILES.add(files)
    submit.add_argument("-p", "--printer", required=True, help="a printer of the configuration")
    submit.add_argument("-t", "--title", help="the job's title (default: the file's name)")
    submit.add_argument(
        "--set", dest="attributes", type=_setting, action="append", default=[],
        metavar="KEYWORD=VALUE", help="an attribute of the datasets, for example PatientID=4711",
    )  # fmt: skip
    _add_set_from(submit)
    submit.add_argument("--pages", metavar="RANGES", help="only these pages, for example 1-3,7")
    submit.add_argument("--wait", action="store_true", help="wait until every job has ended")
    submit.add_argument("--json", action="store_true", help="for programs")


def _add_set_from(verb: argparse.ArgumentParser) -> None:
    made = verb.add_argument(
        "--set-from", dest="attributes", type=_settings, action="extend", default=[],
        metavar="FILE",
        help="the same from a file, a line each; - for standard input: what is typed behind --set "
        "every user of this machine can see in `ps`",
    )  # fmt: skip
    _FILES.add(made)


def _add_looking(verb: _Verb) -> None:
    status = verb("status", "look", "show printers, remotes and the spool")
    status.add_argument(
        "--check", action="store_true", help="exit 1 where something is held or unhealthy"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    jobs = verb("jobs", "look", "show one line for every job")
    jobs.add_argument("--state", choices=STATES, metavar="STATE", help="only jobs in this state")
    jobs.add_argument("--printer", help="only jobs of this printer")
    jobs.add_argument(
        "--limit", type=_count, metavar="N", help="only the newest N of them (default: all)"
    )
    jobs.add_argument("--watch", action="store_true", help="keep the table up to date")
    jobs.add_argument("--json", action="store_true", help="for programs")
    show = verb("show", "look", "show everything about one job")
    show.add_argument("job", metavar="JOB")
    show.add_argument("--json", action="store_true", help="for programs")
    preview = verb("preview", "printing", "write a page as PNG, as it will be sent")
    preview.add_argument("job", metavar="JOB")
    preview.add_argument("--page", type=int, default=1, metavar="N", help="default: 1")
    preview.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: JOB-pageN.png; - for stdout"
    )


def _add_operating(verb: _Verb) -> None:
    for name, text in (
        ("retry", "try held, suspended or discarded jobs again, now"),
        ("hold", "keep jobs back until somebody releases them"),
        ("release", "let held jobs go on"),
        ("cancel", "take jobs back that are no longer wanted"),
        ("discard", "end jobs without delivering them"),
    ):
        made = verb(name, "operate", text)
        made.add_argument("jobs", nargs="*", metavar="JOB", help="any unique beginning of an id")
        made.add_argument("--all", action="store_true", help="all jobs, of the given state")
        made.add_argument(
            "--state", choices=STATES, metavar="STATE", help="with --all: only jobs in this state"
        )
        made.add_argument("--printer", help="with --all: only jobs of this printer")
        made.add_argument(
            "--reason", default="", required=name == "discard", help="for the job's history"
        )
        made.set_defaults(fresh=False, run=("operate", "operate"))
        if name == "retry":
            made.add_argument(
                "--fresh", action="store_true",
                help="begin anew with the workflow as it is configured now",
            )  # fmt: skip
    match = verb("match", "match", "list the entries that a job may belong to, or pick one")
    match.add_argument("job", metavar="JOB", help="any unique beginning of its id")
    match.add_argument("--pick", metavar="CODE", help="go on with this entry of the list")
    match.add_argument(
        "--set", dest="attributes", type=_setting, action="append", default=[],
        metavar="KEYWORD=VALUE",
        help="state an attribute of the job, and try it again; an empty value removes it",
    )  # fmt: skip
    _add_set_from(match)
    match.add_argument("--list", action="store_true", help="with --set: change nothing, list only")
    match.add_argument("--json", action="store_true", help="for programs")


def _add_admin(verb: _Verb) -> None:
    echo = verb("echo", "admin", "ask remotes whether they are there (C-ECHO)")
    echo.add_argument("remotes", nargs="*", metavar="REMOTE", help="default: all")
    echo.add_argument("--json", action="store_true", help="for programs")
    _add_init(verb)
    doctor = verb("doctor", "doctor", "look at everything that usually goes wrong")
    doctor.add_argument("--json", action="store_true", help="for programs")
    verb("check", "admin", "show every mistake in the configuration")
    verb("recover", "recover", "rebuild a lost or damaged job table; the service must not run")
    printers = verb("printers", "admin", "manage the CUPS queues of the configuration")
    printers.add_argument("what", nargs="?", choices=["list", "install", "remove"], default="list")
    printers.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    printers.add_argument("--json", action="store_true", help="for programs")
    demo = verb("demo", "admin", "run the whole way on this machine, with a store of its own")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="where the demo leaves its files")


def _add_init(verb: _Verb) -> None:
    init = verb("init", "init", "write a first configuration, and install its queue")
    for kind, what in (
        ("pacs", "the PACS"),
        ("worklist", "a worklist, where there is one"),
        ("film", "a film printer, where there is one"),
    ):
        init.add_argument(f"--{kind}-host", metavar="HOST", help=f"where {what} is")
        init.add_argument(f"--{kind}-port", metavar="PORT", help="its DICOM port (default: 104)")
        init.add_argument(f"--{kind}-ae-title", metavar="AE", help="its AE title")
        init.add_argument(f"--{kind}-tls", action="store_true", help="it is reached by TLS")
    for file, what in (
        ("ca", "certificate of who issued theirs (default: the system's issuers)"),
        ("cert", "our own certificate, where they want one"),
        ("key", "its key (default: in the same file)"),
    ):
        _FILES.add(init.add_argument(f"--tls-{file}", metavar="FILE", help=f"PEM: {what}"))
    init.add_argument(
        "--tls-no-verify", action="store_true", help="do not ask who they are; for a trial only"
    )
    for flag, what, default in (
        ("ae-title", "our own AE title", "DICOM_PRINTER"),
        ("queue", "the name of the print queue", "DICOM_Printer"),
        ("spool", "the directory of the spool", "/var/spool/dicom-printer for root"),
        ("user", "whom the service runs as", "dicom-printer, or who calls this"),
    ):
        init.add_argument(f"--{flag}", help=f"{what} (default: {default})")
    init.add_argument(
        "-y", "--yes", action="store_true",
        help="ask nothing, and go on where a remote does not answer",
    )  # fmt: skip
    init.add_argument(
        "--force", action="store_true", help="replace a configuration that is there already"
    )
