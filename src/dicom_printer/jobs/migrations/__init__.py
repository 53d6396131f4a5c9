"""How an older job table is brought up to date: with Alembic, a file for each version.

Imported where there is something to do, for Alembic is large.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def upgrade(connection: sa.Connection, target: str = "head") -> None:
    """Bring the tables up to date, in the transaction and under the lock of `connection`."""
    config = Config()
    # "%" stands for itself in a path, and for a variable in Alembic's settings.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
