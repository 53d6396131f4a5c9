from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from jobs_made import Clock

from dicom_printer import notices
from dicom_printer.config import Config
from dicom_printer.jobs.remotes import remote_down, remote_up
from dicom_printer.jobs.store import Store
from dicom_printer.notices import NAME, Notices
from dicom_printer.spool import Spool


@pytest.fixture
def config(spool: Spool) -> Config:
    return Config.model_validate(
        {
            "service": {"spool": spool.root},
            "printer": {"P": {"workflow": "both"}, "Film": {"workflow": "film"}},
            "workflow": {
                "both": [
                    {"action": "parse"},
                    {"action": "store", "remote": "pacs"},
                    {"action": "print", "remote": "imager"},
                ],
                "film": [{"action": "print", "remote": "imager"}],
            },
        }
    )


def said(spool: Spool) -> Any:
    return json.loads((spool.root / NAME).read_text())


def test_a_remote_that_is_down_is_said_of_its_printers_alone(
    config: Config, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(notices, "_EVERY_S", 0.0)
    written = Notices(config, spool, store)
    written.turn(False)
    assert said(spool) == {}, "at the start: what a former service left is gone"
    remote_down(store, "pacs", "no answer from secret.example", lambda _: 60.0)
    written.turn(False)
    assert said(spool) == {}, "nothing is asked without a change"
    written.turn(True)
    assert list(said(spool)) == ["P"]
    assert said(spool)["P"].startswith("pacs has not answered since 2")
    assert said(spool)["P"].endswith("What is printed waits, and goes out by itself")
    assert "secret" not in said(spool)["P"], "everybody may read what CUPS says of a queue"
    assert stat.S_IMODE((spool.root / NAME).stat().st_mode) == 0o600
    remote_up(store, "pacs")
    written.turn(True)
    assert said(spool) == {}


def test_it_is_not_written_too_often(
    config: Config, spool: Spool, store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    now = [0.0]
    monkeypatch.setattr("dicom_printer.notices.time.monotonic", lambda: now[0])
    written = Notices(config, spool, store)
    written.turn(True)
    remote_down(store, "imager", "no answer", lambda _: 60.0)
    now[0] = 1.0
    written.turn(True)
    assert said(spool) == {}
    now[0] = 2.5
    written.turn(False)
    assert sorted(said(spool)) == ["Film", "P"], "the change is not forgotten"


def test_a_spool_that_cannot_be_written_stops_nothing(
    config: Config, spool: Spool, store: Store
) -> None:
    (spool.root / NAME).mkdir()
    Notices(config, spool, store).turn(True)
