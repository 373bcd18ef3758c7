"""Tenants of one store: each statement of one tried against the rows of another."""

from __future__ import annotations

import itertools
import uuid

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from insights_crds.reasons import FailureClass
from insights_store import driver, schema
from insights_store.execution import Claim, Execution, Fenced
from insights_store.tenancy import RoleTakenError, Tenant, admit

OUTGOING = driver.Outgoing("fingerprint", "1.0", {"people": 3})
RESULT = ("cluster", "team", "person", "violation", "rejected_row")
ROWS = {
    "cluster": "(number, name, size, share, words, means) VALUES (0, 'n', 1, 1, '', '{}'",
    "team": "(number, name, type, size, means) VALUES (0, 'n', '', 1, '{}'",
    "person": "(id, name, cluster) VALUES ('anna', 'Anna', 0",
    "violation": "(rule, hard, amount, teams) VALUES ('r', false, 1, 1",
    "rejected_row": "(row, \"column\", reason) VALUES (1, 'c', 'r'",
}
LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@pytest.fixture
def tenants(connection) -> tuple[Tenant, Tenant, Tenant]:
    """Two environments with a namespace of the same name, and its neighbour."""
    mark = uuid.uuid4().hex[:6]
    made = (
        Tenant(f"prod-{mark}", "people"),
        Tenant(f"dev-{mark}", "people"),
        Tenant(f"prod-{mark}", "others"),
    )
    for tenant in made:
        admit(connection, tenant, "secret")
    connection.commit()
    return made


def session(dsn: str, tenant: Tenant) -> psycopg.Connection:
    return psycopg.connect(dsn, user=tenant.role, password="secret", autocommit=True)


def started(connection, tenant: Tenant, run: str = "run") -> Claim:
    execution = Execution(tenant.environment, tenant.namespace, run, "key")
    number = driver.start(
        connection, execution, token=None, settings="s", uid="u", child_kind="Job", child="c",
        spec={},
    )  # fmt: skip
    connection.commit()
    return Claim(execution, number, 0, None, {})


def insert(open_connection, table: str, tenant: Tenant, publication: int) -> None:
    columns, _, values = ROWS[table].partition(" VALUES (")
    open_connection.execute(
        f"INSERT INTO insights.{table} (environment, namespace, publication, {columns[1:]} "
        f"VALUES (%s, %s, %s, {values})",
        (tenant.environment, tenant.namespace, publication),
    )


def published(dsn: str, connection, tenant: Tenant) -> driver.Publication:
    """A result of a tenant, with a row in each table, made by its own role."""
    held = started(connection, tenant)

    def rows(open_connection, publication) -> None:
        for table in RESULT:
            insert(open_connection, table, tenant, publication)

    with session(dsn, tenant) as own:
        return driver.publish(own, driver.claim(own, held.execution, held.attempt), OUTGOING, rows)


