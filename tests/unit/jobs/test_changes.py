from pathlib import Path

import pytest
import sqlalchemy as sa
from jobs_made import submit
from postgres import Postgres
from real_peers import wait_until

from dicom_printer.jobs import changes
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.store import Store


@pytest.fixture(autouse=True)
def _no_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "POLL_S", 3600.0)


def test_another_process_is_noticed(database: Path | str, store: Store) -> None:
    watching = changes.watch(store)
    watching.seen()
    watching.seen()
    assert not watching.seen()
    other = open_database(database)
    submit(Store(other))
    wait_until(watching.seen, "the bell")
    assert not watching.seen()
    other.dispose()
    watching.close()


def test_what_is_not_rung_is_found_by_looking(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(postgres.address("made"))
    watching = changes.watch(Store(engine))
    watching.seen()
    assert not watching.seen()
    monkeypatch.setattr(changes, "POLL_S", 0.0)
    assert watching.seen()
    watching.close()
    engine.dispose()


def test_a_bell_that_was_lost_is_hung_again(postgres: Postgres) -> None:
    address = postgres.create("made")
    engine = open_database(address)
    watching = changes.watch(Store(engine))
    watching.seen()
    assert not watching.seen()
    with engine.connect() as c:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^LISTEN'"
        c.exec_driver_sql(cut)
    wait_until(watching.seen, "the loss")
    assert watching.seen(), "it listens anew, and what rang meanwhile is unknown"
    assert not watching.seen()
    submit(Store(engine))
    wait_until(watching.seen, "the bell")
    watching.close()
    engine.dispose()
    postgres.drop(address)


def test_a_server_that_is_gone_is_for_the_dispatcher_to_see(postgres: Postgres) -> None:
    address = postgres.create("made")
    engine = open_database(address)
    watching = changes.watch(Store(engine))
    watching.seen()
    postgres.drop(address)
    wait_until(watching.seen, "the loss")
    with pytest.raises(sa.exc.OperationalError):
        watching.seen()
    watching.close()
    engine.dispose()
