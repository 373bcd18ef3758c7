"""A results store: a database and an object store together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from obstore.store import LocalStore, ObjectStore, from_url

__all__ = ["ResultsStore", "open_objects", "store_from_environment"]

_SIGNATURE_SECONDS = 270.0


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


def open_objects(address: str, *, patience: float = 2.0) -> ObjectStore:
    """Open an object store; credentials come from the environment.

    Args:
        address: `s3://`, `gs://`, `az://` or `file://`.
        patience: seconds for which a request is made again while the store does not answer; at
            most 270, as a signed request is void after 5 minutes.
    """
    if address.startswith("file://"):
        return LocalStore(Path(address.removeprefix("file://")), mkdir=True)
    options: dict[str, Any] = {
        "retry_config": {
            "max_retries": 1000,
            "retry_timeout": timedelta(seconds=min(patience, _SIGNATURE_SECONDS)),
            "backoff": {
                "init_backoff": timedelta(seconds=0.2),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        }
    }
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["client_options"] = {"allow_http": True}
    return from_url(address, **options)
