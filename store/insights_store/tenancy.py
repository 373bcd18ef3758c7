"""Who may see which rows: a role for each tenant, which is a namespace of an environment.

Policies of the tables ask `insights.tenant` which tenant the role of the session is; keys and
references name the tenant too, so that no constraint answers for somebody else's rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import psycopg
from psycopg import sql

__all__ = ["RoleTakenError", "Tenant", "admit"]

_LOCK = 7_461_803_513
"""Key of the advisory lock under which roles are made."""

_NAME_BYTES = 63
"""Postgres cuts longer names, without a word."""

_WRITTEN = ("publication", "cluster", "team", "person", "violation", "rejected_row")


class RoleTakenError(Exception):
    """The role of a tenant exists and belongs to another one."""


@dataclass(frozen=True)
class Tenant:
    """Whose rows they are.

    Attributes:
        environment: the installation.
        namespace: a namespace of its cluster.
    """

    environment: str
    namespace: str

    @property
    def role(self) -> str:
        """Name of the role of its drivers: no two tenants have the same.

        `driver_<environment>__<namespace>`, dashes as underscores; `driverx_` and a digest where
        that is too long for Postgres, or where two dashes in a row make it ambiguous.
        """
        plain = f"driver_{self.environment}__{self.namespace}".replace("-", "_")
        ambiguous = "--" in self.environment + self.namespace
        if len(plain) <= _NAME_BYTES and not ambiguous:
            return plain
        digest = hashlib.sha256(f"{self.environment}/{self.namespace}".encode()).hexdigest()
        return f"driverx_{digest[:32]}"


def admit(connection: psycopg.Connection, tenant: Tenant, password: str | None) -> None:
    """Make the role that a tenant's drivers use, and that sees nothing of anybody else.

    Args:
        connection: of the tables' owner, with the right to create roles.
        tenant: whose rows it may read and write.
        password: its password; where None it keeps the one it has, or has none. A role by which the
            tenant was let in before gets it as well.

    Raises:
        RoleTakenError: a role of this name is somebody else's.
    """
    role = tenant.role
    name = sql.Identifier(role)
    with connection.transaction():
        # Replicas that start side by side would change the same role at once.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _own(connection, tenant, role)
        if password is not None:
            earlier = connection.execute(
                "SELECT role::text FROM insights.tenant JOIN pg_roles ON rolname = role "
                "WHERE environment = %s AND namespace = %s AND role LIKE 'driver%%'",
                (tenant.environment, tenant.namespace),
            ).fetchall()
            for (each,) in earlier:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(each), sql.Literal(password)
                    )
                )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA insights TO {}").format(name))
        connection.execute(
            sql.SQL(
                "GRANT SELECT, UPDATE (claim, claimed, heartbeat, changed, stage, percent, "
                "remaining_seconds, state, failure, reason, message, ended) "
                "ON insights.attempt TO {}"
            ).format(name)
        )
        for table in _WRITTEN:
            # What is published is changed and removed by the operator alone.
            connection.execute(
                sql.SQL("GRANT SELECT, INSERT ON {} TO {}").format(
                    sql.Identifier("insights", table), name
                )
            )


def _own(connection: psycopg.Connection, tenant: Tenant, role: str) -> None:
    """Make the role, or see that it is this tenant's."""
    found = connection.execute(
        "SELECT environment, namespace FROM insights.tenant WHERE role = %s", (role,)
    ).fetchone()
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if found is not None and found != (tenant.environment, tenant.namespace):
        raise RoleTakenError(f"the database role {role} belongs to another tenant")
    if exists and found is None:
        raise RoleTakenError(
            f"the database has a role {role} that was not made for a tenant; remove or rename it"
        )
    if not exists:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOBYPASSRLS").format(sql.Identifier(role)))
    if found is None:
        connection.execute(
            "INSERT INTO insights.tenant (role, environment, namespace) VALUES (%s, %s, %s)",
            (role, tenant.environment, tenant.namespace),
        )
