"""The columns that a spec needs of a roster, and what each must hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from insights_crds.v1 import ENERGIES, Source

__all__ = ["Wanted", "wanted_columns"]


@dataclass(frozen=True)
class Wanted:
    """A column that the spec needs.

    Attributes:
        name: name by which the engine calls it.
        column: its name in the roster.
        field: field of the spec that names it, for messages.
        role: what it is for.
        number: whether it holds numbers.
        low: smallest valid number, None for no bound.
        high: largest valid number, None for no bound.
        optional: whether a row may lack a value.
    """

    name: str
    column: str
    field: str
    role: Literal["id", "name", "feature", "attribute"]
    number: bool
    low: float | None = None
    high: float | None = None
    optional: bool = False


def wanted_columns(source: Source) -> tuple[Wanted, ...]:
    """The columns that a source must have, the identifier first."""
    columns = source.columns
    wanted = [Wanted("id", columns.id, "spec.source.columns.id", "id", number=False)]
    if columns.name is not None:
        wanted.append(
            Wanted(
                "name",
                columns.name,
                "spec.source.columns.name",
                "name",
                number=False,
                optional=True,
            )
        )
    wanted += [
        Wanted(
            energy,
            getattr(columns, energy),
            f"spec.source.columns.{energy}",
            "feature",
            number=True,
            low=0.0,
            high=100.0,
        )
        for energy in ENERGIES
    ]
    wanted += [
        Wanted(
            feature.name,
            feature.column or feature.name,
            f"spec.source.features[{at}].column",
            "feature",
            number=True,
            low=feature.min,
            high=feature.max,
            optional=feature.optional,
        )
        for at, feature in enumerate(source.features)
    ]
    wanted += [
        Wanted(
            attribute.name,
            attribute.column or attribute.name,
            f"spec.source.attributes[{at}].column",
            "attribute",
            number=attribute.type == "Number",
            optional=True,
        )
        for at, attribute in enumerate(source.attributes)
    ]
    return tuple(wanted)
