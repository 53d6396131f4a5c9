"""From tables to models: every mistake at once, each with its dotted key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicom_printer.config.mistakes import Mistake, dotted, nearest, of_model
from dicom_printer.config.models import Config
from dicom_printer.config.written import read
from dicom_printer.errors import ConfigError

_QUEUE_NAME = re.compile(r"[^\s/#?'\"\\\x00-\x20\x7f]{1,127}")


def report(path: Path, mistakes: Iterable[Mistake]) -> ConfigError:
    """Return the error that lists every one of `mistakes`, a line each."""
    return ConfigError("\n".join(f"{path}: {mistake}" for mistake in mistakes))


def load(path: Path) -> Config:
    """Read the configuration for use by a verb that only looks.

    The steps of the workflows are not checked here: `dicom_printer.checks` does that,
    and it needs the actions for it.

    Raises
    ------
    ConfigError
        Naming every mistake.
    """
    return checked(path, *read(path))


def checked(path: Path, raw: dict[str, Any], unset: Sequence[Mistake]) -> Config:
    """Return the configuration that :func:`~dicom_printer.config.read` has read, as `load` does.

    Raises
    ------
    ConfigError
        Naming every mistake.
    """
    config, mistakes = parse(path, raw, unset)
    if config is None or mistakes:
        raise report(path, mistakes)
    return config


def parse(
    path: Path, raw: dict[str, Any], mistakes: Sequence[Mistake]
) -> tuple[Config | None, list[Mistake]]:
    """Turn what :func:`~dicom_printer.config.read` returned into a configuration.

    Returns
    -------
    config : Config or None
        None where a mistake stands in the way.
    mistakes : list of Mistake
        Everything wrong that can be seen without the actions.
    """
    crossed = list(_cross_check(path, raw))
    try:
        config = Config.model_validate(_inherited(raw))
    except ValidationError as error:
        found = [m for m in of_model(Config, error) if not _inherited_mistake(raw, m.key)]
        return None, [*mistakes, *found, *crossed]
    return _absolute(path, config), [*mistakes, *crossed]


def _inherited_mistake(raw: dict[str, Any], key: str) -> bool:
    """Tell whether a mistake in a remote is one of ``[network]``, which is reported there."""
    kind, _, rest = key.partition(".")
    name, _, setting = rest.rpartition(".")
    general, remotes = raw.get("network"), raw.get("remote")
    if kind != "remote" or not isinstance(general, dict) or not isinstance(remotes, dict):
        return False
    stated = remotes.get(name)
    return isinstance(stated, dict) and setting in general and setting not in stated


def _inherited(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the tables with each remote's gaps filled from ``[service]`` and ``[network]``."""
    service, network = raw.get("service"), raw.get("network")
    general: dict[str, Any] = dict(network) if isinstance(network, dict) else {}
    if isinstance(service, dict) and "ae_title" in service:
        general["calling_ae_title"] = service["ae_title"]
    filled = dict(raw)
    for kind, gaps in (("remote", general), ("printer", {})):
        tables = raw.get(kind)
        if isinstance(tables, dict):
            filled[kind] = {
                name: {**gaps, **table, "name": name} if isinstance(table, dict) else table
                for name, table in tables.items()
            }
    return filled


def _absolute(path: Path, config: Config) -> Config:
    """Make every path absolute; a relative one is relative to the file."""
    base = path.resolve().parent
    service = config.service.model_copy(update={"spool": base / config.service.spool})
    printers = {
        name: p.model_copy(update={"hot_folders": [base / f for f in p.hot_folders]})
        for name, p in config.printer.items()
    }
    remotes = {
        name: r.model_copy(update={"tls": r.tls.below(base)}) if r.tls else r
        for name, r in config.remote.items()
    }
    return config.model_copy(update={"service": service, "printer": printers, "remote": remotes})


def _cross_check(path: Path, raw: dict[str, Any]) -> Iterator[Mistake]:
    """Check what concerns several tables, on the tables as they were read.

    Not on the models: a mistake in one key must not hide another one here.
    """
    workflows, service = raw.get("workflow"), raw.get("service")
    known = workflows if isinstance(workflows, dict) else {}
    spool = service.get("spool") if isinstance(service, dict) else None
    base = path.resolve().parent
    folders = {base / spool: "service.spool"} if isinstance(spool, str) else {}
    lower: dict[str, str] = {}
    printers = raw.get("printer")
    for name, printer in printers.items() if isinstance(printers, dict) else ():
        if not _QUEUE_NAME.fullmatch(name):
            yield Mistake(
                f"printer.{name}", "CUPS allows no space, quote, /, #, ? or \\ in a queue's name"
            )
        if (twin := lower.setdefault(name.lower(), name)) != name:
            yield Mistake(f"printer.{name}", f'to CUPS it is the same queue as "{twin}"')
        if not isinstance(printer, dict):
            continue
        workflow, listed = printer.get("workflow"), printer.get("hot_folders")
        if isinstance(workflow, str) and workflow not in known:
            hint = nearest(workflow, known)
            yield Mistake(f"printer.{name}.workflow", f'there is no workflow "{workflow}"{hint}')
        for i, folder in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(folder, str):
                key = dotted("printer", name, "hot_folders", i)
                yield from _overlap(base / folder, key, folders)


def _overlap(folder: Path, key: str, folders: dict[Path, str]) -> Iterator[Mistake]:
    for other, owner in folders.items():
        if folder == other or folder in other.parents or other in folder.parents:
            yield Mistake(key, f"{folder} and {other} ({owner}) lie in one another")
    folders[folder] = key
