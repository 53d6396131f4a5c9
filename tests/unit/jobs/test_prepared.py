"""A statement that was made once does on both databases what SQLAlchemy's own does."""

import pytest
import sqlalchemy as sa
from jobs_made import claim, submit

from dicom_printer.jobs.operate import Operation, operate
from dicom_printer.jobs.prepared import Prepared
from dicom_printer.jobs.schema import job
from dicom_printer.jobs.store import State, Store

COUNTED = Prepared(
    sa.update(job)
    .where(job.c.id == sa.bindparam("own"), job.c.state == State.READY)
    .values(pages=sa.bindparam("of_pages"), crashes=7)
    .returning(job.c.crashes, job.c.pages)
)


def test_values_and_what_the_statement_knows_itself(store: Store) -> None:
    mine, other = submit(store, 1), submit(store, 2)
    for pages in (3, None):
        with store.writing() as (c, _):
            rows = COUNTED.execute(c, {"own": mine, "of_pages": pages}).all()
            assert [tuple(row) for row in rows] == [(7, pages)]
            assert COUNTED.execute(c, {"own": "nobody's", "of_pages": 1}).first() is None
    with store.reading() as c:
        assert c.execute(sa.select(job.c.crashes).where(job.c.id == other)).scalar_one() == 0


def test_the_error_is_sqlalchemys(store: Store) -> None:
    job_id = submit(store)
    nameless = Prepared(sa.update(job).values(title=sa.null()).where(job.c.id == job_id))
    with pytest.raises(sa.exc.IntegrityError), store.writing() as (c, _):
        nameless.execute(c, {})


def test_what_a_person_asks_is_seen_as_a_page_is_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_printer.jobs.running._JUST_S", 3600.0)
    job_id = submit(store)
    running = claim(store)
    running.accept("pacs", 1, "2.25.1", 0)
    assert running.requested() is None
    operate(store, job_id, Operation("hold", "anna", 'a "reason"'))
    running.accept("pacs", 2, "2.25.2", 0)
    with store.writing() as (c, _):  # seen with the page: the table is not asked again
        c.execute(sa.update(job).values(request=None))
    assert running.requested() == {"verb": "hold", "user": "anna", "reason": 'a "reason"'}
