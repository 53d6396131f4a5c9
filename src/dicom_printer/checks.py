"""Every mistake in the configuration at once, those of the workflows' steps included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicom_printer import actions, certificates, config, placeholders, ppd
from dicom_printer.attributes import check_value, name_of
from dicom_printer.config import Config, Mistake, RemoteStep, dotted, nearest, of_model
from dicom_printer.config.tls import TLS
from dicom_printer.errors import BadValueError, ConfigError
from dicom_printer.keywords import keyword


def load(path: Path) -> Config:
    """Read a configuration that somebody is going to print with.

    Raises
    ------
    ConfigError
        Naming every mistake.
    """
    found, mistakes = check(path)
    if found is None or mistakes:
        raise config.report(path, mistakes)
    return found


def check(path: Path) -> tuple[Config | None, list[Mistake]]:
    """Return the configuration, and everything wrong with it.

    Raises
    ------
    ConfigError
        Where there is no file, or it is not TOML.
    """
    raw, unset = config.read(path)
    found, mistakes = config.parse(path, raw, unset)
    mistakes.extend(_names(raw))
    if found is not None:
        mistakes.extend(_of_tls(found, certificates.mistakes))
    workflows = raw.get("workflow")
    for name, steps in workflows.items() if isinstance(workflows, dict) else ():
        if not isinstance(steps, list):
            continue
        if not steps:
            mistakes.append(Mistake(dotted("workflow", name), "has no steps"))
        for i, step in enumerate(steps):
            if isinstance(step, dict):
                mistakes.extend(_step(raw, step, ("workflow", name, i)))
    return found, mistakes


def warnings(found: Config) -> list[Mistake]:
    """Return what a configuration without mistakes allows, and what is no good all the same."""
    return list(_of_tls(found, certificates.warnings))


def _of_tls(found: Config, look: Callable[[TLS], Iterator[tuple[str, str]]]) -> Iterator[Mistake]:
    for name, remote in found.remote.items():
        for key, text in look(remote.tls) if remote.tls is not None else ():
            yield Mistake(dotted("remote", name, "tls", key), text)


def _names(raw: dict[str, Any]) -> Iterator[Mistake]:
    """Check what must be DICOM keywords outside the steps."""
    defaults = raw.get("defaults")
    for name, text in defaults.items() if isinstance(defaults, dict) else ():
        yield from _stated(name, text, dotted("defaults", name))
        yield from _placeholders(text, ("defaults", name))
    printers = raw.get("printer")
    for name, printer in printers.items() if isinstance(printers, dict) else ():
        asked = printer.get("ask") if isinstance(printer, dict) else None
        for i, entry in enumerate(asked if isinstance(asked, list) else ()):
            if isinstance(entry, str):
                key = dotted("printer", name, "ask", i)
                yield from _keyword(entry, key) or _question(entry, key)


def _keyword(name: str, key: str) -> list[Mistake]:
    try:
        keyword(name)
    except ValueError as error:
        return [Mistake(key, str(error))]
    return []


def _question(name: str, key: str) -> list[Mistake]:
    """Check that a keyword can be a field in the print dialog."""
    try:
        name_of(name)
        ppd.with_questions(ppd.base_ppd(), [name])
    except BadValueError as error:
        return [Mistake(key, error.message)]
    except ConfigError as error:
        return [Mistake(key, str(error))]
    return []


def _stated(name: str, text: object, key: str) -> list[Mistake]:
    """Check a value that is stated outright; one with placeholders is checked when it is known."""
    wrong = _keyword(name, key)
    if wrong or not isinstance(text, str):
        return wrong
    try:
        name_of(name) if "{" in text else check_value(name, text)
    except BadValueError as error:
        return [Mistake(key, error.message)]
    return []


def _step(
    raw: dict[str, Any], step: dict[str, Any], where: tuple[str | int, ...]
) -> Iterator[Mistake]:
    name = step.get("action")
    if not isinstance(name, str):
        yield Mistake(dotted(*where, "action"), "is missing")
        return
    action = actions.find(name)
    if action is None:
        hint = nearest(name, actions.names())
        yield Mistake(dotted(*where, "action"), f'there is no action "{name}"{hint}')
        return
    try:
        settings = action.Settings.model_validate(step)
    except ValidationError as error:
        yield from of_model(action.Settings, error, *where)
    else:
        for key, table in settings.stated().items():
            for attribute, text in table.items():
                yield from _stated(attribute, text, dotted(*where, key, attribute))
    yield from _when(step, where)
    if issubclass(action.Settings, RemoteStep):
        yield from _remote(raw, step, where)
    for key, value in step.items():
        if key not in action.Settings.verbatim:
            yield from _placeholders(value, (*where, key))


def _when(step: dict[str, Any], where: tuple[str | int, ...]) -> Iterator[Mistake]:
    when = step.get("when")
    for name in when if isinstance(when, dict) else ():
        if not (name.startswith("job.") and name[4:] in placeholders.JOB_NAMES):
            yield from _keyword(name, dotted(*where, "when", name))


def _remote(
    raw: dict[str, Any], step: dict[str, Any], where: tuple[str | int, ...]
) -> Iterator[Mistake]:
    remotes, name = raw.get("remote"), step.get("remote")
    known = remotes if isinstance(remotes, dict) else {}
    if isinstance(name, str) and name not in known:
        message = f'there is no remote "{name}"{nearest(name, known)}'
        yield Mistake(dotted(*where, "remote"), message)


def _placeholders(value: Any, where: tuple[str | int, ...]) -> Iterator[Mistake]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _placeholders(inner, (*where, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _placeholders(inner, (*where, i))
    elif isinstance(value, str):
        for problem in placeholders.problems(value):
            yield Mistake(dotted(*where), problem)
        for name in placeholders.names(value):
            yield from _keyword(name, dotted(*where))
