"""What must hold for any input at all: a value, or the error that is ours; and the way back.

Each target takes bytes and raises where something is wrong. The fuzzers feed them what covers
new code, the tests what the fuzzers once found.
"""

from __future__ import annotations

import json
import os
import runpy
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from dicom_printer import checks, config, placeholders, ticket
from dicom_printer.errors import ConfigError, TicketError, ValueMissingError
from dicom_printer.ppd import backend_directory

JOB = "0123456789abcdef" * 2
NOW = datetime(2026, 4, 11, 10, 0, 0, tzinfo=UTC)


GOOD: dict[str, Any] = {
    "schema": 1, "id": JOB, "received": "2026-04-11T10:00:00+02:00", "source": "fuzz",
    "printer": "P", "document": "document.pdf", "size": 1, "sha256": "0" * 64,
}  # fmt: skip


def ticket_target(data: bytes) -> None:
    """A ticket is refused as one, or comes back from its own bytes as it is."""
    _ticket(data)
    _ticket(json.dumps(_overlaid(data)).encode())


def _overlaid(data: bytes) -> dict[str, Any]:
    """Return a good ticket with fields put over it, a line each: JSON is hard to come by."""
    made = dict(GOOD)
    for line in data.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(":")
        try:
            made[key] = json.loads(value)
        except (ValueError, RecursionError):
            made[key] = value
    return made


def _ticket(data: bytes) -> None:
    try:
        found = ticket.read(data, JOB)
    except TicketError as error:
        assert JOB in str(error)
        return
    assert ticket.read(ticket.write(found), JOB) == found
    values = placeholders.values(found, found.attributes)
    for name, text in values.items():
        # a title cannot smuggle a second value in
        assert text
        assert not name.startswith("job.") or "\\" not in text


@cache
def backend() -> dict[str, Any]:
    return runpy.run_path(str(backend_directory() / "dicom"), run_name="backend")


def options_target(data: bytes) -> None:
    """Whatever cupsd hands over, the backend's ticket is one that the service takes."""
    text = os.fsdecode(data.replace(b"\0", b""))
    pairs = backend()["parse_options"](text)
    assert all(name for name, _ in pairs)
    facts = {"id": JOB, "document": "document.pdf", "size": 1, "sha256": "0" * 64}
    made = backend()["make_ticket"](
        ["dicom", text, text, text, text, text], {"PRINTER": text}, facts
    )
    written = json.dumps(made, ensure_ascii=False).encode()
    if len(written) <= ticket.MAX_BYTES:
        found = ticket.read(written, JOB)
        assert [list(pair) for pair in found.options] == pairs


def placeholders_target(data: bytes) -> None:
    """What `check` lets pass is filled, or names the value that is missing."""
    template = data.decode("utf-8", "replace")
    named = placeholders.used(template)
    values = dict.fromkeys(named, "{PatientID}")
    if placeholders.problems(template):
        return
    filled = placeholders.fill(template, values, NOW)
    assert isinstance(filled, str)
    if not named:
        assert filled == template.replace("{{", "{").replace("}}", "}")
    try:
        placeholders.fill(template, {}, NOW)
    except ValueMissingError as error:
        assert "has no value" in str(error)
    escaped = template.replace("{", "{{").replace("}", "}}")
    assert placeholders.fill(escaped, {}, NOW) == template


def configuration_target(data: bytes) -> None:
    """Every mistake is one of ours; what has none is the same configuration when read again."""
    with tempfile.NamedTemporaryFile(suffix=".toml", dir=_memory()) as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        try:
            found, mistakes = checks.check(path)
        except ConfigError:
            return
        assert all(str(mistake) for mistake in mistakes)
        if found is None:
            assert mistakes
        elif not mistakes:
            assert checks.load(path) == found == config.load(path)


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


TARGETS: dict[str, Callable[[bytes], None]] = {
    "ticket": ticket_target,
    "options": options_target,
    "placeholders": placeholders_target,
    "configuration": configuration_target,
}
