"""The small types of the API: bounded strings, names and quantities.

Every string has a length and every list a size, so that the API server can bound the cost of the
rules that look at them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

__all__ = [
    "ColumnName",
    "FieldName",
    "Fraction",
    "NonNegativeSeconds",
    "ObjectName",
    "PositiveSeconds",
    "Quantity",
    "ShortText",
    "Weight",
]

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=253)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
FieldName = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
]
ObjectName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
Quantity = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=20, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
    ),
]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
NonNegativeSeconds = Annotated[int, Field(ge=0, le=31_536_000)]
PositiveSeconds = Annotated[int, Field(ge=1, le=31_536_000)]
