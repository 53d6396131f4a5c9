"""Takes a promise out of the service's process: the harness has to notice.

``python -m chaos.sabotage NAME serve --config …`` is ``dicom-printer serve --config …`` without
that promise. Nothing of this is in the product.
"""

from __future__ import annotations

import sys
from typing import Any

from dicom_printer.jobs.running import Running


def no_record() -> None:
    """Acknowledged instances are not recorded, and so not known at the next attempt."""

    def accept(self: Running, *_: Any) -> None:
        with self.store.writing() as (c, now):
            self.confirm(c, now)

    Running.accept = accept  # type: ignore[method-assign]


def no_slots() -> None:
    """Associations are not counted."""
    from dicom_printer.jobs import running, table

    def first_free(*_: Any) -> None:
        return None

    running.free_slot = first_free  # type: ignore[assignment]
    table.free_slot = first_free  # type: ignore[assignment]
    running.used_slots = table.used_slots = lambda *_: {}  # type: ignore[assignment,misc]


SABOTAGES = {"record": no_record, "slots": no_slots}

if __name__ == "__main__":
    SABOTAGES[sys.argv.pop(1)]()
    from dicom_printer.cli import main

    sys.exit(main())
