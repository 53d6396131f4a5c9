"""``print``: put the pages on film (PS3.4 H; the seed's Print SCU)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydicom import Dataset

from dicom_printer import capture, film
from dicom_printer.actions import Job
from dicom_printer.config import RemoteStep, nearest
from dicom_printer.errors import NoAnswerError, RemoteRefusedError, StepError
from dicom_printer.jobs import films
from dicom_printer.jobs.films import Film
from dicom_printer.network import printing
from dicom_printer.network.printing import FilmBox, FilmPrinter
from dicom_printer.pages import How, Page


def _text(value: object) -> object:
    """Let a number stand for its text: ``NumberOfCopies = 2``."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


Text = Annotated[str, BeforeValidator(_text)]
Side = Annotated[int, Field(ge=1, le=65535)]


class Settings(RemoteStep):
    """The keys of a ``print`` step."""

    mode: Literal["grayscale", "color"] = "grayscale"
    bits: Literal[8, 12] = 8
    dpi: Annotated[int, Field(ge=36, le=1200)] = 300
    max_pixels: tuple[Side, Side] = (65535, 65535)
    orientation: Literal["auto", "stated"] = "auto"
    print_level: Literal["session", "film_box"] = "session"
    film_session: dict[str, Text] = Field(default={})
    film_box: dict[str, Text] = Field(default={"ImageDisplayFormat": r"STANDARD\1,1"})
    image_box: dict[str, Text] = Field(default={})
    presentation_lut: Literal["", "IDENTITY", "LIN OD"] = ""
    presentation_lut_at: Literal["film_box", "session"] = "film_box"
    annotations: list[str] = Field(default=[])
    printer_status: bool = True
    instance_uids: Literal["own", "printer"] = "own"

    @model_validator(mode="after")
    def _checked(self) -> Self:
        problems = [
            *_unknown("film_session", self.film_session, film.SESSION),
            *_unknown("film_box", self.film_box, film.FILM_BOX),
            *_unknown("image_box", self.image_box, film.IMAGE_BOX),
        ]
        if self.mode == "color" and self.bits == 12:
            problems.append("`bits` is for grayscale; in colour a film has 8 bits a sample")
        if self.annotations and not self.film_box.get("AnnotationDisplayFormatID"):
            problems.append("`annotations` need an AnnotationDisplayFormatID in `film_box`")
        if "{" not in self.format:
            try:
                film.capacity(self.format)
            except ValueError as error:
                problems.append(f"film_box.ImageDisplayFormat {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def format(self) -> str:
        """The Image Display Format of each film."""
        return self.film_box.get("ImageDisplayFormat") or r"STANDARD\1,1"

    @property
    def how(self) -> How:
        """How the pages are rendered; gray is made of their colours, 12 bits and all."""
        return How(dpi=self.dpi, mode="color")

    @property
    def meta(self) -> str:
        """The Meta SOP class (the seed's Table 3.13)."""
        return printing.COLOR if self.mode == "color" else printing.GRAYSCALE

    def image(self, page: Page) -> Dataset:
        """Return what a page's image box is set to."""
        ds = film.attributes(self.image_box)
        pixels = film.fitted(page.pixels, self.max_pixels)
        ds.update(film.image(pixels, None if self.mode == "color" else self.bits))
        return ds


def _unknown(table: str, stated: dict[str, str], known: frozenset[str]) -> Iterator[str]:
    """Name what does not belong into a table, and values that the standard does not have."""
    for keyword, text in stated.items():
        if keyword not in known:
            yield f"{table}.{keyword}: unknown key{nearest(keyword, known)}"
        terms = film.ENUMERATED.get(keyword)
        if terms and text and "{" not in text and text not in terms:
            yield f"{table}.{keyword}: must be one of {', '.join(terms)}"


def run(step: Settings, job: Job) -> str:
    """Print the films that were not printed yet, over one association.

    A film is written down as sent before the request to print it goes out. Where its answer
    is lost, nobody knows whether it comes out, and the job is held.
    """
    numbers = job.numbers()
    job.running.pages = len(numbers)
    nth = _nth(step, job)
    done = films.printed(job.running, step.remote, nth)
    missing = planned(step, job, nth, [n for n in numbers if n not in done.pages], done.films)
    if not missing:
        return f"every film is printed at {step.remote} already"
    wanted = [page for each in missing for page in each.pages]
    extras = [printing.PRESENTATION_LUT] * bool(step.presentation_lut)
    extras += [printing.ANNOTATION_BOX] * bool(step.annotations)
    remote = job.remotes[step.remote]
    own = step.instance_uids == "own"
    with (
        printing.film_printer(remote, step.meta, *extras, own_uids=own) as printer,
        closing(job.renderer.stream(job.document, wanted, step.how)) as pages,
    ):
        _Session(step, job, printer, nth).run(missing, pages)
    return f"{len(missing)} film{'s' * (len(missing) > 1)} printed at {step.remote}"


def _nth(step: Settings, job: Job) -> int:
    """Return how many steps before this one print at the same remote.

    That, and not its settings or its position, says which step it is: those may have been
    corrected for another attempt, and what was printed must stay printed.
    """
    before = job.running.snapshot["steps"][: job.running.step]
    here = {"action": step.action, "remote": step.remote}
    return sum(here.items() <= raw.items() for raw in before)


def planned(step: Settings, job: Job, nth: int, numbers: list[int], before: int = 0) -> list[Film]:
    """Return the films for these pages, `before` others having been printed."""
    sheets = film.sheets(numbers, film.capacity(step.format)) if numbers else []
    return [
        Film(capture.uid(job.id, "film", step.remote, nth, *pages), number, pages)
        for number, pages in enumerate(sheets, before + 1)
    ]


class _Session:
    """One attempt at a job's films: the order of the requests."""

    def __init__(self, step: Settings, job: Job, printer: FilmPrinter, nth: int) -> None:
        self._step, self._job, self._printer, self._nth = step, job, printer, nth
        self._lut = ""

    def run(self, missing: list[Film], pages: Iterator[Page]) -> None:
        step, printer = self._step, self._printer
        if step.printer_status:
            printer.require_ready()
        if step.presentation_lut:
            self._lut = printer.presentation_lut(step.presentation_lut)
        session = film.attributes(step.film_session)
        if step.presentation_lut_at == "session":
            self._refer_to_lut(session)
        printer.open_session(session)
        for each in missing:
            box = self._film_box(each, pages)
            if step.print_level == "film_box":
                self._print([each], box)
                printer.tidy_film_box(box)
        if step.print_level == "session":
            self._print(missing, None)
        printer.tidy_session()

    def _film_box(self, each: Film, pages: Iterator[Page]) -> FilmBox:
        """Put a film's pages onto a film box; it is not printed yet."""
        self._job.interruption()
        first = next(pages)
        box = self._printer.add_film_box(self._box_attributes(each, first))
        if len(box.image_boxes) < len(each.pages):
            raise RemoteRefusedError(
                f"the film box of {self._step.remote} has {len(box.image_boxes)} image boxes, "
                f"and {each.spoken} needs {len(each.pages)}",
                "correct `ImageDisplayFormat`, then `dicom-printer retry --fresh JOB`",
            )
        for position, page in enumerate(_these(first, pages, len(each.pages)), 1):
            self._job.interruption()
            self._printer.put_image(box, position, self._step.image(page))
        for position, text in enumerate(self._step.annotations, 1):
            if text:
                self._printer.put_annotation(box, position, film.annotation(position, text))
        return box

    def _box_attributes(self, each: Film, first: Page) -> Dataset:
        stated = {"ImageDisplayFormat": self._step.format, **self._step.film_box}
        alone = film.capacity(self._step.format) == 1
        if alone and self._step.orientation == "auto" and not stated.get("FilmOrientation"):
            stated["FilmOrientation"] = film.orientation(first.pixels)
        ds = film.attributes(stated)
        if self._step.presentation_lut_at == "film_box":
            self._refer_to_lut(ds)
        return ds

    def _refer_to_lut(self, ds: Dataset) -> None:
        if self._lut:
            item = printing.reference(printing.PRESENTATION_LUT, self._lut)
            ds.ReferencedPresentationLUTSequence = [item]

    def _print(self, these: list[Film], box: FilmBox | None) -> None:
        """Send the request to print, with a note before it and one behind."""
        self._job.interruption()
        if not self._printer.is_open():
            # while it is certain that nothing went out
            raise NoAnswerError(f"{self._step.remote} ended the association before the films")
        running, remote = self._job.running, self._step.remote
        films.sending(running, remote, self._nth, these)
        try:
            if box is None:
                status = self._printer.print_session()
            else:
                status = self._printer.print_film_box(box)
        except NoAnswerError as error:
            raise films.unknown(these, error.message) from error
        except StepError:
            films.refused(running, these)
            raise
        films.taken(running, remote, these, status)


def _these(first: Page, pages: Iterator[Page], count: int) -> Iterable[Page]:
    yield first
    for _ in range(count - 1):
        yield next(pages)
