"""Worklists and archives that are not ours: wlmscpfs, dcmqrscp, Orthanc; and what is in them.

Everybody in them is invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from programs import require
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from real_peers import Orthanc, Peer, orthanc

from dicom_printer import capture

WORKLISTS_OF_ORTHANC = "/usr/share/orthanc/plugins/libModalityWorklists.so"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"

NAMES = {
    "ISO_IR 100": "Müller^Zoë",
    "ISO_IR 126": "Παπαδόπουλος^Γιώργος",
    "ISO_IR 144": "Иванова^Ольга",
    "ISO_IR 192": "Kovač^Žofie",
    "ISO 2022 IR 6\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
}
"""By the character set that they are written in."""


def worklist_entry(**values: Any) -> Dataset:
    """Return a worklist entry with all that wlmscpfs wants to see; `values` go before it."""
    ds = Dataset()
    ds.SpecificCharacterSet = values.pop("SpecificCharacterSet", "ISO_IR 192")
    of_step = {k: values.pop(k) for k in list(values) if k.startswith("Scheduled")}
    modality = values.pop("Modality", "CR")
    ds.AccessionNumber = "ACC1"
    ds.PatientName, ds.PatientID = "Muster^Eva", "4711"
    ds.PatientBirthDate, ds.PatientSex = "19700102", "F"
    ds.ReferringPhysicianName = "Arzt^Anna"
    ds.StudyInstanceUID = "2.25.4711"
    ds.RequestedProcedureID, ds.RequestedProcedureDescription = "RP1", "Thorax in 2 Ebenen"
    ds.RequestedProcedureCodeSequence = [_code("RP-CODE", "Thorax")]
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    reference.ReferencedSOPInstanceUID = "2.25.4712"
    ds.ReferencedStudySequence = [reference]
    for name, value in values.items():
        setattr(ds, name, value)
    step = Dataset()
    step.Modality = modality
    step.ScheduledStationAETitle = "CR1"
    step.ScheduledProcedureStepStartDate = "20260301"
    step.ScheduledProcedureStepStartTime = "101500"
    step.ScheduledProcedureStepDescription = "Thorax p.a."
    step.ScheduledProcedureStepID = "SPS1"
    step.ScheduledProtocolCodeSequence = [_code("SPS-CODE", "Thorax p.a.")]
    for name, value in of_step.items():
        setattr(step, name, value)
    ds.ScheduledProcedureStepSequence = [step]
    return ds


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99TEST", meaning
    return code


def write_entries(directory: Path, *entries: Dataset) -> None:
    """Make these the entries of a worklist directory, of wlmscpfs or of Orthanc."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "lockfile").touch()
    for old in directory.glob("*.wl"):
        old.unlink()
    for number, ds in enumerate(entries):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = UID(MODALITY_WORKLIST)
        meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number + 1}")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = FileDataset("", ds, file_meta=meta, preamble=b"\0" * 128)
        file.save_as(directory / f"{number}.wl", enforce_file_format=True)


class WlmSCP(Peer):
    """DCMTK's worklist; entries lie in :attr:`worklist`, what was asked in :attr:`asked`."""

    ae_title = "WLM"

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(directory)
        self.options = options
        self.worklist = directory / self.ae_title
        self.asked = directory / "asked"
        self.asked.mkdir()
        write_entries(self.worklist)

    def command(self) -> list[str]:
        return [
            "wlmscpfs", "-v", "-s", *self.options, "-dfp", str(self.directory),
            "-rfp", str(self.asked), "-rff", "#a_#t.dump", str(self.port),
        ]  # fmt: skip


class DcmQRSCP(Peer):
    """DCMTK's archive, for the queries of the Patient Root; a called AE title is wanted."""

    ae_title = "QRSTORE"

    def command(self) -> list[str]:
        store = self.directory / "store"
        store.mkdir(exist_ok=True)
        file = self.directory / "dcmqrscp.cfg"
        file.write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
            "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{self.ae_title} {store} RW (200, 1024mb) ANY\nAETable END\n"
        )
        return ["dcmqrscp", "-v", "-c", str(file)]


@contextmanager
def wlmscpfs(directory: Path, *options: str) -> Iterator[WlmSCP]:
    """Run wlmscpfs; with ``-csk`` it keeps Specific Character Set in its answers."""
    require("wlmscpfs")
    with WlmSCP(directory, *options) as peer:
        yield peer


@contextmanager
def dcmqrscp(directory: Path) -> Iterator[DcmQRSCP]:
    """Run dcmqrscp."""
    require("dcmqrscp")
    with DcmQRSCP(directory) as peer:
        yield peer


@contextmanager
def orthanc_worklist(directory: Path, worklist: Path, **overrides: Any) -> Iterator[Orthanc]:
    """Run Orthanc with its worklist plug-in; entries lie in `worklist`."""
    write_entries(worklist)
    with orthanc(
        directory,
        Plugins=[WORKLISTS_OF_ORTHANC],
        Worklists={"Enable": True, "Database": str(worklist)},
        DicomAlwaysAllowFind=True,
        DicomAlwaysAllowFindWorklist=True,
        **overrides,
    ) as peer:
        yield peer


def study(number: int, name: str, instances: int = 2) -> list[Dataset]:
    """Return the images of an invented patient: one study, one series."""
    attributes = {
        "PatientName": name,
        "PatientID": f"P{number}",
        "PatientBirthDate": f"1970010{number}",
        "PatientSex": "F",
        "AccessionNumber": f"A{number}",
        "StudyInstanceUID": f"2.25.900{number}",
        "StudyID": f"S{number}",
        "StudyDate": f"2026010{number}",
        "StudyTime": "101500",
        "StudyDescription": "Thorax",
        "Modality": "CR",
    }
    created = datetime(2026, 1, 2).astimezone()
    pixels = np.zeros((4, 4), np.uint8)
    return [
        capture.dataset(f"{number:032x}", n, n, pixels, None, attributes, created=created)
        for n in range(1, instances + 1)
    ]


def asked(peer: WlmSCP) -> str:
    """Return the newest query that wlmscpfs wrote down."""
    return max(peer.asked.iterdir(), key=lambda f: f.stat().st_mtime).read_text("latin-1")
