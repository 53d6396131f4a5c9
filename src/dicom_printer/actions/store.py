"""``store``: C-STORE the pages as Secondary Capture (PS3.4 B; the seed's Store SCU)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydicom import Dataset
from pydicom.uid import UID

from dicom_printer import capture, codec, encapsulated, encode, network
from dicom_printer.actions import Job
from dicom_printer.config import RemoteStep
from dicom_printer.errors import BadValueError, DocumentError, NoAnswerError
from dicom_printer.pages import EncodedPage, How, Page, Renderer
from dicom_printer.ticket import Ticket

_COMPRESSED = {
    ("rle", "extended"): codec.RLE,
    ("jpeg", "extended"): codec.JPEG_EXTENDED,
    ("jpeg", "baseline"): codec.JPEG_BASELINE,
    ("jpeg-lossless", "extended"): codec.JPEG_LOSSLESS,
}
_OF_JPEG = ("quality", "jpeg_process")


class Settings(RemoteStep):
    """The keys of a ``store`` step."""

    takes_kept = True

    kind: Annotated[Literal["image", "pdf", "both"], Field(alias="as")] = "image"
    dpi: Annotated[int, Field(ge=36, le=1200)] = 150
    mode: Literal["color", "gray", "auto"] = "auto"
    bits: Literal[8, 12] = 8
    compression: Literal["none", "rle", "jpeg", "jpeg-lossless"] = "none"
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    jpeg_process: Literal["extended", "baseline"] = "extended"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.bits == 12 and self.mode != "gray":
            raise ValueError('bits = 12 is for gray: add mode = "gray"')
        if self.bits == 12 and self.jpeg_process == "baseline":
            raise ValueError('jpeg_process = "baseline" has no 12 bits')
        said = [n for n in _OF_JPEG if getattr(self, n) != type(self).model_fields[n].default]
        if said and self.compression != "jpeg":
            raise ValueError(f'{" and ".join(said)}: only with compression = "jpeg"')
        return self

    @property
    def how(self) -> How:
        """How the pages look that are sent by this step."""
        return How(dpi=self.dpi, mode=self.mode)

    @property
    def rendering(self) -> How:
        """How the pages are rendered to be sent."""
        return How(dpi=self.dpi, mode=self.mode, bits=self.bits)

    @property
    def compressed(self) -> str | None:
        """The compressed transfer syntax, None for none."""
        return _COMPRESSED.get((self.compression, self.jpeg_process))

    @property
    def contexts(self) -> list[tuple[str, tuple[str, ...]]]:
        """What is proposed: the union of a group of the seed's Table 3.10.

        The compressed syntax stands in a context of its own: of one context the acceptor
        takes one syntax, whichever it likes, and we could not ask for the smaller one.
        """
        images = [(self.compressed,)] if self.compressed else []
        contexts = [(network.SECONDARY_CAPTURE, s) for s in (*images, network.UNCOMPRESSED)]
        pdf = [(network.ENCAPSULATED_PDF, network.UNCOMPRESSED)]
        return (contexts if self.kind != "pdf" else []) + (pdf if self.kind != "image" else [])

    def variant(self, syntax: str | None) -> str:
        """Return what tells the pixels in a syntax from others of the page, for the UIDs."""
        depth = "-12" if self.bits == 12 else ""
        loss = f"-jpeg{self.quality}" if syntax in codec.LOSSY else ""
        return f"{self.dpi}-{self.mode}{depth}{loss}"

    def pages_at(self, job: Job, numbers: list[int], accepted: set[str]) -> set[int]:
        """Return the pages that a remote has: as this step sends them, or better."""
        variants = {self.variant(self.compressed), self.variant(None)}
        uids = {n: {capture.uid(job.id, "page", n, v) for v in variants} for n in numbers}
        return {n for n in numbers if uids[n] & accepted}


def run(step: Settings, job: Job) -> str:
    """Send what the remote has not accepted yet, over one association.

    A page is sent while the next ones are being rendered, and recorded as its answer
    arrives, so that another attempt goes on with the first page that was not accepted.
    """
    remote = job.remotes[step.remote]
    asked = job.numbers()
    numbers = asked if step.kind != "pdf" else []
    accepted = job.running.accepted(remote.name)
    there = step.pages_at(job, numbers, accepted)
    missing = {n: i for i, n in enumerate(numbers, 1) if n not in there}
    pdf = _pdf(step, job, asked)
    job.running.pages = len(numbers) + (pdf is not None)
    if encapsulated.uid(job.id) in accepted:
        pdf = None
    if not missing and pdf is None:
        return f"every page is at {remote.name} already"
    todo, how = dict(missing), ""
    while True:
        with job.place.associate(remote, step.contexts) as association:
            try:
                if todo:
                    how = _send_pages(step, job, association, todo)
                done = [f"{len(missing)} of {len(numbers)} pages{how}"] if missing else []
                if pdf is not None:
                    _send_pdf(job, association, pdf)
                    done.append("the PDF")
                return f"{' and '.join(done)} sent to {remote.name}"
            except NoAnswerError:
                # The peer had left, which is no fault of the job's: the next is a new one.
                if not association.was_gone:
                    raise
        there = step.pages_at(job, numbers, job.running.accepted(remote.name))
        todo = {n: i for n, i in missing.items() if n not in there}


def begin(step: Settings, ticket: Ticket, document: Path, renderer: Renderer) -> None:
    """Have the first page rendered while the remote is busy with another job."""
    chosen = ticket.option("page-ranges") or ticket.option("page-set")
    if step.kind != "pdf" and not chosen:
        encoding = codec.Encoding(step.compressed, step.quality) if step.compressed else None
        renderer.begin(document, step.rendering, encoding)


def _same_patient(job: Job) -> None:
    """Hold a job whose pages would go to two patients: its values changed after some went out.

    Asked for with the association open, right before a page goes out: from then on it may
    be in the archive, whether or not its answer comes.
    """
    if not job.running.sends_as(capture.identity({**job.defaults, **job.attributes})):
        raise BadValueError(
            "pages of this job went out, or may have, under another patient, request or study",
            "have them removed from the archive, print the document again, discard this job",
            reason="values contradict",
        )


def _pdf(step: Settings, job: Job, numbers: list[int]) -> bytes | None:
    """Return the PDF to send, None for none; an image is sent as images only, if at all."""
    if step.kind == "image":
        return None
    found = job.renderer.pdf(job.document, numbers)
    if found is None and step.kind == "pdf":
        raise DocumentError(
            'the document is an image, and `as = "pdf"` sends nothing but PDF',
            'set `as` to "image" or "both", then `dicom-printer retry --fresh JOB`',
            reason="type not supported",
        )
    return found


def _send_pages(
    step: Settings, job: Job, association: network.Association, missing: dict[int, int]
) -> str:
    """Send pages, by number with their instance number; return how, where that was a choice."""
    wanted = step.compressed
    taken = wanted in association.transfer_syntaxes.get(network.SECONDARY_CAPTURE, ())
    syntax = wanted if taken else None
    _same_patient(job)
    with closing(_images(step, job, missing, syntax)) as images:
        for number, ds in images:
            job.interruption()
            status = association.store(ds)
            job.running.accept(association.remote.name, number, ds.SOPInstanceUID, status)
    if wanted is None:
        return ""
    name = UID(wanted).name
    return f" ({name})" if taken else f" (uncompressed: it does not take {name})"


def _images(
    step: Settings, job: Job, missing: dict[int, int], syntax: str | None
) -> Generator[tuple[int, Dataset]]:
    """Yield each missing page's number and dataset, while the next ones are rendered."""
    numbers = list(missing)
    if syntax is None:
        with closing(job.renderer.stream(job.document, numbers, step.rendering)) as pages:
            for page in pages:
                yield page.number, _dataset(step, job, page, page.pixels, missing, None)
        return
    encoding = codec.Encoding(syntax, step.quality)
    with closing(job.renderer.frames(job.document, numbers, step.rendering, encoding)) as frames:
        for each in frames:
            ds = _dataset(step, job, each, each.frame, missing, syntax)
            yield each.number, encode.encoded(ds, each.frame)


def _dataset(
    step: Settings,
    job: Job,
    page: Page | EncodedPage,
    image: np.ndarray | codec.Frame,
    missing: dict[int, int],
    syntax: str | None,
) -> Dataset:
    return capture.dataset(
        job.id,
        page.number,
        missing[page.number],
        image,
        page.spacing_mm,
        {**job.defaults, **job.attributes},
        created=job.created,
        variant=step.variant(syntax),
    )


def _send_pdf(job: Job, association: network.Association, pdf: bytes) -> None:
    job.interruption()
    _same_patient(job)
    attributes = {**job.defaults, **job.attributes}
    ds = encapsulated.dataset(job.id, pdf, job.ticket.title, attributes, created=job.created)
    status = association.store(ds)
    job.running.accept(association.remote.name, 0, ds.SOPInstanceUID, status)
