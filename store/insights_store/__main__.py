"""`python -m insights_store upgrade | admit NAMESPACE…`: make the results database ready.

It runs before each replica of the operator starts; waits while the database is not there yet, and
says nothing where all is well.
"""

from __future__ import annotations

import os
import sys
import time

import psycopg

from insights_store.schema import admit_namespace, upgrade

__all__ = ["main", "password_variable", "role_name"]

_PATIENCE_SECONDS = 300.0


def main(arguments: list[str]) -> int:
    """Do it; returns the exit code."""
    dsn = os.environ.get("INSIGHTS_DATABASE_DSN")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while dsn:
        try:
            match arguments:
                case ["upgrade"]:
                    upgrade(dsn)
                case ["admit", first, *more]:
                    _admit(dsn, [first, *more])
                case _:
                    break
        except psycopg.OperationalError as error:
            # Its text names host and user, which the Secret holds; its kind says enough.
            if time.monotonic() > deadline:
                print(f"the results database cannot be reached: {type(error).__name__}")
                return 1
            time.sleep(2.0)
        else:
            return 0
    print(
        "usage: INSIGHTS_DATABASE_DSN=… python -m insights_store upgrade | admit NAMESPACE…",
        file=sys.stderr,
    )
    return 2


def role_name(namespace: str) -> str:
    """Name of the role that drivers of a namespace use."""
    return f"driver_{namespace.replace('-', '_')}"


def password_variable(namespace: str) -> str:
    """Name of the variable with that role's password."""
    return f"INSIGHTS_PASSWORD_{namespace.replace('-', '_').upper()}"


def _admit(dsn: str, namespaces: list[str]) -> None:
    with psycopg.connect(dsn) as connection:
        for namespace in namespaces:
            password = os.environ.get(password_variable(namespace)) or None
            admit_namespace(connection, role_name(namespace), namespace, password)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
