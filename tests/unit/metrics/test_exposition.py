"""The figures of a job table, read with the library's own parser; no socket."""

from __future__ import annotations

import sys

import pytest
import sqlalchemy as sa
from jobs_made import Clock, claim, commit, submit
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dicom_printer import metrics
from dicom_printer.config import Config
from dicom_printer.errors import ConfigError
from dicom_printer.jobs.remotes import remote_down, remote_up
from dicom_printer.jobs.store import Store
from dicom_printer.metrics.exposition import Figures
from dicom_printer.pages import Renderer
from dicom_printer.spool import Spool

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def watched(store: Store, spool: Spool) -> metrics.Watched:
    remotes = {n: {"ae_title": "A", "host": "h", "port": 1} for n in ("pacs", "wide")}
    printer = {"workflow": "w"}
    config = Config.model_validate(
        {"service": {"spool": "s"}, "remote": remotes, "printer": {"DICOM_Printer": printer}}
    )
    return metrics.Watched(config, spool, store, Renderer(config.pages), lambda: ["a", "b"])


def text(watched: metrics.Watched) -> str:
    registry = CollectorRegistry()
    registry.register(Figures(watched))
    return generate_latest(registry).decode()


def samples(watched: metrics.Watched) -> Samples:
    """Return every sample by its name, without our prefix, and its labels' values."""
    return {
        (sample.name.removeprefix("dicom_printer_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text(watched))
        for sample in family.samples
    }


def test_jobs_are_counted_by_printer_and_state(
    watched: metrics.Watched, store: Store, spool: Spool, clock: Clock
) -> None:
    received = "2027-01-15T07:59:00+00:00"  # a minute before the tests' clock
    for number in range(1, 4):
        submit(store, number, received=received)
    claim(store).hold("no match", "no entry")
    submit(store, 9, printer="Doe^Jane")
    commit(spool)
    found = samples(watched)
    assert found["jobs", "DICOM_Printer", "held"] == 1
    assert found["jobs", "DICOM_Printer", "ready"] == 2
    assert found["jobs", "DICOM_Printer", "done"] == 0, "a series is there before its first job"
    assert found["oldest_job_age_seconds", "DICOM_Printer", "ready"] == 60
    assert ("oldest_job_age_seconds", "DICOM_Printer", "running") not in found
    assert found["jobs_of_unknown_printers",] == 1
    assert found["spool_incoming",] == 1
    assert found["troubles",] == 2
    assert found["job_table_up",] == 1
    assert found["spool_free_bytes",] > 0


def test_remotes_are_up_down_or_not_asked(
    watched: metrics.Watched, store: Store, clock: Clock
) -> None:
    submit(store)
    running = claim(store)
    running.acquire("pacs")
    found = samples(watched)
    assert ("remote_up", "pacs") not in found
    assert (found["remote_associations", "pacs"], found["remote_associations", "wide"]) == (1, 0)
    assert found["remote_associations_limit", "wide"] == 3
    remote_up(store, "wide")
    remote_down(store, "pacs", "refused", lambda _: 60)
    found = samples(watched)
    assert (found["remote_up", "pacs"], found["remote_up", "wide"]) == (0, 1)
    assert found["remote_since_timestamp_seconds", "pacs"] == clock()


def test_what_was_done_is_counted_as_it_is_done(
    watched: metrics.Watched, store: Store, clock: Clock
) -> None:
    assert samples(watched)["pages_sent_total", "pacs"] == 0
    submit(store, received="2027-01-15T07:59:00+00:00")
    running = claim(store)
    running.accept("pacs", 1, "2.25.1", 0)
    running.accept("pacs", 2, "2.25.2", 0)
    running.finish()
    store.figures.failed("remote refused", "pacs")
    found = samples(watched)
    assert found["pages_sent_total", "pacs"] == 2
    assert found["step_failures_total", "remote refused", "pacs"] == 1
    assert found["delivery_seconds_sum", "DICOM_Printer"] == 60
    below = {labels[1]: v for labels, v in found.items() if labels[0] == "delivery_seconds_bucket"}
    assert (below["30.0"], below["60.0"], below["+Inf"]) == (0, 1, 1)


def test_nothing_of_a_patient_or_a_job_is_shown(watched: metrics.Watched, store: Store) -> None:
    job_id = submit(store, title="Doe^Jane", user="Jane", printer="Doe")
    claim(store).hold("no match", "no entry for Doe^Jane")
    shown = text(watched)
    assert not [word for word in ("Doe", "Jane", job_id[:8]) if word in shown]


def test_a_table_that_cannot_be_read_is_a_sample_and_no_error(
    watched: metrics.Watched, store: Store
) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE instance"))
        connection.execute(sa.text("ALTER TABLE job RENAME TO was"))
    found = samples(watched)
    assert found["job_table_up",] == 0
    assert found["troubles",] == 2, "what needs no table is there"


def test_the_table_is_asked_once_in_two_seconds(
    watched: metrics.Watched, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("dicom_printer.metrics.exposition.time.monotonic", lambda: now[0])
    statements: list[str] = []
    figures = Figures(watched)
    figures._kept_until = -1.0
    figures.collect()
    sa.event.listen(
        store.engine, "before_cursor_execute", lambda *args: statements.append(str(args[2]))
    )
    for _ in range(50):
        figures.collect()
    assert statements == []
    now[0] = 2.5
    figures.collect()
    assert statements


def test_every_family_keeps_to_prometheus_conventions(watched: metrics.Watched) -> None:
    for family in text_string_to_metric_families(text(watched)):
        assert family.name.startswith("dicom_printer_")
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_total", "_count", "_milliseconds"))
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples)


def test_without_the_library_it_says_what_to_install(
    watched: metrics.Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "dicom_printer.metrics.exposition")
    monkeypatch.delattr(metrics, "exposition")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'prometheus-client"):
        metrics.serve(watched, ("127.0.0.1", 0))
