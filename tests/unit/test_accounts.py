from dicom_printer.accounts import name_of


def test_a_user_by_name_and_one_that_has_none() -> None:
    assert name_of(0) == "root"
    assert name_of(3999999) == "3999999"
