import pytest

from dicom_printer.keywords import keyword


@pytest.mark.parametrize("name", ["PatientID", "(0008,0050)", "(0009,10FF)"])
def test_names_of_attributes(name: str) -> None:
    assert keyword(name) == name


@pytest.mark.parametrize("name", ["PatientId", "patientid", "(8,50)", "", "Patient ID"])
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="is not a DICOM keyword"):
        keyword(name)


def test_the_nearest_name_is_proposed() -> None:
    with pytest.raises(ValueError, match='did you mean "AccessionNumber"'):
        keyword("AcessionNumber")
