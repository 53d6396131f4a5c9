from __future__ import annotations

import pytest

from dicom_printer.cli.admin import cure
from dicom_printer.config import Remote
from dicom_printer.errors import RemoteTLSError
from dicom_printer.network import outcome

REMOTE = Remote.model_validate(
    {"name": "ris", "ae_title": "WLM", "host": "h", "port": 104, "calling_ae_title": "PRINTER"}
)


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        ("have it renewed; it is tried again by itself", "have it renewed"),
        ("correct it; it is tried again by itself, `check` shows it", "correct it"),
        ("it is tried again by itself; if it lasts, see `port`", "see `port`"),
        ("it is tried again by itself; see `port`", "see `port`"),
        ("settle it; write it down", "settle it; write it down"),
    ],
)
def test_nothing_is_tried_again_where_a_person_asked(remedy: str, said: str) -> None:
    assert cure(RemoteTLSError("ris: no", remedy), "PRINTER") == said


def test_neither_is_a_remote_that_is_down() -> None:
    for error in (outcome.no_connection(REMOTE, 1), outcome.silence(REMOTE)):
        assert "tried again" in error.remedy
        assert "tried again" not in cure(error, "PRINTER")
