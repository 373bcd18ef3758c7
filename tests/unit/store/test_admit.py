"""Letting a namespace into the results database, as the chart's init container does."""

from __future__ import annotations

import threading

import psycopg
import pytest

from insights_store.__main__ import main, password_variable
from insights_store.tenancy import Tenant


@pytest.fixture(autouse=True)
def environment(monkeypatch, postgres_dsn) -> None:
    monkeypatch.setenv("INSIGHTS_DATABASE_DSN", postgres_dsn)
    monkeypatch.setenv("INSIGHTS_ENVIRONMENT", "prod")


def roles(dsn: str, name: str) -> list[tuple[bool, bool, bool]]:
    """Whether it may log in, has a password, and may look past row security."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT rolcanlogin, rolpassword IS NOT NULL, rolbypassrls FROM pg_authid "
            "WHERE rolname = %s",
            (name,),
        ).fetchall()


def test_a_namespace_gets_a_role_of_its_own(postgres_dsn, monkeypatch) -> None:
    assert main(["admit", "team-one", "team-two"]) == 0
    assert roles(postgres_dsn, "driver_prod__team_one") == [(True, False, False)]
    monkeypatch.setenv(password_variable("team-one"), "secret")
    assert main(["admit", "team-one"]) == 0
    assert roles(postgres_dsn, "driver_prod__team_one") == [(True, True, False)]
    monkeypatch.delenv(password_variable("team-one"))
    # A Secret that is away for a moment takes no password away.
    assert main(["admit", "team-one"]) == 0
    assert roles(postgres_dsn, "driver_prod__team_one") == [(True, True, False)]


def test_replicas_may_do_it_at_once(postgres_dsn, monkeypatch) -> None:
    monkeypatch.setenv(password_variable("crowd"), "secret")
    said: list[int] = []
    threads = [
        threading.Thread(target=lambda: said.append(main(["admit", "crowd"]))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [0] * 6
    assert roles(postgres_dsn, Tenant("prod", "crowd").role) == [(True, True, False)]


def test_names_of_roles_are_told(capsys) -> None:
    assert main(["role", "team-one", "a--b"]) == 0
    assert capsys.readouterr().out.split() == [
        Tenant("prod", "team-one").role,
        Tenant("prod", "a--b").role,
    ]


@pytest.mark.parametrize("arguments", [[], ["admit"], ["role"], ["downgrade"], ["upgrade", "more"]])
def test_anything_else_is_refused(arguments, capsys) -> None:
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err
