"""A results store: a database and an object store together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obstore.store import LocalStore, ObjectStore, from_url

__all__ = ["ResultsStore", "open_objects", "store_from_environment"]


@dataclass(frozen=True)
class ResultsStore:
    """Where results go.

    Attributes:
        dsn: connection string of the database, of libpq.
        objects: address of the object store: `s3://`, `gs://`, `az://` or `file://`.
    """

    dsn: str
    objects: str


def store_from_environment() -> ResultsStore:
    """The store that the environment names.

    Raises:
        KeyError: a variable is missing; the message names it.
    """
    return ResultsStore(
        dsn=os.environ["INSIGHTS_DATABASE_DSN"], objects=os.environ["INSIGHTS_OBJECT_STORE"]
    )


def open_objects(address: str) -> ObjectStore:
    """Open an object store; credentials come from the environment."""
    if address.startswith("file://"):
        return LocalStore(Path(address.removeprefix("file://")), mkdir=True)
    options: dict[str, Any] = {}
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["client_options"] = {"allow_http": True}
    return from_url(address, **options)
