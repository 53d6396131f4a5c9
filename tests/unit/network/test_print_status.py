"""The statuses of film printing: which is done, which is a warning, what a failure means."""

from __future__ import annotations

import pytest

from dicom_printer.config.models import Remote
from dicom_printer.errors import RemoteBusyError, RemoteRefusedError, Verdict
from dicom_printer.network import print_status

REMOTE = Remote(name="imager", ae_title="IMAGER", host="10.0.0.31", port=104)


@pytest.mark.parametrize("status", [0x0000])
def test_success(status: int, caplog: pytest.LogCaptureFixture) -> None:
    assert print_status.judged(REMOTE, "N-ACTION (Film Box)", status) is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    "status", [0x0107, 0x0116, 0xB600, 0xB601, 0xB604, 0xB605, 0xB609, 0xB60A, 0xB0FF]
)
def test_a_warning_is_logged_with_its_number(status: int, caplog: pytest.LogCaptureFixture) -> None:
    assert print_status.judged(REMOTE, "N-SET (Image Box 1)", status) is None
    assert f"0x{status:04X}" in caplog.text
    assert "N-SET (Image Box 1)" in caplog.text


@pytest.mark.parametrize("status", [0xB602, 0xB603])
def test_an_empty_film_is_a_failure(status: int) -> None:
    error = print_status.judged(REMOTE, "N-ACTION (Film Box)", status)
    assert error is not None
    assert (error.verdict, error.reason) == (Verdict.PERMANENT, "film empty")


@pytest.mark.parametrize("status", [0xC601, 0xC602, 0xC605, 0x0213])
def test_a_full_printer_passes_by_itself(status: int) -> None:
    assert isinstance(print_status.judged(REMOTE, "N-ACTION", status), RemoteBusyError)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0x0106, "film size, layout, medium"),
        (0x0105, "film size, layout, medium"),
        (0xC603, "max_pixels"),
        (0xC616, "film_box"),
        (0x0110, "administrator"),
        (0x0001, "administrator"),
        (0xFE00, "administrator"),
        (0xA700, "administrator"),
    ],
)
def test_everything_else_is_a_failure_with_its_cure(status: int, said: str) -> None:
    error = print_status.judged(REMOTE, "N-CREATE (Film Box)", status)
    assert isinstance(error, RemoteRefusedError)
    assert f"0x{status:04X}" in error.message
    assert "N-CREATE (Film Box)" in error.message
    assert said in str(error)
