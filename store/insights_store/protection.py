"""What the noise is made of that protects people from readers: a secret, and layers of noise.

Both are made at the first use and kept for good: a namespace has one secret, a source has layers
that are only ever added. The role of a namespace's drivers may read and add them; readers may not.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

__all__ = ["Ledger", "add_layer", "open_ledger"]

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Ledger:
    """The noise of a source.

    Attributes:
        secret: of the namespace.
        layers: what was added, in its order, as JSON objects.
    """

    secret: bytes
    layers: tuple[Mapping[str, Any], ...]


def open_ledger(
    connection: psycopg.Connection, environment: str, namespace: str, source: str
) -> Ledger:
    """The noise of a source as it is now. The secret is made where there is none.

    Args:
        connection: to the results database, outside a transaction.
        environment: of the tenant.
        namespace: of the tenant.
        source: name of the source.
    """
    tenant = {"environment": environment, "namespace": namespace, "source": source}
    with connection.transaction():
        # Whoever comes second keeps what the first has made.
        connection.execute(
            "INSERT INTO insights.noise_secret (environment, namespace, secret) "
            "VALUES (%(environment)s, %(namespace)s, %(secret)s) ON CONFLICT DO NOTHING",
            tenant | {"secret": secrets.token_bytes(_SECRET_BYTES)},
        )
    with connection.transaction():
        row = connection.execute(
            "SELECT secret FROM insights.noise_secret "
            "WHERE environment = %(environment)s AND namespace = %(namespace)s",
            tenant,
        ).fetchone()
        layers = connection.execute(
            "SELECT layer FROM insights.noise_layer WHERE environment = %(environment)s "
            "AND namespace = %(namespace)s AND source = %(source)s ORDER BY number",
            tenant,
        ).fetchall()
    assert row is not None  # noqa: S101 (it was made above, and is never removed)
    return Ledger(bytes(row[0]), tuple(layer for (layer,) in layers))


def add_layer(
    connection: psycopg.Connection,
    environment: str,
    namespace: str,
    source: str,
    number: int,
    layer: Mapping[str, Any],
) -> None:
    """Add a layer, unless another driver has added one of this number meanwhile.

    Args:
        connection: to the results database, outside a transaction.
        environment: of the tenant.
        namespace: of the tenant.
        source: name of the source.
        number: how many there were before.
        layer: a JSON object.
    """
    with connection.transaction():
        connection.execute(
            "INSERT INTO insights.noise_layer (environment, namespace, source, number, layer) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (environment, namespace, source, number, Jsonb(dict(layer))),
        )
