"""A film printer on an association: the seed's Print SCU (PS3.4 Annex H).

Strictly one request after the other, in the order of the standard: some printers take an
image that comes before its image box is answered for an empty film.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_printer.config.models import Remote
from dicom_printer.errors import NoAnswerError, RemoteBusyError, RemoteRefusedError
from dicom_printer.network import outcome, print_status
from dicom_printer.network.association import Association, associate
from dicom_printer.network.events import term
from dicom_printer.network.normalized import Normalized, whatever
from dicom_printer.network.syntaxes import UNCOMPRESSED, VERIFICATION
from dicom_printer.network.verification import Answered

logger = logging.getLogger(__name__)

GRAYSCALE = "1.2.840.10008.5.1.1.9"
COLOR = "1.2.840.10008.5.1.1.18"
SESSION, FILM_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2"
GRAYSCALE_IMAGE_BOX, COLOR_IMAGE_BOX = "1.2.840.10008.5.1.1.4", "1.2.840.10008.5.1.1.4.1"
ANNOTATION_BOX = "1.2.840.10008.5.1.1.15"
PRINTER, THE_PRINTER = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17"
PRESENTATION_LUT = "1.2.840.10008.5.1.1.23"


@dataclass(frozen=True)
class PrinterStatus:
    """What a printer says of itself (PS3.3 section C.13.9).

    Attributes
    ----------
    status : str
        NORMAL, WARNING or FAILURE; empty where it does not say.
    info : str
        Why: ``SUPPLY LOW``, ``RECEIVER FULL`` and the like.
    """

    status: str
    info: str

    def __str__(self) -> str:
        plain = not self.info or self.info == self.status
        return self.status if plain else f"{self.status} ({self.info})"


@dataclass(frozen=True)
class FilmBox:
    """A film box and the boxes on it, by their UIDs (PS3.3 section C.13.4)."""

    uid: str
    image_boxes: tuple[str, ...]
    annotation_boxes: tuple[str, ...]


class FilmPrinter:
    """One job's film session with a printer; made by :func:`film_printer`.

    Parameters
    ----------
    own_uids : bool
        Whether instances get UIDs of ours; else the printer makes them.
    """

    def __init__(self, association: Association, meta: str, *, own_uids: bool = True) -> None:
        self.remote = association.remote
        self._association = association
        self._own_uids = own_uids
        self._image_box = COLOR_IMAGE_BOX if meta == COLOR else GRAYSCALE_IMAGE_BOX
        self._requests = Normalized(association, meta, print_status.judged)
        self._session = ""

    def is_open(self) -> bool:
        """Tell whether a request could still be sent."""
        return self._requests.is_open()

    def status(self) -> PrinterStatus:
        """Ask for the printer's status (N-GET, PS3.4 section H.4.6)."""
        answer = self._requests.get("Printer", PRINTER, THE_PRINTER)
        get = answer.data.get
        return PrinterStatus(term(get("PrinterStatus")), term(get("PrinterStatusInfo")))

    def require_ready(self) -> None:
        """Raise where the printer says that it cannot print now; a warning is no failure."""
        found = self.status()
        if found.status == "FAILURE":
            raise RemoteBusyError(
                f"{outcome.where(self.remote)}: the printer's status is {found}",
                "see to the printer; it is tried again by itself",
                reason="printer failure",
            )
        if found.status == "WARNING":
            logger.warning("%s: the printer's status is %s", outcome.where(self.remote), found)

    def presentation_lut(self, shape: str) -> str:
        """Have a Presentation LUT made (PS3.4 section H.4.9).

        Returns
        -------
        str
            Its UID; empty where the printer will not have it: the films go without.
        """
        if PRESENTATION_LUT not in self._association.transfer_syntaxes:
            logger.warning("%s: takes no Presentation LUT", outcome.where(self.remote))
            return ""
        ds = Dataset()
        ds.PresentationLUTShape = shape
        requests = Normalized(self._association, PRESENTATION_LUT, whatever)
        answer = requests.create("Presentation LUT", PRESENTATION_LUT, self._uid(), ds)
        if answer.status != outcome.SUCCESS and answer.status not in print_status.WARNINGS:
            meaning = outcome.meaning(answer.status)
            logger.warning(
                "%s: refused the Presentation LUT: %s", outcome.where(self.remote), meaning
            )
            return ""
        return answer.uid

    def open_session(self, ds: Dataset) -> None:
        """Open the film session (N-CREATE, PS3.4 section H.4.1)."""
        answer = self._requests.create("Film Session", SESSION, self._uid(), ds)
        self._session = self._known(answer.uid, "Film Session")

    def add_film_box(self, ds: Dataset) -> FilmBox:
        """Have a film box made (N-CREATE, PS3.4 section H.4.2); its answer names the boxes on it.

        Raises
        ------
        RemoteRefusedError
            Also where the answer names no image box: there is nowhere to put a page.
        """
        sent = Dataset(ds)
        sent.ReferencedFilmSessionSequence = [reference(SESSION, self._session)]
        answer = self._requests.create("Film Box", FILM_BOX, self._uid(), sent)
        made = FilmBox(
            self._known(answer.uid, "Film Box"),
            _references(answer.data, "ReferencedImageBoxSequence"),
            _references(answer.data, "ReferencedBasicAnnotationBoxSequence"),
        )
        if not made.image_boxes:
            raise RemoteRefusedError(
                f"{outcome.where(self.remote)}: the answer to N-CREATE (Film Box) names no "
                "image boxes, so nothing can be put on the film",
                "settle it with the maker of the printer, then `dicom-printer retry JOB`",
            )
        return made

    def put_image(self, box: FilmBox, position: int, ds: Dataset) -> None:
        """Put an image into an image box (N-SET, PS3.4 section H.4.3); positions are from 1."""
        sent = Dataset(ds)
        sent.ImageBoxPosition = position
        name = f"Image Box {position}"
        self._requests.set(name, self._image_box, box.image_boxes[position - 1], sent)

    def put_annotation(self, box: FilmBox, position: int, ds: Dataset) -> None:
        """Put text into an annotation box (N-SET, PS3.4 section H.4.4); positions are from 1."""
        requests = Normalized(self._association, ANNOTATION_BOX, print_status.judged)
        if len(box.annotation_boxes) < position:
            raise RemoteRefusedError(
                f"{outcome.where(self.remote)}: the film box has {len(box.annotation_boxes)} "
                f"annotation boxes, and the step states an annotation {position}",
                "correct `AnnotationDisplayFormatID` or `annotations`, "
                "then `dicom-printer retry --fresh JOB`",
            )
        name = f"Annotation Box {position}"
        requests.set(name, ANNOTATION_BOX, box.annotation_boxes[position - 1], ds)

    def print_session(self) -> int:
        """Print every film box of the session (N-ACTION, PS3.4 section H.4.1.2.4)."""
        return self._requests.action("Film Session", SESSION, self._session).status

    def print_film_box(self, box: FilmBox) -> int:
        """Print a film box (N-ACTION, PS3.4 section H.4.2.2.4)."""
        return self._requests.action("Film Box", FILM_BOX, box.uid).status

    def tidy_film_box(self, box: FilmBox) -> None:
        """Give up a film box that is printed (N-DELETE): courtesy, no matter what is answered."""
        self._tidy("Film Box", FILM_BOX, box.uid)

    def tidy_session(self) -> None:
        """Give up the session and what is in it (N-DELETE): courtesy as well."""
        self._tidy("Film Session", SESSION, self._session)

    def _tidy(self, name: str, sop_class: str, uid: str) -> None:
        try:
            self._requests.delete(name, sop_class, uid)
        except NoAnswerError as error:
            logger.info("%s", error.message)

    def _uid(self) -> str | None:
        # new for each attempt: a printer may still know the one of the attempt before
        return str(generate_uid(prefix=None)) if self._own_uids else None

    def _known(self, uid: str, name: str) -> str:
        if not uid:
            raise RemoteRefusedError(
                f"{outcome.where(self.remote)}: the answer to N-CREATE ({name}) states no UID",
                'set `instance_uids = "own"`, then `dicom-printer retry --fresh JOB`',
            )
        return uid


