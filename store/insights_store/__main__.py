"""`python -m insights_store upgrade | admit NAMESPACE…`: make the results database ready.

`role NAMESPACE…` says the names of the roles that `admit` makes. `release` lets an environment go
whose cluster is gone for good, so that the next operator that starts takes it.

It runs before each replica of the operator starts; waits while the database is not there yet, and
says nothing where all is well.
"""

from __future__ import annotations

import os
import sys
import time

import psycopg

from insights_store import statements
from insights_store.schema import upgrade
from insights_store.tenancy import RoleTakenError, Tenant, admit

__all__ = ["main", "password_variable"]

_PATIENCE_SECONDS = 300.0


def main(arguments: list[str]) -> int:
    """Do it; returns the exit code."""
    dsn = os.environ.get("INSIGHTS_DATABASE_DSN")
    environment = os.environ.get("INSIGHTS_ENVIRONMENT")
    if environment and arguments[:1] == ["role"] and arguments[1:]:
        for namespace in arguments[1:]:
            print(Tenant(environment, namespace).role)
        return 0
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while dsn:
        try:
            match arguments:
                case ["upgrade"]:
                    upgrade(dsn)
                case ["admit", first, *more] if environment:
                    _admit(dsn, environment, [first, *more])
                case ["release"] if environment:
                    with psycopg.connect(dsn) as connection:
                        connection.execute(
                            statements.RELEASE_ENVIRONMENT, {"environment": environment}
                        )
                case _:
                    break
        except psycopg.OperationalError as error:
            # Its text names host and user, which the Secret holds; its kind says enough.
            if time.monotonic() > deadline:
                print(f"the results database cannot be reached: {type(error).__name__}")
                return 1
            time.sleep(2.0)
        except RoleTakenError as error:
            print(error, file=sys.stderr)
            return 1
        else:
            return 0
    print(
        "usage: INSIGHTS_DATABASE_DSN=… python -m insights_store upgrade\n"
        "       INSIGHTS_DATABASE_DSN=… INSIGHTS_ENVIRONMENT=… python -m insights_store admit "
        "NAMESPACE… | release\n"
        "       INSIGHTS_ENVIRONMENT=… python -m insights_store role NAMESPACE…",
        file=sys.stderr,
    )
    return 2


def password_variable(namespace: str) -> str:
    """Name of the variable with that role's password."""
    return f"INSIGHTS_PASSWORD_{namespace.replace('-', '_').upper()}"


def _admit(dsn: str, environment: str, namespaces: list[str]) -> None:
    with psycopg.connect(dsn) as connection:
        for namespace in namespaces:
            password = os.environ.get(password_variable(namespace)) or None
            admit(connection, Tenant(environment, namespace), password)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
