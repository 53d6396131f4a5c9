"""The configuration as it is written: TOML, environment variables put in, nothing else checked."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicom_printer.config.mistakes import Mistake, dotted
from dicom_printer.errors import ConfigError
from dicom_printer.installed import example

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def read(path: Path) -> tuple[dict[str, Any], list[Mistake]]:
    """Return the file's tables with environment variables put in, nothing else checked.

    Returns
    -------
    tables : dict
        As TOML has them.
    mistakes : list of Mistake
        The variables that are not set.

    Raises
    ------
    ConfigError
        Where there is no such file, or it is not TOML.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", "run this as root (sudo)"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}",
            f"name the file with --config, or write it: `dicom-printer init`, or after {example()}",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: is not UTF-8 in line {line}",
            "save the file as UTF-8, then run `dicom-printer check`",
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    mistakes: list[Mistake] = []
    return _expand(raw, (), mistakes), mistakes


def _expand(value: Any, where: tuple[str | int, ...], mistakes: list[Mistake]) -> Any:
    """Put environment variables into every string: ``${NAME}``, ``${NAME:-otherwise}``."""
    if isinstance(value, Mapping):
        return {k: _expand(v, (*where, str(k)), mistakes) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, (*where, i), mistakes) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        text: str | None = os.environ.get(found[1], found[2])
        if text is None:
            mistakes.append(
                Mistake(dotted(*where), f"the environment variable {found[1]} is not set")
            )
            return ""
        return text

    return _VARIABLE.sub(variable, value)
