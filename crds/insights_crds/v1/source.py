"""`spec.source`: where the roster is, what its columns mean, what happens to its bad rows."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from insights_crds.model import Model, Rule
from insights_crds.v1.scalars import ColumnName, FieldName, Fraction, ShortText

__all__ = [
    "ENERGIES",
    "Attribute",
    "Columns",
    "CsvDialect",
    "Feature",
    "InvalidRows",
    "PostgresQuery",
    "Source",
]

ENERGIES = ("red", "yellow", "green", "blue")
"""The personality energies, in the order in which everything here lists them."""


_TAKEN: frozenset[str] = frozenset(("id", "name", *ENERGIES))


class Columns(Model):
    """Which column of the roster holds what."""

    id: ColumnName = "id"
    """Column with the person's identifier: unique and not empty."""
    name: ColumnName | None = None
    """Column with the person's name. It stands only in what is the owner's."""
    red: ColumnName = "red"
    """Column with the red energy, 0 to 100."""
    yellow: ColumnName = "yellow"
    """Column with the yellow energy, 0 to 100."""
    green: ColumnName = "green"
    """Column with the green energy, 0 to 100."""
    blue: ColumnName = "blue"
    """Column with the blue energy, 0 to 100."""


class Feature(Model):
    """A further numeric column that clustering or teams may use as a measure."""

    name: FieldName
    """Name by which the rest of the spec refers to it."""
    column: ColumnName | None = None
    """Column of the roster; the feature's name where left out."""
    min: float | None = None
    """Smallest valid value. A row below it is invalid."""
    max: float | None = None
    """Largest valid value. A row above it is invalid."""
    optional: bool = False
    """Whether a row may lack the value. Such a person counts as average in this feature."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            lambda f: f.min is None or f.max is None or f.min <= f.max,
            "min must not be above max",
        ),
    )


class Attribute(Model):
    """A further column that constraints and reports may use: a department, a role, a cost."""

    name: FieldName
    """Name by which the rest of the spec refers to it."""
    column: ColumnName | None = None
    """Column of the roster; the attribute's name where left out."""
    type: Literal["String", "Number"] = "String"
    """How the column is read."""


class InvalidRows(Model):
    """What happens to rows that cannot be used."""

    action: Literal["Quarantine", "Fail"] = "Quarantine"
    """`Quarantine` leaves them out and lists them with their reasons; `Fail` ends the run."""
    max_invalid_fraction: Fraction = 0.05
    """Share of rows, 0 to 1, above which the run fails all the same."""


class CsvDialect(Model):
    """How a CSV file is written. What is left out is detected from the file."""

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    """Character between fields, such as `,` `;` `|` or a tab."""
    encoding: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    """Character encoding, such as `utf-8`, `utf-16` or `latin-1`."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers."""


class PostgresQuery(Model):
    """What to read from a Postgres database: a table or a query."""

    table: ShortText | None = None
    """Table or view, with its schema where needed: `hr.people`."""
    query: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = None
    """A SELECT. Rows are read in the order that it gives, so let it order them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.table) != has(self.query)",
            lambda p: (p.table is None) != (p.query is None),
            "exactly one of table and query must be set",
        ),
    )


class Source(Model):
    """The roster of people."""

    uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    """Path, or `s3://`, `gs://`, `az://`, `https://`, `postgresql://` address of the roster.

    A folder of Parquet files counts as one table. A relative path is relative to the file that
    holds the run. Credentials never stand here: they come from the environment or from Secrets.
    """
    format: Literal["Auto", "CSV", "Parquet", "Postgres"] = "Auto"
    """Format of the roster; `Auto` goes by the address and the first bytes."""
    csv: CsvDialect = CsvDialect()
    """How a CSV file is written, where detection is not wanted."""
    postgres: PostgresQuery | None = None
    """Table or query of a Postgres source."""
    columns: Columns = Columns()
    """Which column holds what."""
    features: Annotated[list[Feature], Field(max_length=64)] = []
    """Further numeric measures beside the four energies."""
    attributes: Annotated[list[Attribute], Field(max_length=64)] = []
    """Further columns for constraints and reports."""
    invalid_rows: InvalidRows = InvalidRows()
    """What happens to rows that cannot be used."""

    list_maps: ClassVar[dict[str, str]] = {"features": "name", "attributes": "name"}
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.uri.matches('^[a-z][a-z0-9+]*://[^/]*:[^/]*@')",
            lambda s: not _has_password(s.uri),
            "uri must not hold a password; credentials come from the environment",
        ),
        Rule(
            "!has(self.format) || self.format != 'Postgres' || has(self.postgres)",
            lambda s: s.format != "Postgres" or s.postgres is not None,
            "format Postgres needs postgres.table or postgres.query",
        ),
        Rule(
            "!has(self.features) || self.features.all(f, "
            "!(f.name in ['id', 'name', 'red', 'yellow', 'green', 'blue']))",
            lambda s: not {f.name for f in s.features} & _TAKEN,
            "features must not be called id, name, red, yellow, green or blue",
        ),
        Rule(
            "!has(self.attributes) || self.attributes.all(a, "
            "!(a.name in ['id', 'name', 'red', 'yellow', 'green', 'blue']))",
            lambda s: not {a.name for a in s.attributes} & _TAKEN,
            "attributes must not be called id, name, red, yellow, green or blue",
        ),
        Rule(
            "!has(self.features) || !has(self.attributes) || "
            "self.features.all(f, !self.attributes.exists(a, a.name == f.name))",
            lambda s: not {f.name for f in s.features} & {a.name for a in s.attributes},
            "a name must not be both a feature and an attribute",
        ),
    )


def _has_password(uri: str) -> bool:
    scheme, separator, rest = uri.partition("://")
    authority = rest.split("/", 1)[0]
    return bool(separator and scheme) and "@" in authority and ":" in authority.split("@", 1)[0]