@contextmanager
def film_printer(
    remote: Remote, meta: str, *extras: str, own_uids: bool = True
) -> Iterator[FilmPrinter]:
    """Open an association with a film printer for the length of a block.

    Parameters
    ----------
    meta : str
        :data:`GRAYSCALE` or :data:`COLOR` (the seed's Table 3.13).
    *extras : str
        What the site wants besides: :data:`PRESENTATION_LUT`, :data:`ANNOTATION_BOX`.

    Raises
    ------
    RemoteUnreachableError, RemoteBusyError, RemoteRefusedError
        There is no association, or it has no context for the Meta SOP class.
    """
    contexts = [(uid, UNCOMPRESSED) for uid in (meta, *extras)]
    with associate(remote, contexts) as association:
        yield FilmPrinter(association, meta, own_uids=own_uids)


def look(remote: Remote, meta: str) -> tuple[Answered, PrinterStatus]:
    """Verify a film printer: C-ECHO where it takes that, and its status.

    Returns
    -------
    tuple of Answered and PrinterStatus
        That it is there, and what the printer says.
    """
    start = time.monotonic()
    with associate(remote, [(meta, UNCOMPRESSED), (VERIFICATION, UNCOMPRESSED)]) as association:
        printer = FilmPrinter(association, meta)
        if VERIFICATION in association.transfer_syntaxes:
            association.echo()
        answered = Answered(time.monotonic() - start, association.tls)
        return answered, printer.status()


def reference(sop_class: str, uid: str) -> Dataset:
    """Return an item that refers to an instance (PS3.3 section 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def _references(ds: Dataset, keyword: str) -> tuple[str, ...]:
    items = ds.get(keyword) or []
    return tuple(str(i.ReferencedSOPInstanceUID) for i in items if "ReferencedSOPInstanceUID" in i)
