"""Bringing a ledger's tables to the newest revision, at start.

Owns when alembic runs. Must not know which database it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

# The newest revision in migrations/versions; a test compares. Alembic costs 0.2 s to import: only when it is needed.
NEWEST_REVISION = "0003"

_MIGRATIONS = Path(__file__).parent / "migrations"


class LedgerTooNew(Exception):
    """The ledger was written by a later version of the gateway."""


def upgrade(connection: sa.Connection) -> None:
    """Create or migrate the tables. Raises LedgerTooNew."""
    found = _revision(connection)
    if found == NEWEST_REVISION:
        return
    from alembic import command  # noqa: PLC0415 - see NEWEST_REVISION
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        message = (
            f"The ledger has revision {found}, this gateway knows {NEWEST_REVISION}: start the version that wrote it."
        )
        raise LedgerTooNew(message) from error


def configuration(connection: sa.Connection) -> "Config":
    """Alembic's settings for one connection."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
