"""What log lines look like: for a terminal, for the journal, for a program.

Each line may be read by more people than the documents. What a library says, and what an
exception says of itself, may quote a value; both are left out here, in one place.
"""

from __future__ import annotations

import contextvars
import json
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, TextIO

from dicom_printer.errors import DicomPrinterError

Form = Literal["text", "json"]

FIELDS = ("job", "printer", "remote", "event")
"""What a line may say of itself beside its text."""

OWN = "dicom_printer"
# Says what goes over the wire, and no values of datasets as it is set up in `network`.
_TRUSTED = ("pynetdicom",)
# sd-daemon(3), syslog(3): what the journal takes for a line's priority.
_PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}

_about: contextvars.ContextVar[dict[str, str]] = contextvars.ContextVar("about")


def set_up(level: int, form: Form = "text", stream: TextIO | None = None) -> None:
    """Send the log to `stream`, stderr unless it is given, in this form."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Line(form, to_journal=_is_journal(stream)))
    handler.addFilter(_fit)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def nothing_else() -> None:
    """Have Python itself say nothing on stderr but through the log: it quotes values."""
    warnings.simplefilter("ignore")
    logger = logging.getLogger(OWN)

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        logger.critical("ended by an error; report it", exc_info=(kind, error, trace))

    def thread_ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            ended(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = ended
    threading.excepthook = thread_ended


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Have what this thread logs in the block say which job, printer or remote it is about."""
    token = _about.set(_about.get({}) | fields)
    try:
        yield
    finally:
        _about.reset(token)


def _is_journal(stream: TextIO) -> bool:
    """Tell whether a stream is the one that systemd has connected to the journal."""
    try:
        s = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream of a test, or closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{s.st_dev}:{s.st_ino}"


def _fit(record: logging.LogRecord) -> bool:
    """Let a library's line through only without its text, and only where something is wrong."""
    top = record.name.partition(".")[0]
    if top == OWN:
        return True
    if top not in _TRUSTED and record.levelno < logging.WARNING:
        return False
    if top not in _TRUSTED or isinstance(record.msg, BaseException):
        record.msg = f"what it says may quote a document and is left out ({record.filename}:\
{record.lineno})"
        record.args = ()
    return True


class Line(logging.Formatter):
    """One record as one line; an exception adds its own.

    Parameters
    ----------
    form : str
        ``text`` for people, ``json`` for programs: an object a line.
    to_journal : bool
        Whether each line begins with its priority, which the journal takes off.
    """

    def __init__(self, form: Form, *, to_journal: bool) -> None:
        super().__init__()
        self._form, self._to_journal = form, to_journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines without the last end of line."""
        text = _plain(record.getMessage())
        trace = exception_lines(record.exc_info[1]) if record.exc_info else []
        if self._form == "json":
            lines = [self._object(record, text, trace)]
        else:
            level = "" if self._to_journal else f"{record.levelname} "
            lines = [f"{level}{record.name}: {text}", *trace]
        prefix = f"<{_PRIORITY.get(record.levelname, 6)}>" if self._to_journal else ""
        return "\n".join(prefix + line for line in lines)

    @staticmethod
    def _object(record: logging.LogRecord, text: str, trace: list[str]) -> str:
        known = _about.get({}) | {
            name: str(value) for name in FIELDS if (value := getattr(record, name, None))
        }
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        found: dict[str, object] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            **{name: known[name] for name in FIELDS if name in known},
            "message": text,
        }
        if trace:
            found["exception"] = trace
        return json.dumps(found, ensure_ascii=False)


def exception_lines(error: BaseException | None) -> list[str]:
    """Return where an exception came from, with its causes; what it says only where it is ours."""
    if error is None:
        return []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = [*exception_lines(cause), "then:"] if cause else []
    lines.append("Traceback (most recent call last):")
    for frame in traceback.extract_tb(error.__traceback__):
        lines.append(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
    said = f": {_plain(str(error))}" if isinstance(error, DicomPrinterError) else ""
    return [*lines, f"{type(error).__module__}.{type(error).__qualname__}{said}"]


def _plain(text: str) -> str:
    """Return `text` as one line, whatever somebody has put into a name or an answer."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
