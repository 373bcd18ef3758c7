"""Who may see which rows: roles for each tenant, which is a namespace of an environment.

Its drivers log in with one. Two are groups for people, who are made members by whoever runs the
database: readers see the views of what may be told to anybody, owners those of people as well.
Neither has a right on a table.

Policies of the tables ask `insights.tenant` which tenant the role of the session is; keys and
references name the tenant too, so that no constraint answers for somebody else's rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import psycopg
from psycopg import sql

__all__ = ["OWNER_VIEWS", "READER_VIEWS", "RoleTakenError", "Tenant", "admit"]

_LOCK = 7_461_803_513
"""Key of the advisory lock under which roles are made."""

_NAME_BYTES = 63
"""Postgres cuts longer names, without a word."""

_WRITTEN = (
    "publication",
    "cluster",
    "team",
    "person",
    "violation",
    "rejected_row",
    "told_cluster",
    "told_team",
    "told_rule",
    "noise_secret",
    "noise_layer",
)

READER_VIEWS = ("reader_publications", "reader_clusters", "reader_teams", "reader_rules")
OWNER_VIEWS = (
    "owner_publications",
    "owner_clusters",
    "owner_teams",
    "owner_people",
    "owner_violations",
    "owner_rejected_rows",
)


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
        return self._named("driver")

    @property
    def reader(self) -> str:
        """Name of the group of those who may see how its runs came out; see `role`."""
        return self._named("reader")

    @property
    def owner(self) -> str:
        """Name of the group of those who may see its people as well; see `role`."""
        return self._named("owner")

    def _named(self, kind: str) -> str:
        plain = f"{kind}_{self.environment}__{self.namespace}".replace("-", "_")
        ambiguous = "--" in self.environment + self.namespace
        if len(plain) <= _NAME_BYTES and not ambiguous:
            return plain
        digest = hashlib.sha256(f"{self.environment}/{self.namespace}".encode()).hexdigest()
        return f"{kind}x_{digest[:32]}"


def admit(connection: psycopg.Connection, tenant: Tenant, password: str | None) -> None:
    """Make the role that a tenant's drivers use, and the groups of its readers and owners.

    None of them sees anything of anybody else.

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
        _own(connection, tenant, role, "driver")
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
        for role, kind, views in (
            (tenant.reader, "reader", READER_VIEWS),
            (tenant.owner, "owner", (*READER_VIEWS, *OWNER_VIEWS)),
        ):
            _own(connection, tenant, role, kind)
            group = sql.Identifier(role)
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA insights TO {}").format(group))
            for view in views:
                connection.execute(
                    sql.SQL("GRANT SELECT ON {} TO {}").format(
                        sql.Identifier("insights", view), group
                    )
                )


def _own(connection: psycopg.Connection, tenant: Tenant, role: str, kind: str) -> None:
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
        login = sql.SQL("LOGIN" if kind == "driver" else "NOLOGIN")
        connection.execute(
            sql.SQL("CREATE ROLE {} {} NOBYPASSRLS").format(sql.Identifier(role), login)
        )
    if found is None:
        connection.execute(
            "INSERT INTO insights.tenant (role, environment, namespace, kind) "
            "VALUES (%s, %s, %s, %s)",
            (role, tenant.environment, tenant.namespace, kind),
        )
