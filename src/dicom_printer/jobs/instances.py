"""The instances that the remotes have acknowledged, in the job table."""

from __future__ import annotations

import sqlalchemy as sa

from dicom_printer.jobs.prepared import Prepared
from dicom_printer.jobs.schema import instance
from dicom_printer.journal import Accepted

_COLUMNS = ("job", *Accepted.model_fields)
_KEY = ("job", "remote", "sop_instance_uid")
_NEW = {name: sa.bindparam(f"new_{name}", type_=instance.c[name].type) for name in _COLUMNS}
_ADD = Prepared(
    sa.insert(instance).from_select(
        _COLUMNS,
        # Another node that starts may have read it in the journal meanwhile.
        sa.select(*_NEW.values()).where(
            ~sa.exists().where(*(instance.c[name] == _NEW[name] for name in _KEY))
        ),
    )
)


def add(c: sa.Connection, job_id: str, accepted: Accepted) -> None:
    """Enter an instance of a job, unless it is there."""
    row = accepted.model_dump() | {"job": job_id}
    _ADD.execute(c, {f"new_{name}": row[name] for name in _COLUMNS})
