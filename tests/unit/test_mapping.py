"""From the worklist to the image, by IHE's mapping; what does not fit, and what contradicts."""

from __future__ import annotations

from typing import Any

import pytest
from find_peers import worklist_entry
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement
from pydicom.config import IGNORE

from dicom_printer.errors import BadValueError
from dicom_printer.keys import tag_of, vr_of
from dicom_printer.mapping import BROUGHT, IDENTITY, contradictions, entry, merged, without_brought


def with_value(name: str, value: Any) -> Any:
    ds = worklist_entry()
    ds.add(DataElement(tag_of(name), vr_of(name), value, validation_mode=IGNORE))
    return ds


def test_the_request_stands_in_a_sequence() -> None:
    found = entry(worklist_entry()).attributes
    sequence: Any = found["RequestAttributesSequence"]
    (request,) = sequence
    assert request["RequestedProcedureID"] == "RP1"
    assert request["ScheduledProcedureStepDescription"] == "Thorax p.a."
    assert found["StudyID"] == "RP1"
    assert found["StudyDescription"] == "Thorax in 2 Ebenen"
    assert found["Modality"] == "CR"


def test_of_several_steps_the_one_that_was_asked_for() -> None:
    ds = worklist_entry()
    other = worklist_entry(ScheduledProcedureStepID="SPS2", Modality="MR")
    ds.ScheduledProcedureStepSequence.append(other.ScheduledProcedureStepSequence[0])
    keys = {"ScheduledProcedureStepSequence": {"Modality": "MR"}}
    found = entry(ds, keys=keys).attributes
    sequence: Any = found["RequestAttributesSequence"]
    assert sequence[0]["ScheduledProcedureStepID"] == "SPS2"
    assert found["Modality"] == "MR"


def test_series_and_instance_stay_ours() -> None:
    ds = with_value("SeriesInstanceUID", "1.2.3")
    ds.SOPInstanceUID, ds.SeriesNumber, ds.InstanceNumber = "1.2.4", "7", "8"
    found = entry(ds).attributes
    assert not {"SeriesInstanceUID", "SOPInstanceUID", "SeriesNumber", "InstanceNumber"} & set(
        found
    )


def test_an_entry_without_a_study_uid_leaves_ours() -> None:
    assert "StudyInstanceUID" not in entry(with_value("StudyInstanceUID", "")).attributes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientSex", "U"),
        ("PatientBirthDate", "unknown"),
        ("RequestedProcedureDescription", "x" * 70),
        ("ReferringPhysicianName", "x" * 70),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(name: str, value: str) -> None:
    found = entry(with_value(name, value))
    assert name in found.left_out or "StudyDescription" in found.left_out
    assert value not in found.attributes.values()
    assert found.attributes["PatientID"] == "4711"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientID", "x" * 65),
        ("PatientID", "1\\2"),
        ("PatientName", "x" * 65),
        ("StudyInstanceUID", "none"),
        ("AccessionNumber", "x" * 17),
    ],
)
def test_what_identifies_is_never_left_out(name: str, value: str) -> None:
    with pytest.raises(BadValueError, match=name) as caught:
        entry(with_value(name, value))
    assert value not in str(caught.value)


def test_nobody_without_a_patient_id() -> None:
    with pytest.raises(BadValueError, match="no PatientID"):
        entry(with_value("PatientID", ""))


def test_codes_that_are_half_empty_are_left_out() -> None:
    ds = worklist_entry()
    ds.RequestedProcedureCodeSequence[0].CodingSchemeDesignator = ""
    ds.ReferencedStudySequence[0].ReferencedSOPInstanceUID = ""
    found = entry(ds).attributes
    assert "ProcedureCodeSequence" not in found
    assert "ReferencedStudySequence" not in found


def test_what_is_asked_for_beside_the_usual() -> None:
    ds = with_value("PatientComments", "hört schlecht")
    assert "PatientComments" not in entry(ds).attributes
    assert entry(ds, ["PatientComments"]).attributes["PatientComments"] == "hört schlecht"


@pytest.mark.parametrize(
    ("own", "keys", "wrong"),
    [
        ({}, {}, []),
        ({"PatientID": ""}, {}, []),
        ({"PatientID": "4711"}, {}, []),
        ({"PatientID": "4712"}, {}, ["PatientID"]),
        ({"PatientID": "4711 "}, {}, []),
        ({"PatientName": "MUSTER^EVA"}, {}, []),
        ({"PatientName": "Muster^Adam"}, {}, ["PatientName"]),
        ({"PatientName": "Mus"}, {"PatientName": "Mus*"}, []),
        ({"PatientName": "Mus"}, {"PatientName": "M*"}, ["PatientName"]),
        ({"PatientName": "Mus"}, {}, ["PatientName"]),
        ({"PatientBirthDate": "197001"}, {"PatientBirthDate": "197001-197002"}, []),
        ({"PatientID": "471"}, {"PatientID": "471*"}, ["PatientID"]),
        ({"PatientID": "711"}, {"PatientID": "4711"}, ["PatientID"]),
        ({"StudyDescription": "other"}, {}, []),
        ({"AccessionNumber": "acc1"}, {}, ["AccessionNumber"]),
    ],
)
def test_contradictions(own: dict[str, str], keys: dict[str, str], wrong: list[str]) -> None:
    assert contradictions(own, entry(worklist_entry()).attributes, keys) == wrong


def test_what_the_job_knew_stays_but_for_who_it_is() -> None:
    own = {"StudyDescription": "Brief", "PatientName": "muster^eva", "PatientSex": ""}
    found = merged(own, entry(worklist_entry()).attributes)
    assert found["StudyDescription"] == "Brief"
    assert found["PatientName"] == "Muster^Eva"
    assert found["PatientSex"] == "F"


def test_a_request_of_an_earlier_query_does_not_stay() -> None:
    own = dict(entry(worklist_entry()).attributes)
    other = worklist_entry(RequestedProcedureID="", ScheduledProcedureStepID="")
    del other.ReferencedStudySequence
    found = merged(own, entry(other).attributes)
    assert "RequestAttributesSequence" not in found
    assert "ReferencedStudySequence" not in found


def test_everything_that_an_entry_brings_can_be_taken_away() -> None:
    own = dict(entry(with_value("PatientComments", "x"), ["(0010,4000)"]).attributes)
    assert own["PatientComments"] == "x"
    assert set(own) - {"PatientComments"} <= BROUGHT
    assert without_brought(own, ["(0010,4000)"], []) == {}
    assert set(without_brought(own, [], ["PatientID", "StudyDescription"])) == {
        "PatientComments",
        "StudyDescription",
    }


@given(st.dictionaries(st.sampled_from(IDENTITY), st.text(min_size=1)))
def test_either_a_contradiction_or_the_same(own: dict[str, str]) -> None:
    found = entry(worklist_entry()).attributes
    if not contradictions(own, found, {}):
        for name, value in own.items():
            if name in found and name != "PatientName":
                assert value.strip() in {found[name], ""}