@pytest.mark.parametrize(("own", "other"), [(1, 0), (2, 0)], ids=["environment", "namespace"])
def test_no_statement_reaches_the_rows_of_another_tenant(
    postgres_dsn, connection, tenants, own, other
) -> None:
    mine, theirs = tenants[own], tenants[other]
    result = published(postgres_dsn, connection, theirs)
    at_work = started(connection, theirs, "at-work")
    own_result = published(postgres_dsn, connection, mine)
    with session(postgres_dsn, mine) as tried:
        # Read.
        for table in ("attempt", "publication", "tombstone", *RESULT):
            query = (
                f"SELECT count(*) FROM insights.{table} WHERE environment = %s AND namespace = %s"
            )
            try:
                answer = tried.execute(query, (theirs.environment, theirs.namespace)).fetchone()
                assert answer == (0,)
            except errors.InsufficientPrivilege:
                assert table == "tombstone"
        # Claim, tell progress, end, publish, link.
        held = Claim(at_work.execution, at_work.attempt, 1, None, {})
        mine_at_work = started(connection, mine, "mine")
        for act in (
            lambda: driver.claim(tried, at_work.execution, at_work.attempt),
            lambda: driver.heartbeat(tried, held, stage="x", percent=1, remaining_seconds=None),
            lambda: driver.fail(tried, held, FailureClass.USER, "X", ""),
            lambda: driver.publish(tried, held, OUTGOING, lambda *_: None),
        ):
            with pytest.raises(Fenced):
                act()
        assert not driver.end(tried, at_work.execution, at_work.attempt, "X", "")
        claimed = driver.claim(tried, mine_at_work.execution, mine_at_work.attempt)
        with pytest.raises(errors.ForeignKeyViolation):
            driver.link(tried, claimed, result)
        # Write, under the tenant's name or under one's own.
        for table in RESULT:
            with pytest.raises(errors.InsufficientPrivilege):
                insert(tried, table, theirs, result.id)
            with pytest.raises(errors.ForeignKeyViolation):
                insert(tried, table, mine, result.id)
            for change in (
                f"DELETE FROM insights.{table}",
                f"UPDATE insights.{table} SET namespace = 'x'",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    tried.execute(change)
        # Probe: whether a key is taken is told of one's own rows alone.
        with pytest.raises(errors.UniqueViolation):
            insert(tried, "person", mine, own_result.id)
        with pytest.raises(errors.InsufficientPrivilege):
            insert(tried, "person", theirs, result.id)
        sequences = tried.execute(
            "SELECT count(*) FROM pg_sequences WHERE schemaname = 'insights'"
        ).fetchone()
        assert sequences == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            tried.execute("SELECT * FROM insights.tenant")
    assert [
        p.id for p in driver.publications(connection, theirs.environment, theirs.namespace, "run")
    ] == [result.id]


def test_a_tenant_sees_all_of_its_own(postgres_dsn, connection, tenants) -> None:
    published(postgres_dsn, connection, tenants[0])
    with session(postgres_dsn, tenants[0]) as own:
        for table in ("attempt", "publication", *RESULT):
            assert own.execute(f"SELECT count(*) FROM insights.{table}").fetchone() == (1,)


@given(first=st.tuples(LABEL, LABEL), second=st.tuples(LABEL, LABEL))
def test_no_two_tenants_have_one_role(first, second) -> None:
    roles = Tenant(*first).role, Tenant(*second).role
    assert (roles[0] == roles[1]) == (first == second)
    assert all(len(role.encode()) <= 63 for role in roles)


def test_names_that_join_alike_are_told_apart() -> None:
    alike = [
        ("a-b", "c"),
        ("a", "b-c"),
        ("a--b", "c"),
        ("a", "b--c"),
        ("x", "y" * 63),
        ("x", "y" * 62),
    ]
    roles = [Tenant(*each).role for each in alike]
    assert all(one != other for one, other in itertools.combinations(roles, 2))


def test_a_role_of_somebody_else_is_left_alone(connection, tenants) -> None:
    tenant = Tenant(tenants[0].environment, "stranger")
    connection.execute(f"CREATE ROLE {tenant.role}")
    with pytest.raises(RoleTakenError, match="not made for a tenant"):
        admit(connection, tenant, "secret")
    connection.execute(
        "INSERT INTO insights.tenant (role, environment, namespace) VALUES (%s, 'x', 'y')",
        (tenant.role,),
    )
    with pytest.raises(RoleTakenError, match="another tenant"):
        admit(connection, tenant, "secret")
    connection.rollback()


def migrate(dsn: str, revision: str) -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_results_and_roles_of_before_are_taken_along(postgres_dsn) -> None:
    """A store with results, made by the schema before tenants were named everywhere."""
    name = f"before_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_dsn, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    dsn = psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE SCHEMA insights")
    migrate(dsn, "0002")
    with psycopg.connect(dsn) as connection:
        for role, namespace in (("one", "people"), ("two", "shared"), ("three", "never")):
            role = f"driver_{name}_{role}"
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'old'")
            connection.execute(f"GRANT USAGE ON SCHEMA insights TO {role}")
            connection.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA insights TO {role}")
            connection.execute("INSERT INTO insights.tenant VALUES (%s, %s)", (role, namespace))
        for environment, namespace in (("prod", "people"), ("prod", "shared"), ("dev", "shared")):
            (publication,) = connection.execute(
                "INSERT INTO insights.publication (environment, namespace, run, key, attempt, "
                "claim, fingerprint, engine, prefix, summary) "
                "VALUES (%s, %s, 'run', 'k', 1, 1, 'f', 'e', 'p', '{}') RETURNING id",
                (environment, namespace),
            ).fetchone()
            connection.execute(
                "INSERT INTO insights.publication (environment, namespace, run, key, attempt, "
                "claim, fingerprint, engine, prefix, summary, linked_from) "
                "VALUES (%s, %s, 'run', 'k', 2, 1, 'f', 'e', 'p', '{}', %s)",
                (environment, namespace, publication),
            )
            for table in RESULT:
                columns, _, values = ROWS[table].partition(" VALUES (")
                connection.execute(
                    f"INSERT INTO insights.{table} (namespace, publication, {columns[1:]} "
                    f"VALUES (%s, %s, {values})",
                    (namespace, publication),
                )
    schema.upgrade(dsn)
    with psycopg.connect(dsn) as connection:
        for table in RESULT:
            found = connection.execute(
                f"SELECT r.environment, r.namespace FROM insights.{table} r "
                "JOIN insights.publication p ON (p.environment, p.namespace, p.id) "
                "= (r.environment, r.namespace, r.publication) ORDER BY 1, 2"
            ).fetchall()
            assert found == [("dev", "shared"), ("prod", "people"), ("prod", "shared")]
        found = driver.publications(connection, "prod", "people", "run")
        assert found[1].linked_from == found[0].id
        assert dict(
            connection.execute("SELECT role, environment FROM insights.tenant").fetchall()
        ) == {
            f"driver_{name}_one": "prod",
            # Two environments used this namespace, and whose role it is nobody can say.
            f"driver_{name}_two": None,
            f"driver_{name}_three": None,
        }
        admit(connection, Tenant("prod", "people"), "new")
    # A driver of before knows no environment, and is given its own.
    with psycopg.connect(dsn, user=f"driver_{name}_one", password="new") as old:
        (publication,) = old.execute("SELECT min(id) FROM insights.publication").fetchone()
        old.execute(
            "INSERT INTO insights.person (publication, namespace, id, cluster) "
            "VALUES (%s, 'people', 'new', 0)", (publication,)
        )  # fmt: skip
        assert old.execute("SELECT DISTINCT environment FROM insights.person").fetchall() == [
            ("prod",)
        ]
    with psycopg.connect(dsn, user=f"driver_{name}_two", password="old") as lost:
        assert lost.execute("SELECT count(*) FROM insights.publication").fetchone() == (0,)
