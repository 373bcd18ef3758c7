"""What a reader is told of a result, without a database: a secret and layers of the test's own."""

from __future__ import annotations

from insights_crds.v1 import ENERGIES
from insights_workloads.disclosure.noise import missing_layer, protect
from insights_workloads.disclosure.reader import Protected, ReaderContent, reader_content
from insights_workloads.provenance import Provenance
from insights_workloads.results.result import RunResult

__all__ = ["people", "told"]

SECRET = b"0123456789abcdef0123456789abcdef"


def people(result: RunResult, level: float = 1.0, layers: list | None = None) -> Protected:
    """What may be told of people; layers that are missing are added to those given."""
    names = tuple(dict.fromkeys([*ENERGIES, *result.clustering.features]))
    values = result.roster.matrix(names)
    if level <= 0:
        return Protected(names, values, 0.0)
    layers = [] if layers is None else layers
    more = missing_layer(values, names, level, layers)
    if more is not None:
        layers.append(more)
    ids = [str(one) for one in result.roster.column("id").to_pylist()]
    y = protect(values, names, ids, layers, secret=SECRET, source="test")
    return Protected(names, y, level)


def told(
    result: RunResult, provenance: Provenance, level: float = 1.0, layers: list | None = None
) -> ReaderContent:
    """Everything that a reader may see."""
    return reader_content(result, people(result, level, layers), provenance, "prefix")
