"""The schema of the results database: bringing it up to date."""

from __future__ import annotations

from pathlib import Path

import psycopg

__all__ = ["is_current", "upgrade"]

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_461_803_512
"""Key of the advisory lock that lets one migration run at a time."""


def upgrade(dsn: str) -> None:
    """Bring the schema up to date. Any number of processes may do so at once.

    Args:
        dsn: connection string of libpq, of a role that may create the schema.
    """
    if is_current(dsn):
        return
    # Alembic takes most of a second to import, and is hardly ever needed.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS insights"))
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(dsn: str) -> bool:
    """Whether the schema is the newest that this version knows."""
    newest = max(path.name for path in (_MIGRATIONS / "versions").glob("r[0-9]*.py"))
    with psycopg.connect(dsn) as connection:
        if connection.execute("SELECT to_regclass('insights.alembic_version')").fetchone() == (
            None,
        ):
            return False
        found = connection.execute("SELECT version_num FROM insights.alembic_version").fetchone()
    return found is not None and newest.startswith(f"r{found[0]}_")
