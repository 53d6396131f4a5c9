"""The configuration: TOML to pydantic models; every mistake at once, each with its dotted key.

What stands here is loaded when somebody asks for it: pydantic and the models take longer than
looking may take in all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicom_printer.config.loading import checked, load, parse, report
    from dicom_printer.config.mistakes import Mistake, dotted, nearest, of_model
    from dicom_printer.config.models import (
        Config,
        OnError,
        Pages,
        Printer,
        Regex,
        Remote,
        RemoteStep,
        Retry,
        Service,
        Step,
        Table,
    )
    from dicom_printer.config.written import read

__all__ = [
    "Config",
    "Mistake",
    "OnError",
    "Pages",
    "Printer",
    "Regex",
    "Remote",
    "RemoteStep",
    "Retry",
    "Service",
    "Step",
    "Table",
    "checked",
    "dotted",
    "load",
    "nearest",
    "of_model",
    "parse",
    "read",
    "report",
]

_HOMES = dict.fromkeys(__all__, "models") | {
    **dict.fromkeys(("Mistake", "dotted", "nearest", "of_model"), "mistakes"),
    **dict.fromkeys(("checked", "load", "parse", "report"), "loading"),
    "read": "written",
}

if not TYPE_CHECKING:  # to mypy, a module with this function has whatever is asked for

    def __getattr__(name: str) -> object:
        """Load what is asked for, once (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
