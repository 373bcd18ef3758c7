"""The folder in which `insights run` keeps everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ENVIRONMENT", "NAMESPACE", "HomeOption"]

ENVIRONMENT = "local"
NAMESPACE = "default"

HomeOption = Annotated[
    Path,
    typer.Option(
        envvar="INSIGHTS_HOME",
        help="Folder for the database and the results. Delete it to delete everything.",
    ),
]
