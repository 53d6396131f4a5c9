"""``store``: C-STORE the pages as Secondary Capture (PS3.4 B; the seed's Store SCU)."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Literal

from pydantic import Field

from dicom_printer import capture, network
from dicom_printer.actions import Job
from dicom_printer.config import RemoteStep
from dicom_printer.pages import How


class Settings(RemoteStep):
    """The keys of a ``store`` step."""

    dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    mode: Literal["color", "gray", "auto"] = "auto"

    @property
    def how(self) -> How:
        """How the pages are rendered for this step."""
        return How(dpi=self.dpi, mode=self.mode)


def run(step: Settings, job: Job) -> str:
    """Send the pages that the remote has not accepted yet, over one association.

    A page is sent while the next ones are being rendered, and recorded as its answer
    arrives, so that another attempt goes on with the first page that was not accepted.
    """
    remote = job.remotes[step.remote]
    numbers = job.numbers()
    job.running.set_pages(len(numbers))
    # Another rendering of the page is another instance: the UIDs tell the two apart.
    variant = f"{step.dpi}-{step.mode}"
    uids = {n: capture.uid(job.id, "page", n, variant) for n in numbers}
    instance_numbers = {n: i for i, n in enumerate(numbers, 1)}
    accepted = job.running.accepted(remote.name)
    missing = [n for n in numbers if uids[n] not in accepted]
    if not missing:
        return f"every page is at {remote.name} already"
    attributes = {**job.defaults, **job.attributes}
    with (
        network.associate(remote, [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]) as assoc,
        closing(job.renderer.stream(job.document, missing, step.how)) as pages,
    ):
        for page in pages:
            job.interruption()
            ds = capture.dataset(
                job.id,
                page.number,
                instance_numbers[page.number],
                page.pixels,
                page.spacing_mm,
                attributes,
                created=job.created,
                variant=variant,
            )
            status = assoc.store(ds)
            job.running.accept(remote.name, page.number, uids[page.number], status)
    return f"{len(missing)} of {len(numbers)} pages sent to {remote.name}"
