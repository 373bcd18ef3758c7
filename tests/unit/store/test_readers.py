"""The groups of those who read: each sees what is for it, of its own tenant, and nothing else."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from psycopg import errors, sql

from insights_store import driver
from insights_store.execution import Execution
from insights_store.protection import add_layer, open_ledger
from insights_store.tenancy import OWNER_VIEWS, READER_VIEWS, Tenant, admit

ROWS = (
    "INSERT INTO insights.cluster (environment, namespace, publication, number, name, size, share, "
    "words, means) VALUES (%(e)s, %(n)s, %(p)s, 0, 'exact', 3, 1, 'w', '{\"red\": 12.345678}')",
    "INSERT INTO insights.team (environment, namespace, publication, number, name, type, size, "
    "means) VALUES (%(e)s, %(n)s, %(p)s, 0, 'team-1', '', 3, '{}')",
    "INSERT INTO insights.person (environment, namespace, publication, id, name, cluster) "
    "VALUES (%(e)s, %(n)s, %(p)s, 'anna', 'Anna', 0)",
    "INSERT INTO insights.violation (environment, namespace, publication, rule, hard, amount, "
    "teams) VALUES (%(e)s, %(n)s, %(p)s, 'lone', false, 3, 3)",
    'INSERT INTO insights.rejected_row (environment, namespace, publication, row, "column", '
    "reason) VALUES (%(e)s, %(n)s, %(p)s, 1, 'red', 'is text')",
    "INSERT INTO insights.told_cluster (environment, namespace, publication, number, name, size, "
    "words, means) VALUES (%(e)s, %(n)s, %(p)s, 0, 'told', 30, 'w', '{}')",
    "INSERT INTO insights.told_team (environment, namespace, publication, number, name, type, "
    "size) VALUES (%(e)s, %(n)s, %(p)s, 0, 'team-1', '', 6)",
    "INSERT INTO insights.told_rule (environment, namespace, publication, rule, hard, says) "
    "VALUES (%(e)s, %(n)s, %(p)s, 'lone', false, '')",
)


def tables(connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE nspname = 'insights' AND relkind IN ('r', 'p', 'S')"
    ).fetchall()
    return [name for (name,) in rows]


@pytest.fixture
def people(connection) -> tuple[Tenant, Tenant, str, str]:
    """Two tenants with results, and a person who reads and one who owns, of the first."""
    mark = uuid.uuid4().hex[:6]
    mine, other = Tenant(f"prod-{mark}", "people"), Tenant(f"prod-{mark}", "others")
    for tenant in (mine, other):
        admit(connection, tenant, None)
        execution = Execution(tenant.environment, tenant.namespace, "run", "key")
        number = driver.start(
            connection, execution, token=None, settings="s", uid="u", child_kind="Job", child="c",
            spec={},
        )  # fmt: skip
        held = driver.claim(connection, execution, number)

        def rows(opened, publication, tenant=tenant) -> None:
            known = {"e": tenant.environment, "n": tenant.namespace, "p": publication}
            for statement in ROWS:
                opened.execute(statement, known)

        driver.publish(connection, held, driver.Outgoing("secret-print", "1", {}), rows)
        open_ledger(connection, tenant.environment, tenant.namespace, "source")
        add_layer(connection, tenant.environment, tenant.namespace, "source", 0, {"factor": [1]})
    users = []
    for group in (mine.reader, mine.owner):
        user = f"user_{uuid.uuid4().hex[:8]}"
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x' IN ROLE {}").format(
                sql.Identifier(user), sql.Identifier(group)
            )
        )
        users.append(user)
    connection.commit()
    return mine, other, users[0], users[1]


def session(dsn: str, user: str) -> psycopg.Connection:
    return psycopg.connect(dsn, user=user, password="x", autocommit=True)


def test_a_reader_sees_what_is_told_and_no_table(postgres_dsn, connection, people) -> None:
    mine, _, reader, _ = people
    names = tables(connection)
    assert {"person", "cluster", "publication", "noise_secret", "told_cluster"} <= set(names)
    with session(postgres_dsn, reader) as opened:
        for view in READER_VIEWS:
            rows = opened.execute(f"SELECT environment, namespace FROM insights.{view}").fetchall()
            assert rows == [(mine.environment, mine.namespace)], view
        told = opened.execute("SELECT name FROM insights.reader_clusters").fetchall()
        assert told == [("told",)]
        for name in (*names, *OWNER_VIEWS):
            for statement in (
                f"SELECT * FROM insights.{name}",
                f"SELECT count(*) FROM insights.{name}",
                f"DELETE FROM insights.{name}",
                f"TRUNCATE insights.{name}",
                f"UPDATE insights.{name} SET namespace = 'x'",
                f"INSERT INTO insights.{name} DEFAULT VALUES",
                f"COPY insights.{name} TO STDOUT",
            ):
                with pytest.raises(
                    (errors.InsufficientPrivilege, errors.UndefinedColumn, errors.WrongObjectType)
                ) as refused:
                    opened.execute(statement)
                if "SELECT" in statement or "COPY" in statement:
                    assert refused.type is errors.InsufficientPrivilege, statement
        for view in READER_VIEWS:
            with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
                opened.execute(f"DELETE FROM insights.{view}")
        columns = opened.execute("SELECT * FROM insights.reader_publications").description
        assert "fingerprint" not in {column.name for column in columns}


def test_a_condition_of_a_reader_sees_no_row_of_others(postgres_dsn, people) -> None:
    _, _, reader, _ = people
    with session(postgres_dsn, reader) as opened:
        # Divides by zero where it is asked of a row of the other namespace.
        rows = opened.execute(
            "SELECT name FROM insights.reader_clusters "
            "WHERE 1 / (CASE WHEN namespace = 'others' THEN 0 ELSE 1 END) = 1"
        ).fetchall()
    assert rows == [("told",)]


def test_an_owner_sees_people_of_the_namespace_alone(postgres_dsn, connection, people) -> None:
    mine, _, _, owner = people
    with session(postgres_dsn, owner) as opened:
        for view in (*READER_VIEWS, *OWNER_VIEWS):
            rows = opened.execute(f"SELECT environment, namespace FROM insights.{view}").fetchall()
            assert rows == [(mine.environment, mine.namespace)], view
        assert opened.execute("SELECT name FROM insights.owner_people").fetchall() == [("Anna",)]
        for name in tables(connection):
            with pytest.raises(errors.InsufficientPrivilege):
                opened.execute(f"SELECT 1 FROM insights.{name}")


def test_summaries_of_before_are_not_told(postgres_dsn, connection, people) -> None:
    mine, _, reader, _ = people
    connection.execute(
        "DELETE FROM insights.told_cluster WHERE environment = %s", (mine.environment,)
    )
    connection.commit()
    with session(postgres_dsn, reader) as opened:
        assert opened.execute("SELECT * FROM insights.reader_publications").fetchall() == []


def test_the_secret_is_made_once_and_no_layer_is_replaced(connection) -> None:
    mine = f"noise-{uuid.uuid4().hex[:6]}", "people"
    first = open_ledger(connection, *mine, "a")
    assert len(first.secret) == 32
    assert open_ledger(connection, *mine, "b").secret == first.secret
    assert open_ledger(connection, mine[0], "others", "a").secret != first.secret
    add_layer(connection, *mine, "a", 0, {"factor": 1})
    add_layer(connection, *mine, "a", 0, {"factor": 2})
    assert open_ledger(connection, *mine, "a").layers == ({"factor": 1},)
    assert open_ledger(connection, *mine, "b").layers == ()
