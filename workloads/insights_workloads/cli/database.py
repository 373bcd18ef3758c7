"""`insights db`: the schema of a results database."""

from __future__ import annotations

from typing import Annotated

import psycopg
import typer

from insights_store import schema
from insights_workloads.cli.console import ExitCode, fail, out

__all__ = ["database"]

database = typer.Typer(name="db", help="The schema of a results database.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """The schema of a results database."""


@database.command()
def upgrade(
    dsn: Annotated[
        str,
        typer.Option(
            envvar="INSIGHTS_DATABASE_DSN",
            help="Connection string of libpq. Give the password by PGPASSWORD.",
        ),
    ],
) -> None:
    """Bring the schema up to date. Safe to run at any time, by any number of processes."""
    try:
        schema.upgrade(dsn)
    except (psycopg.Error, OSError) as error:
        fail(
            f"the database cannot be upgraded ({type(error).__name__}); check the address, the "
            "user's rights and PGPASSWORD",
            ExitCode.FAILED,
        )
    out.print("the schema is up to date")
