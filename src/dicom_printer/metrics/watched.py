"""What the figures are about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dicom_printer.config import Config
from dicom_printer.jobs.store import Store
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool


@dataclass(frozen=True)
class Watched:
    """A running service, as far as it is watched.

    Attributes
    ----------
    troubles : callable
        What keeps it from its work now.
    """

    config: Config
    spool: Spool
    store: Store
    renderer: Renderer
    troubles: Callable[[], Sequence[str]]
