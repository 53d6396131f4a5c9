"""Queries to worklists and archives that are not ours: wlmscpfs, dcmqrscp, Orthanc."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import pydicom
import pytest
import real_peers
from dicom_checks import assert_dciodvfy_clean
from find_peers import (
    NAMES,
    DcmQRSCP,
    WlmSCP,
    asked,
    dcmqrscp,
    orthanc_worklist,
    study,
    wlmscpfs,
    worklist_entry,
    write_entries,
)
from real_peers import Peer
from scripted_job import job

from dicom_printer import network
from dicom_printer.actions import Job, query, store
from dicom_printer.cli.doctor import remotes as doctor
from dicom_printer.config import Pages, Remote
from dicom_printer.errors import NoMatchError, RemoteRefusedError, SeveralMatchesError
from dicom_printer.pages import Renderer

JAPANESE = NAMES["ISO 2022 IR 6\\ISO 2022 IR 87"]


def remote(peer: Peer, name: str = "ris", **more: Any) -> Remote:
    address = {"name": name, "ae_title": peer.ae_title, "host": "127.0.0.1", "port": peer.port}
    return Remote.model_validate({**address, "dimse_timeout": "20s", **more})


def step(**settings: Any) -> query.Settings:
    usual = {"AccessionNumber": "{AccessionNumber}"}
    keys = settings.pop("keys", usual)
    common = {"action": "query", "remote": "ris", "model": "worklist", "keys": usual}
    made = query.Settings.model_validate({**common, **settings})
    # not checked: these are of one job, and a configuration's differ from job to job
    return made.model_copy(update={"keys": keys})


def job_for(peer: Peer, attributes: dict[str, str], **more: Any) -> Job:
    return job(attributes=attributes, remotes={"ris": remote(peer, **more)})


def matched(peer: Peer, attributes: dict[str, str], **settings: Any) -> dict[str, Any]:
    made = job_for(peer, attributes)
    query.run(step(**settings), made)
    return made.attributes


def examined(peer: Peer, model: str, **more: Any) -> tuple[str, str]:
    """Return what ``doctor`` makes of a peer that is queried: grade and words."""
    (found,) = doctor.query(model, remote(peer, **more), model)
    return found.grade, found.found


# -- worklists --


class Worklist:
    """A worklist and the directory of its entries."""

    def __init__(self, peer: Peer, directory: Path) -> None:
        self.peer, self.directory = peer, directory

    def has(self, *entries: pydicom.Dataset) -> Peer:
        write_entries(self.directory, *entries)
        return self.peer


@pytest.fixture(scope="module")
def wlm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WlmSCP]:
    with wlmscpfs(tmp_path_factory.mktemp("wlm") / "peer", "-csk") as peer:
        yield peer


@pytest.fixture(scope="module")
def orthanc_wl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worklist]:
    directory = tmp_path_factory.mktemp("orthanc")
    with orthanc_worklist(directory / "peer", directory / "worklist") as peer:
        yield Worklist(peer, directory / "worklist")


@pytest.fixture(params=["wlmscpfs", "Orthanc"])
def worklist(request: pytest.FixtureRequest, wlm: WlmSCP, orthanc_wl: Worklist) -> Worklist:
    return Worklist(wlm, wlm.worklist) if request.param == "wlmscpfs" else orthanc_wl


def test_an_entry_of_a_worklist_goes_into_the_job(worklist: Worklist) -> None:
    peer = worklist.has(
        worklist_entry(AccessionNumber="ACC2", PatientID="4712"),
        worklist_entry(),
        worklist_entry(AccessionNumber="ACC11", PatientID="4713"),
    )
    found = matched(peer, {"AccessionNumber": "ACC1"})
    code = {"CodeValue": "RP-CODE", "CodingSchemeDesignator": "99TEST", "CodeMeaning": "Thorax"}
    protocol = {
        "CodeValue": "SPS-CODE",
        "CodingSchemeDesignator": "99TEST",
        "CodeMeaning": "Thorax p.a.",
    }
    assert found == {
        "AccessionNumber": "ACC1",
        "PatientName": "Muster^Eva",
        "PatientID": "4711",
        "PatientBirthDate": "19700102",
        "PatientSex": "F",
        "ReferringPhysicianName": "Arzt^Anna",
        "StudyInstanceUID": "2.25.4711",
        "StudyID": "RP1",
        "StudyDescription": "Thorax in 2 Ebenen",
        "Modality": "CR",
        "ReferencedStudySequence": [
            {
                "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",
                "ReferencedSOPInstanceUID": "2.25.4712",
            }
        ],
        "ProcedureCodeSequence": [code],
        "RequestAttributesSequence": [
            {
                "RequestedProcedureID": "RP1",
                "RequestedProcedureDescription": "Thorax in 2 Ebenen",
                "RequestedProcedureCodeSequence": [code],
                "ScheduledProcedureStepID": "SPS1",
                "ScheduledProcedureStepDescription": "Thorax p.a.",
                "ScheduledProtocolCodeSequence": [protocol],
            }
        ],
    }


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"Modality": "CR"}, ["1"]),
        ({"Modality": "MR"}, ["2"]),
        ({"ScheduledStationAETitle": "CR1"}, ["1", "2"]),
        ({"ScheduledProcedureStepStartDate": "20260301"}, ["1"]),
        ({"ScheduledProcedureStepStartDate": "20260302-20260331"}, ["2"]),
        ({"ScheduledProcedureStepStartDate": "-20260301"}, ["1"]),
        ({"ScheduledProcedureStepStartTime": "1000-1100"}, ["1", "2"]),
        ({"ScheduledProcedureStepDescription": "Thorax*"}, ["1", "2"]),
        ({"ScheduledProcedureStepDescription": "Schädel*"}, []),
    ],
    ids=str,
)
def test_keys_within_the_scheduled_step(
    worklist: Worklist, keys: dict[str, str], found: list[str]
) -> None:
    peer = worklist.has(
        worklist_entry(PatientID="1"),
        worklist_entry(PatientID="2", Modality="MR", ScheduledProcedureStepStartDate="20260302"),
    )
    all_keys = {"AccessionNumber": "ACC1", "ScheduledProcedureStepSequence": keys}
    answers = query.ask(step(keys=all_keys), remote(peer), {})
    assert sorted(ds.PatientID for ds in answers.matching) == found


def test_a_wildcard_and_a_range_above_the_step(worklist: Worklist) -> None:
    peer = worklist.has(
        worklist_entry(PatientID="1"), worklist_entry(PatientID="2", PatientName="Muster^Adam")
    )
    keys = {"AccessionNumber": "ACC*", "PatientName": "Muster^E*"}
    assert matched(peer, {}, keys=keys)["PatientID"] == "1"


def test_none_and_several(worklist: Worklist) -> None:
    peer = worklist.has(worklist_entry(), worklist_entry(ScheduledProcedureStepID="SPS2"))
    with pytest.raises(NoMatchError):
        matched(peer, {"AccessionNumber": "ACC9"})
    with pytest.raises(SeveralMatchesError):
        matched(peer, {"AccessionNumber": "ACC1"})
    with pytest.raises(SeveralMatchesError, match="more than 1"):
        matched(peer, {"AccessionNumber": "ACC1"}, max_matches=1)


def test_doctor_asks_a_worklist_for_nothing(worklist: Worklist) -> None:
    peer = worklist.has(worklist_entry())
    grade, said = examined(peer, "worklist", character_set="ISO_IR 192")
    assert (grade, "ISO_IR 192" in said) == ("fine", True)


def test_doctor_sees_a_worklist_that_has_no_entry_for_us(wlm: WlmSCP) -> None:
    grade, said = examined(wlm, "worklist", ae_title="NOBODY")
    assert (grade, "a query was not answered" in said) == ("wrong", True)


def test_wlmscpfs_was_asked_what_the_configuration_says(wlm: WlmSCP) -> None:
    write_entries(wlm.worklist, worklist_entry())
    keys = {
        "AccessionNumber": "{AccessionNumber}",
        "ScheduledProcedureStepSequence": {"Modality": "CR"},
    }
    matched(wlm, {"AccessionNumber": "ACC1"}, keys=keys)
    text = asked(wlm)
    assert "(0008,0050) SH [ACC1]" in text
    assert "(0008,0060) CS [CR]" in text
    assert "(0008,0005) CS (no value available)" in text
    assert "(0010,0020) LO (no value available)" in text


def test_a_called_ae_title_that_wlmscpfs_does_not_know(wlm: WlmSCP) -> None:
    made = job_for(wlm, {"AccessionNumber": "ACC1"}, ae_title="NOBODY")
    with pytest.raises(RemoteRefusedError):
        query.run(step(), made)


# -- characters --


@pytest.mark.parametrize("character_set", NAMES)
def test_names_as_wlmscpfs_declares_them(wlm: WlmSCP, character_set: str) -> None:
    name = NAMES[character_set]
    write_entries(
        wlm.worklist,
        worklist_entry(PatientName=name, SpecificCharacterSet=character_set.split("\\")),
    )
    assert matched(wlm, {"AccessionNumber": "ACC1"})["PatientName"] == name


@pytest.mark.parametrize("name", NAMES.values(), ids=str)
def test_names_in_utf_8(worklist: Worklist, name: str) -> None:
    peer = worklist.has(worklist_entry(PatientName=name))
    assert matched(peer, {"AccessionNumber": "ACC1"})["PatientName"] == name


@pytest.mark.parametrize("character_set", ["ISO_IR 100", "ISO_IR 126", "ISO_IR 144"])
def test_names_that_orthanc_recodes(orthanc_wl: Worklist, character_set: str) -> None:
    name = NAMES[character_set]
    entry = worklist_entry(PatientName=name, SpecificCharacterSet=character_set)
    peer = orthanc_wl.has(entry)
    assert matched(peer, {"AccessionNumber": "ACC1"})["PatientName"] == name


def test_a_name_that_orthanc_spoils_is_not_taken(orthanc_wl: Worklist) -> None:
    """Orthanc 1.10 hands ISO 2022 on without the escapes, and calls it UTF-8."""
    sets = ["ISO 2022 IR 6", "ISO 2022 IR 87"]
    peer = orthanc_wl.has(worklist_entry(PatientName=JAPANESE, SpecificCharacterSet=sets))
    with pytest.raises(RemoteRefusedError) as caught:
        matched(peer, {"AccessionNumber": "ACC1"})
    assert caught.value.reason == "characters unclear"


@pytest.mark.parametrize("character_set", NAMES)
def test_names_that_wlmscpfs_does_not_declare(tmp_path: Path, character_set: str) -> None:
    """Its default: read in the character set that the remote is configured with."""
    name = NAMES[character_set]
    with wlmscpfs(tmp_path / "wlm") as peer:
        write_entries(
            peer.worklist,
            worklist_entry(PatientName=name, SpecificCharacterSet=character_set.split("\\")),
        )
        made = job_for(peer, {"AccessionNumber": "ACC1"}, character_set=character_set)
        query.run(step(), made)
        assert made.attributes["PatientName"] == name
        if character_set == "ISO_IR 192":
            wrong = job_for(peer, {"AccessionNumber": "ACC1"})
            with pytest.raises(RemoteRefusedError, match="ISO_IR 100") as caught:
                query.run(step(), wrong)
            assert caught.value.reason == "characters unclear"


@pytest.mark.parametrize("name", [NAMES["ISO_IR 100"], NAMES["ISO_IR 192"]])
def test_a_name_as_key_in_other_letters(wlm: WlmSCP, name: str) -> None:
    write_entries(wlm.worklist, worklist_entry(PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    keys = {"AccessionNumber": "ACC1", "PatientName": "{PatientName}"}
    values = {"PatientName": name}
    # wlmscpfs compares bytes: the configuration has to say how its names are written
    made = job_for(wlm, values, character_set="ISO_IR 192")
    query.run(step(keys=keys), made)
    assert made.attributes["PatientID"] == "4711"


@pytest.mark.parametrize("name", [*NAMES.values()], ids=str)
def test_from_the_worklist_into_the_store(wlm: WlmSCP, name: str, tmp_path: Path) -> None:
    write_entries(wlm.worklist, worklist_entry(PatientName=name))
    renderer = Renderer(Pages(), workers=1)
    try:
        with real_peers.storescp(tmp_path / "store", "+xa") as pacs:
            made = job(
                attributes={"AccessionNumber": "ACC1"},
                remotes={"ris": remote(wlm), "pacs": remote(pacs, "pacs")},
                renderer=renderer,
                document=documents.report(tmp_path / "d.pdf", pages=1),
            )
            query.run(step(), made)
            settings = {"action": "store", "remote": "pacs", "dpi": 40}
            store.run(store.Settings.model_validate(settings), made)
            (file,) = pacs.files()
            ds = pydicom.dcmread(file)
            assert_dciodvfy_clean(file)
    finally:
        renderer.close()
    assert str(ds.PatientName) == name
    assert ds.SpecificCharacterSet == (
        "ISO_IR 100" if name == NAMES["ISO_IR 100"] else "ISO_IR 192"
    )
    assert ds.StudyInstanceUID == "2.25.4711"
    assert ds.SeriesInstanceUID.startswith("2.25.")
    (request,) = ds.RequestAttributesSequence
    assert request.ScheduledProtocolCodeSequence[0].CodeValue == "SPS-CODE"
    assert ds.ReferencedStudySequence[0].ReferencedSOPInstanceUID == "2.25.4712"


# -- archives --


@pytest.fixture(scope="module")
def dcmtk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DcmQRSCP]:
    with dcmqrscp(tmp_path_factory.mktemp("qr") / "peer") as peer:
        fill(peer)
        yield peer


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_peers.Orthanc]:
    directory = tmp_path_factory.mktemp("orthanc_archive")
    with real_peers.orthanc(directory / "peer", DicomAlwaysAllowFind=True) as peer:
        fill(peer)
        yield peer


def fill(peer: Peer) -> None:
    contexts = [(network.SECONDARY_CAPTURE, network.UNCOMPRESSED)]
    with network.associate(remote(peer), contexts) as association:
        for number, name in enumerate(NAMES.values(), 1):
            for ds in study(number, name):
                association.store(ds)


@pytest.fixture(params=["dcmqrscp", "Orthanc"])
def archive(request: pytest.FixtureRequest) -> Peer:
    name = "dcmtk" if request.param == "dcmqrscp" else "orthanc"
    peer: Peer = request.getfixturevalue(name)
    return peer


def test_doctor_asks_an_archive_for_nothing(archive: Peer) -> None:
    assert examined(archive, "patient-root")[0] == "fine"


def root(level: str, **keys: str) -> query.Settings:
    return step(model="patient-root", level=level, keys=keys)


@pytest.mark.parametrize("number", range(1, 1 + len(NAMES)))
def test_the_study_is_joined(archive: Peer, number: int) -> None:
    made = job_for(archive, {"AccessionNumber": f"A{number}"})
    query.run(root("STUDY", AccessionNumber="{AccessionNumber}"), made)
    expected = study(number, list(NAMES.values())[number - 1])[0]
    for name in ("PatientName", "PatientID", "StudyInstanceUID", "StudyID", "StudyDate"):
        assert made.attributes[name] == str(expected[name].value), name
    assert "SeriesInstanceUID" not in made.attributes


LEVELS: dict[str, tuple[dict[str, str], int]] = {
    "PATIENT": ({"PatientID": "P2"}, 1),
    "STUDY": ({"PatientID": "P2", "StudyDate": "20260101-20260131"}, 1),
    "SERIES": ({"PatientID": "P2", "StudyInstanceUID": "2.25.9002"}, 1),
    "IMAGE": ({"PatientID": "P2", "StudyInstanceUID": "2.25.9002"}, 2),
}


@pytest.mark.parametrize("level", LEVELS)
def test_each_level(archive: Peer, level: str) -> None:
    keys, count = dict(LEVELS[level][0]), LEVELS[level][1]
    if level == "IMAGE":
        (found,) = query.ask(root("SERIES", **keys), remote(archive), {}).matching
        keys["SeriesInstanceUID"] = found.SeriesInstanceUID
    answers = query.ask(root(level, **keys), remote(archive), {})
    assert len(answers.matching) == count
    assert all(ds.PatientID == "P2" for ds in answers.matching)
    made = job_for(archive, {})
    last = {"InstanceNumber": "2"} if level == "IMAGE" else {}
    query.run(root(level, **keys, **last), made)
    assert made.attributes["PatientName"] == NAMES["ISO_IR 126"]
    assert made.attributes.get("StudyInstanceUID") == (None if level == "PATIENT" else "2.25.9002")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"StudyInstanceUID": "2.25.9001\\2.25.9003"}, ["P1", "P3"]),
        ({"PatientID": "P*", "StudyDate": "20260102-20260103"}, ["P2", "P3"]),
        ({"PatientID": "P?", "StudyDate": "-20260101"}, ["P1"]),
        ({"AccessionNumber": "A1"}, ["P1"]),
        ({"AccessionNumber": "a1"}, []),
        ({"PatientID": "P4", "StudyDescription": "Thor*"}, ["P4"]),
    ],
    ids=str,
)
def test_lists_ranges_and_wildcards(archive: Peer, keys: dict[str, str], found: list[str]) -> None:
    answers = query.ask(root("STUDY", **keys), remote(archive), {})
    assert sorted(ds.PatientID for ds in answers.matching) == found


def test_a_document_joins_the_study_at_orthanc(orthanc: real_peers.Orthanc, tmp_path: Path) -> None:
    renderer = Renderer(Pages(), workers=1)
    made = job(
        attributes={"AccessionNumber": "A4"},
        remotes={"ris": remote(orthanc), "pacs": remote(orthanc, "pacs")},
        renderer=renderer,
        document=documents.report(tmp_path / "d.pdf", pages=1),
    )
    before = orthanc.statistics()
    try:
        query.run(root("STUDY", AccessionNumber="{AccessionNumber}"), made)
        settings = {"action": "store", "remote": "pacs", "dpi": 40}
        store.run(store.Settings.model_validate(settings), made)
    finally:
        renderer.close()
    after = orthanc.statistics()
    assert after["CountInstances"] == before["CountInstances"] + 1
    assert after["CountSeries"] == before["CountSeries"] + 1, "a series of its own"
    assert after["CountStudies"] == before["CountStudies"], "in the study that was there"
    assert after["CountPatients"] == before["CountPatients"]
