"""Takes a promise out of the service's process: a run has to notice.

``python -m chaos.sabotage NAME serve --config …`` is ``dicom-printer serve --config …`` without
that promise. Nothing of this is in the product.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dicom_printer.jobs import running, table
from dicom_printer.jobs.prepared import Prepared
from dicom_printer.jobs.running import Running
from dicom_printer.jobs.schema import job


def _no_record() -> None:
    def accept(self: Running, name: str, page: int, uid: str, status: int) -> None:
        with self.store.writing() as (c, now):
            self.confirm(c, now)

    Running.accept = accept  # type: ignore[method-assign]


def _no_limit() -> None:
    def free_slot(_c: object, _store: object, _name: str, used: set[int]) -> int:
        return next(slot for slot in range(64) if slot not in used)

    for module in (running, table):
        assert module.__dict__["free_slot"]
        module.__dict__["free_slot"] = free_slot


def _no_fence() -> None:
    def write(self: Running, c: sa.Connection, now: float, **values: Any) -> None:
        c.execute(sa.update(job).where(job.c.id == self.id).values(updated=now, **values))

    def requested(self: Running) -> dict[str, str] | None:
        with self.store.reading() as c:
            found: dict[str, str] | None = c.execute(
                sa.select(job.c.request).where(job.c.id == self.id)
            ).scalar()
        return found

    # what records a page proves the claim by itself
    unfenced = Prepared(
        sa.update(job)
        .where(job.c.id == running._OWN)
        .values(crashes=0, updated=sa.bindparam("now"), pages=sa.bindparam("of_pages"))
        .returning(sa.cast(job.c.request, sa.Text))
    )
    assert running.__dict__["_GOES_ON"]
    running.__dict__["_GOES_ON"] = unfenced
    Running._write = write  # type: ignore[method-assign]
    Running.requested = requested  # type: ignore[method-assign]


@dataclass(frozen=True)
class Sabotage:
    """A promise that is taken out, and the finding by which a run shows that it is missing.

    Attributes
    ----------
    finding : str
        "" where any will do.
    """

    do: Callable[[], None]
    finding: str


SABOTAGES = {
    "record": Sabotage(_no_record, "resent"),
    "limit": Sabotage(_no_limit, "above"),
    "fence": Sabotage(_no_fence, ""),
}

if __name__ == "__main__":
    SABOTAGES[sys.argv.pop(1)].do()
    from dicom_printer.cli import main

    sys.exit(main())
