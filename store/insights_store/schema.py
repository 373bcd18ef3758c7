"""The schema of the results database: bringing it up to date, and letting namespaces in."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

__all__ = ["admit_namespace", "is_current", "upgrade"]

_LOCK = 7_461_803_512
"""Key of the advisory lock that lets one migration run at a time."""


def upgrade(dsn: str) -> None:
    """Bring the schema up to date. Any number of processes may do so at once.

    Args:
        dsn: connection string of libpq, of a role that may create the schema.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS insights"))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(dsn: str) -> bool:
    """Whether the schema is the one that this version knows."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": "insights"})
        head = ScriptDirectory.from_config(_config()).get_current_head()
        return context.get_current_revision() == head


def admit_namespace(
    connection: psycopg.Connection, role: str, namespace: str, password: str
) -> None:
    """Make a role that drivers of one namespace use, and that sees nothing of any other.

    Args:
        connection: of the tables' owner, with the right to create roles.
        role: name of the role.
        namespace: the only namespace that it may read and write.
        password: its password.
    """
    name = sql.Identifier(role)
    with connection.transaction():
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = sql.SQL("ALTER" if exists else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {} NOBYPASSRLS").format(
                verb, name, sql.Literal(password)
            )
        )
        connection.execute(
            "INSERT INTO insights.tenant VALUES (%s, %s) "
            "ON CONFLICT (role) DO UPDATE SET namespace = excluded.namespace",
            (role, namespace),
        )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA insights TO {}").format(name))
        connection.execute(
            sql.SQL(
                "GRANT SELECT, UPDATE (claim, claimed, heartbeat, changed, stage, percent, "
                "remaining_seconds, state, failure, reason, message, ended) "
                "ON insights.attempt TO {}"
            ).format(name)
        )
        for table in ("publication", "cluster", "team", "person", "violation", "rejected_row"):
            connection.execute(
                sql.SQL("GRANT SELECT, INSERT, DELETE ON {} TO {}").format(
                    sql.Identifier("insights", table), name
                )
            )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
