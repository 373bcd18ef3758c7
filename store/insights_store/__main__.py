"""`python -m insights_store upgrade`: bring the results database up to date, and say nothing else.

It runs before each replica of the operator starts; waits while the database is not there yet.
"""

from __future__ import annotations

import os
import sys
import time

import psycopg

from insights_store.schema import upgrade

_PATIENCE_SECONDS = 300.0


def main(arguments: list[str]) -> int:
    """Do it; returns the exit code."""
    dsn = os.environ.get("INSIGHTS_DATABASE_DSN")
    if arguments != ["upgrade"] or not dsn:
        print("usage: INSIGHTS_DATABASE_DSN=… python -m insights_store upgrade", file=sys.stderr)
        return 2
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            upgrade(dsn)
        except psycopg.OperationalError as error:
            # Its text names host and user, which the Secret holds; its kind says enough.
            if time.monotonic() > deadline:
                print(f"the results database cannot be reached: {type(error).__name__}")
                return 1
            time.sleep(2.0)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
