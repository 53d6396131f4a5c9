"""Which version of the job table this is. Here, because looking at it must not load SQLAlchemy."""

HEAD = "0004"
"""The version of the tables in ``schema``, as Alembic writes it into the database."""

OLDER = {"", "0001", "0002", "0003"}
"""The versions that can be brought up to date; "" is a file of before there were any."""
