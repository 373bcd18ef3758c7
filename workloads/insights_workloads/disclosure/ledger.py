"""What may be told of the people of a source, with the noise that is kept in the database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import psycopg

from insights_crds.v1 import ENERGIES, Source
from insights_store import protection
from insights_workloads.disclosure.noise import Layer, missing_layer, protect
from insights_workloads.disclosure.reader import Protected
from insights_workloads.ingest import Roster

__all__ = ["protected_people", "source_name"]


def source_name(source: Source) -> str:
    """What tells a source from others: its address without query, and its table or query."""
    address = source.uri.partition("?")[0].partition("#")[0]
    asked = None if source.postgres is None else source.postgres.model_dump(exclude_none=True)
    text = json.dumps([address, asked, source.columns.id], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def protected_people(
    connection: psycopg.Connection,
    tenant: tuple[str, str],
    source: Source,
    roster: Roster,
    features: list[str],
    level: float,
) -> Protected:
    """What may be told of people. Where their noise is not enough, more of it is added for good.

    Args:
        connection: to the results database, outside a transaction.
        tenant: environment and namespace.
        source: where the people come from.
        roster: the people.
        features: those of the clustering; the energies are told of always.
        level: `spec.results.privacy`; 0 tells people as they are.
    """
    names = list(dict.fromkeys([*ENERGIES, *features]))
    values = roster.matrix(names)
    if level <= 0:
        return Protected(tuple(names), values, 0.0)
    environment, namespace = tenant
    called = source_name(source)
    while True:
        ledger = protection.open_ledger(connection, environment, namespace, called)
        layers = [_layer(each) for each in ledger.layers]
        # What was told with more noise is not told with less: the difference would be the noise.
        level = max([level, *(float(each["level"]) for each in ledger.layers)])
        more = missing_layer(values, names, level, layers)
        if more is None:
            break
        protection.add_layer(
            connection, environment, namespace, called, len(layers), _wire(more, level)
        )
    ids = [str(one) for one in roster.column("id").to_pylist()]
    told = protect(values, names, ids, layers, secret=ledger.secret, source=called)
    return Protected(tuple(names), told, level)


def _layer(wire: Mapping[str, Any]) -> Layer:
    return Layer(
        tuple(wire["features"]),
        np.array(wire["factor"], dtype=np.float64).reshape(len(wire["features"]), -1),
        np.array([-np.inf if each is None else each for each in wire["low"]]),
        np.array([np.inf if each is None else each for each in wire["high"]]),
    )


def _wire(layer: Layer, level: float) -> dict[str, Any]:
    def bounds(values: np.ndarray) -> list[float | None]:
        return [float(each) if np.isfinite(each) else None for each in values]

    return {
        "level": level,
        "features": list(layer.features),
        "factor": layer.factor.tolist(),
        "low": bounds(layer.low),
        "high": bounds(layer.high),
    }
