"""The accession number from the title, the worklist, the archive as JPEG Lossless, film.

By real ``lp``, against programs that we did not write, and with nobody's help.
"""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path

import documents
import numpy as np
import pydicom
from cups_fixtures import private_cups
from dicom_checks import assert_dciodvfy_clean
from film_peers import dcmprscp
from find_peers import wlmscpfs, worklist_entry, write_entries
from programs import require
from real_peers import orthanc
from running_service import RunningService, all_done

from dicom_printer import queues
from dicom_printer.demo.cupsd import PrivateCups
from dicom_printer.queues import Queue

__all__ = ["private_cups"]

CONFIG = r"""
[service]
spool = "spool"

[remote.ris]
ae_title = "{ris.ae_title}"
host = "127.0.0.1"
port = {ris.port}
character_set = "ISO_IR 192"

[remote.pacs]
ae_title = "{pacs.ae_title}"
host = "127.0.0.1"
port = {pacs.port}

[remote.imager]
ae_title = "{imager.ae_title}"
host = "127.0.0.1"
port = {imager.port}

[printer.DICOM_Printer]
workflow = "reports"

[[workflow.reports]]
action = "parse"
pattern = 'ACC(?P<AccessionNumber>\w+)'
required = true

[[workflow.reports]]
action = "query"
remote = "ris"
model = "worklist"
keys = {{ AccessionNumber = "{{AccessionNumber}}" }}

[[workflow.reports]]
action = "store"
remote = "pacs"
compression = "jpeg-lossless"
mode = "gray"
dpi = 100

[[workflow.reports]]
action = "print"
remote = "imager"
dpi = 100
film_box = {{ ImageDisplayFormat = 'STANDARD\1,1', FilmSizeID = "A4" }}
"""

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"


def test_from_the_print_dialog_to_archive_and_film(
    private_cups: PrivateCups, tmp_path: Path
) -> None:
    require("wlmscpfs", "Orthanc", "dcmprscp", "dciodvfy", "dcmdjpeg")
    places = {name: tmp_path / name for name in ("ris", "pacs", "imager", "run")}
    for place in places.values():
        place.mkdir()
    with (
        wlmscpfs(places["ris"], "-csk") as ris,
        orthanc(places["pacs"]) as pacs,
        dcmprscp(places["imager"]) as imager,
        RunningService(places["run"], CONFIG.format(ris=ris, pacs=pacs, imager=imager)) as service,
    ):
        mine = worklist_entry(AccessionNumber="20261A", PatientName="Kovač^Žofie")
        other = worklist_entry(
            AccessionNumber="20261B", PatientID="9999", StudyInstanceUID="2.25.9999"
        )
        write_entries(ris.worklist, mine, other)
        spool = service.spool
        queues.install(Queue("DICOM_Printer", "", "", (), spool), str(private_cups.socket))
        document = documents.report(tmp_path / "report.pdf", pages=3)
        private_cups.lp("-d", "DICOM_Printer", "-t", "Report ACC20261A", str(document))
        (job,) = service.wait_until(all_done(1))
        assert (job["pages"], job["accepted"]) == (3, 3)

        received = sorted(
            (pydicom.dcmread(BytesIO(file)) for file in pacs.files()),
            key=lambda ds: int(ds.InstanceNumber),
        )
        assert [ds.file_meta.TransferSyntaxUID for ds in received] == [JPEG_LOSSLESS] * 3
        for ds in received:
            assert str(ds.PatientName) == "Kovač^Žofie"
            assert (ds.PatientID, ds.AccessionNumber) == ("4711", "20261A")
            assert ds.StudyInstanceUID == "2.25.4711"
            (request,) = ds.RequestAttributesSequence
            assert request.ScheduledProcedureStepID == "SPS1"
            path = tmp_path / f"{ds.SOPInstanceUID}.dcm"
            path.write_bytes(pacs.file(pacs.lookup(ds.SOPInstanceUID) or ""))
            assert_dciodvfy_clean(path)
        # The same page on film and in the archive: 8 bit gray at the same resolution.
        films = imager.films()
        assert len(films) == 3
        for film, ds in zip(films, received, strict=True):
            (image,) = film.images
            assert image is not None
            assert np.array_equal(image, decoded(tmp_path / f"{ds.SOPInstanceUID}.dcm"))


def decoded(path: Path) -> np.ndarray:
    """The pixels of a compressed file, by a decoder that is not ours."""
    plain = path.with_suffix(".plain")
    subprocess.run(["dcmdjpeg", str(path), str(plain)], check=True)
    return pydicom.dcmread(plain).pixel_array
