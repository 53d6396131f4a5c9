"""An older job table is brought up to date: nothing is lost, and nobody else does it meanwhile."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from jobs_made import STORE_STEP, claim
from postgres import Postgres

from dicom_printer.errors import SpoolError
from dicom_printer.jobs import look, migrations, table
from dicom_printer.jobs.database import open_database
from dicom_printer.jobs.schema import alembic_version, metadata
from dicom_printer.jobs.store import Store
from dicom_printer.jobs.versions import HEAD, OLDER
from dicom_printer.spool import Spool

# As the first version made it.
FIRST = """
CREATE TABLE job (
    seq INTEGER NOT NULL,
    id VARCHAR(32) NOT NULL,
    dedup VARCHAR(512),
    printer VARCHAR(128) NOT NULL,
    title TEXT NOT NULL,
    user VARCHAR(256) NOT NULL,
    source VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    error TEXT NOT NULL,
    snapshot JSON NOT NULL,
    step INTEGER NOT NULL,
    attributes JSON NOT NULL,
    remote VARCHAR(128),
    slot INTEGER,
    not_before FLOAT,
    give_up_at FLOAT,
    failures INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    request JSON,
    pages INTEGER,
    sent_as VARCHAR(64),
    created FLOAT NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (id),
    UNIQUE (dedup)
);
CREATE UNIQUE INDEX one_job_a_slot ON job (remote, slot)
    WHERE state = 'running' AND slot IS NOT NULL;
