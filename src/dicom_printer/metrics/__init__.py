"""Figures for Prometheus over HTTP, where ``[service] metrics`` asks for them.

No label has a job's id, or anything that a job brought.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from dicom_printer import installed
from dicom_printer.errors import ConfigError
from dicom_printer.metrics.watched import Watched

__all__ = ["Watched", "serve"]

logger = logging.getLogger(__name__)


def serve(watched: Watched, address: tuple[str, int]) -> Callable[[], None]:
    """Answer scrapes from now on, in a thread of its own; return what ends that.

    Raises
    ------
    ConfigError
        Where the package prometheus-client is missing.
    OSError
        Where the address is taken, or not this machine's.
    """
    try:
        from dicom_printer.metrics import exposition
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"[service] metrics wants a package that is not installed ({error.name})",
            f"{installed.without_extra('metrics')}; or leave metrics out",
        ) from None
    return exposition.serve(watched, address)
