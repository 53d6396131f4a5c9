from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from dicom_printer import queues
from dicom_printer.cli import queue_view
from dicom_printer.cli.columns import Table
from dicom_printer.config import Config
from dicom_printer.errors import QueueError
from dicom_printer.queues import QueueState


@pytest.fixture
def config() -> Config:
    return Config.model_validate({"service": {"spool": "/s"}, "printer": {"P": {"workflow": "w"}}})


def queue(**fields: object) -> QueueState:
    values: dict[str, object] = {
        "name": "P", "uri": "dicom:/s", "info": "", "state": "idle", "message": "",
        "accepting": True, "jobs": 0, "ours": True,
    }  # fmt: skip
    return QueueState(**(values | fields))  # type: ignore[arg-type]


def test_what_cups_says_of_our_queues(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [queue(state="processing", jobs=3, message="pacs"), queue(name="Other")]
    monkeypatch.setattr(queues, "listing", lambda: states)
    found = queue_view.seen(config.printer)
    said = {"state": "processing", "accepting": True, "jobs": 3, "held": [], "stopped": []}
    said |= {"hidden": 0, "message": "pacs"}
    assert found == {"error": "", "queues": {"P": said}}
    table = queue_view.printed(found)
    assert isinstance(table, Table)
    assert [title.lower() for title in table.titles] == [
        "queue",
        "in cups",
        "accepts jobs",
        "waiting in cups",
        "held",
        "stopped",
        "message",
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, None),
        ({"state": "stopped", "message": "the spool"}, "queue P: CUPS has stopped it (the spool);"),
        ({"accepting": False}, "queue P: CUPS takes no jobs for it; `cupsaccept` it"),
        (
            {"jobs": 3, "stopped": (7,)},
            "queue P: CUPS has stopped at job 7, and tries no more; see `dicom-printer doctor` and "
            "CUPS's error_log, then print it with `lp -i P-7 -H restart`, or `cancel P-7`",
        ),
        (
            {"jobs": 9, "held": (3, 4, 5, 6, 8, 9)},
            "queue P: CUPS holds 6 jobs (3, 4, 5, 6, 8, …) until somebody lets it go on; print it "
            "with `lp -i P-3 -H resume`",
        ),
        ({"jobs": 1}, None),
        ({"state": "stopped", "ours": False}, None),
        ({"state": "stopped", "name": "Other"}, None),
    ],
)
def test_a_queue_that_does_not_print(
    config: Config, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], said: str | None
) -> None:
    monkeypatch.setattr(queues, "listing", lambda: [queue(**fields)])
    found = list(queue_view.troubles(queue_view.seen(config.printer)["queues"]))
    assert [text[: len(said or "")] for text in found] == ([said] if said else [])


def test_jobs_whose_state_is_not_shown(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by ``JobPrivateValues all``, to who is neither their owner nor root."""
    monkeypatch.setattr(queues, "listing", lambda: [queue(jobs=2, hidden=2)])
    found = queue_view.seen(config.printer)
    assert found["queues"]["P"]["hidden"] == 2
    table = queue_view.printed(found)
    assert isinstance(table, Table)
    assert next(iter(table.rows))[3:6] == ["2", "not shown", "not shown"]
    monkeypatch.setattr(queues, "listing", lambda: [queue(jobs=2, hidden=1, held=(3,))])
    table = queue_view.printed(queue_view.seen(config.printer))
    assert isinstance(table, Table)
    assert next(iter(table.rows))[3:6] == ["2", "1", "not shown"]


def test_without_cups_there_is_no_queue_to_watch(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> list[QueueState]:
        raise QueueError("CUPS cannot be reached")

    monkeypatch.setattr(queues, "listing", refuse)
    found = queue_view.seen(config.printer)
    assert found["queues"] == {}
    said = queue_view.printed(found)
    assert isinstance(said, str)
    assert said.startswith("queues    not seen: CUPS cannot be reached")


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    over = threading.Event()
    yield over
    over.set()


def test_a_cups_that_is_silent_is_not_waited_for(
    config: Config, monkeypatch: pytest.MonkeyPatch, silence: threading.Event
) -> None:
    def wait() -> list[QueueState]:
        silence.wait(60)
        return []

    monkeypatch.setattr(queues, "listing", wait)
    monkeypatch.setattr(queue_view, "PATIENCE_S", 0.05)
    begin = time.monotonic()
    found = queue_view.seen(config.printer)
    assert time.monotonic() - begin < 30
    assert "did not answer within 0.05 s" in found["error"]


def test_a_queue_that_is_not_installed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "listing", list)
    said = queue_view.printed(queue_view.seen(config.printer))
    assert isinstance(said, str)
    assert "dicom-printer printers install" in said