CREATE INDEX due ON job (state, remote, failures, seq);
CREATE TABLE remote (
    name VARCHAR(128) NOT NULL,
    failures INTEGER NOT NULL,
    down_until FLOAT NOT NULL,
    since FLOAT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE node (
    name VARCHAR(128) NOT NULL,
    started FLOAT NOT NULL,
    version VARCHAR(32) NOT NULL,
    troubles JSON NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE instance (
    job VARCHAR(32) NOT NULL,
    remote VARCHAR(128) NOT NULL,
    sop_instance_uid VARCHAR(64) NOT NULL,
    page INTEGER NOT NULL,
    status INTEGER NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (job, remote, sop_instance_uid),
    FOREIGN KEY(job) REFERENCES job (id) ON DELETE CASCADE
);
CREATE TABLE film (
    job VARCHAR(32) NOT NULL,
    "key" VARCHAR(64) NOT NULL,
    remote VARCHAR(128) NOT NULL,
    nth INTEGER NOT NULL,
    number INTEGER NOT NULL,
    pages JSON NOT NULL,
    sent FLOAT NOT NULL,
    status INTEGER,
    PRIMARY KEY (job, "key"),
    FOREIGN KEY(job) REFERENCES job (id) ON DELETE CASCADE
);
CREATE TABLE event (
    n INTEGER NOT NULL,
    job VARCHAR(32) NOT NULL,
    at FLOAT NOT NULL,
    what VARCHAR(32) NOT NULL,
    detail TEXT NOT NULL,
    user VARCHAR(256) NOT NULL,
    PRIMARY KEY (n),
    FOREIGN KEY(job) REFERENCES job (id) ON DELETE CASCADE
);
CREATE INDEX ix_event_job ON event (job);
"""


def first_version(path: Path, user_version: int) -> None:
    """Make a file as the first version left it, with a job that was running."""
    with closing(sqlite3.connect(path)) as c:
        c.execute("PRAGMA journal_mode = WAL")
        c.executescript(FIRST)
        if user_version == 1:
            c.execute("DROP TABLE film")
        values = {
            "seq": 7, "id": "a" * 32, "printer": "P", "title": "Befund", "user": "anna",
            "source": "cups", "state": "running", "reason": "", "error": "",
            "snapshot": json.dumps({"defaults": {}, "steps": [STORE_STEP]}), "step": 0,
            "attributes": "{}", "remote": "pacs", "slot": 0, "failures": 1, "attempt": 2,
            "crashes": 0, "fence": 2, "created": 1.0, "updated": 2.0,
        }  # fmt: skip
        names, marks = ", ".join(f'"{n}"' for n in values), ", ".join("?" * len(values))
        c.execute(f"INSERT INTO job ({names}) VALUES ({marks})", list(values.values()))
        c.execute("INSERT INTO instance VALUES (?, 'pacs', '2.25.1', 1, 0, 1.5)", ["a" * 32])
        c.execute(f"PRAGMA user_version = {user_version}")
        c.commit()


@pytest.mark.parametrize("user_version", [1, 2])
def test_a_file_of_the_first_version_is_brought_up_to_date(spool: Spool, user_version: int) -> None:
    first_version(spool.database, user_version)
    engine = open_database(spool.database, upgrade=True)
    store = Store(engine, node="a")
    assert table.recover(store) == 1
    job = claim(store)
    assert (job.id, job.fence, job.accepted("pacs")) == ("a" * 32, 4, {"2.25.1"})
    job.finish()
    (shown,) = look.listing(store)
    assert (shown["state"], shown["title"], shown["attempt"]) == ("done", "Befund", 3)
    with engine.begin() as c:
        assert c.execute(sa.select(alembic_version.c.version_num)).scalar_one() == HEAD
        assert c.exec_driver_sql("PRAGMA user_version").scalar_one() == 3
    engine.dispose()
    open_database(spool.database).dispose()


def test_who_only_looks_leaves_an_older_file_as_it_is(spool: Spool) -> None:
    first_version(spool.database, 2)
    before = spool.database.read_bytes()
    with pytest.raises(SpoolError, match="older version") as caught:
        open_database(spool.database)
    assert "start the service" in str(caught.value)
    assert spool.database.read_bytes() == before


def differences(engine: sa.Engine) -> list[object]:
    """What the tables of a database have otherwise than ours; their types as SQLite has them."""
    with engine.connect() as c:
        options = {"compare_type": c.dialect.name != "sqlite"}
        return list(compare_metadata(MigrationContext.configure(c, opts=options), metadata))


def test_an_upgraded_file_has_the_tables_of_a_new_one(spool: Spool) -> None:
    first_version(spool.database, 1)
    engine = open_database(spool.database, upgrade=True)
    assert differences(engine) == []
    engine.dispose()


def older(postgres: Postgres) -> str:
    """Make a database of the first version, with ten jobs, and return its address."""
    address = postgres.create()
    engine = sa.create_engine(address)
    with engine.begin() as c:
        migrations.upgrade(c, "0001")
        job = sa.Table("job", sa.MetaData(), autoload_with=c)
        for number in range(10):
            c.execute(
                sa.insert(job).values(
                    id=f"{number:032x}", printer="P", title="", user="", source="", state="ready",
                    reason="", error="", snapshot={"defaults": {}, "steps": [STORE_STEP]}, step=0,
                    attributes={}, failures=0, attempt=0, crashes=0, fence=0, created=1, updated=1,
                )
            )  # fmt: skip
    engine.dispose()
    return address


def test_several_processes_bring_postgresql_up_to_date_at_once(postgres: Postgres) -> None:
    address = older(postgres)
    code = (
        "import sys; from dicom_printer.jobs.database import open_database; "
        "open_database(sys.argv[1], upgrade=True)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, address], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    engine = open_database(address)
    assert differences(engine) == []
    store = Store(engine, node="a")
    assert len(look.listing(store)) == 10
    assert claim(store).id == f"{0:032x}"
    engine.dispose()
    postgres.drop(address)


def test_several_processes_make_the_tables_at_once(postgres: Postgres) -> None:
    address = postgres.create()
    code = "import sys; from dicom_printer.jobs.database import open_database as o; o(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", code, address]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    engine = open_database(address)
    assert differences(engine) == []
    engine.dispose()
    postgres.drop(address)


def test_every_version_has_its_migration() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_current_head() == HEAD
    known = {each.revision for each in scripts.walk_revisions()}
    assert known == (OLDER | {HEAD}) - {""}


def test_looking_does_not_import_alembic(spool: Spool) -> None:
    open_database(spool.database).dispose()
    code = (
        "import sys; from pathlib import Path; "
        "from dicom_printer.jobs.database import open_database; "
        "open_database(Path(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(spool.database)], check=False)
    assert done.returncode == 0
