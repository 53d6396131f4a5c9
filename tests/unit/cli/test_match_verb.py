from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dicom_printer import placeholders
from dicom_printer.actions import query
from dicom_printer.cli import match
from dicom_printer.config import Remote
from dicom_printer.errors import RemoteUnreachableError
from dicom_printer.network import outcome

REMOTE = Remote.model_validate(
    {"name": "ris", "ae_title": "WLM", "host": "h", "port": 104, "calling_ae_title": "PRINTER"}
)


def test_a_worklist_that_is_down_is_not_tried_again_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def down(*_: object) -> None:
        raise outcome.no_connection(REMOTE, 1)

    monkeypatch.setattr(query, "ask", down)
    monkeypatch.setattr(placeholders, "values", lambda *_: {})
    spool = SimpleNamespace(ticket=lambda _: None)
    access: Any = SimpleNamespace(config=SimpleNamespace(remote={"ris": REMOTE}), spool=spool)
    was: Any = SimpleNamespace(id="1")
    step: Any = SimpleNamespace(remote="ris")
    with pytest.raises(RemoteUnreachableError) as raised:
        match._candidates(access, was, {}, step)
    assert "no TCP connection" in raised.value.message
    assert "tried again" not in raised.value.remedy
    assert "see that host and port are right" in raised.value.remedy
