import pytest
from scripted_job import job

from dicom_printer.actions import set as set_action
from dicom_printer.errors import BadValueError


def step(**attributes: str) -> set_action.Settings:
    return set_action.Settings.model_validate({"action": "set", "attributes": attributes})


def test_attributes_are_stated_over_what_is_there() -> None:
    found = job(attributes={"Modality": "OT", "StudyID": "1"})
    set_action.run(step(Modality="DX"), found)
    assert found.attributes == {"Modality": "DX", "StudyID": "1"}


def test_an_attribute_has_one_name() -> None:
    found = job(attributes={"PatientID": "1"})
    stated = {"action": "set", "attributes": {"(0010,0020)": "2"}}
    set_action.run(set_action.Settings.model_validate(stated), found)
    assert found.attributes == {"PatientID": "2"}


def test_a_value_that_does_not_fit_changes_nothing() -> None:
    found = job()
    with pytest.raises(BadValueError):
        set_action.run(step(Modality="DX", PatientBirthDate="1.2.1970"), found)
    assert found.attributes == {}


def test_a_name_that_is_no_keyword() -> None:
    with pytest.raises(ValueError, match='did you mean "PatientID"'):
        step(PatientId="1")
