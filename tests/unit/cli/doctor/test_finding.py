from collections.abc import Iterator

import pytest

from dicom_printer.cli.doctor.finding import Finding, Grade, fine, whatever
from dicom_printer.errors import QueueError


@pytest.mark.parametrize(
    ("error", "grade"),
    [(QueueError("no", "yes"), Grade.WRONG), (PermissionError(13, "denied"), Grade.UNSEEN)],
)
def test_what_ends_an_examination_is_a_finding(error: Exception, grade: Grade) -> None:
    def look() -> Iterator[Finding]:
        yield fine("one", "is there")
        raise error

    first, second = whatever("two", look())
    assert (first.check, first.grade) == ("one", Grade.FINE)
    assert (second.check, second.grade) == ("two", grade)
    assert second.remedy
