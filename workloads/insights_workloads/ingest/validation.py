"""Which rows are people, and what is wrong with the others.

Whole columns at a time, in Arrow and numpy: nothing here loops over rows in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted
from insights_workloads.ingest.text import lossy, usable_text

__all__ = ["REJECTED_SCHEMA", "Fault", "Validated", "rejected_rows", "roster_schema", "validate"]

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"^(?i:[+-]?(nan|inf|infinity))$"
_LONGEST_VALUE = 100
# An index of Postgres takes keys of up to 2,704 bytes, a cell of a spreadsheet 32,767 characters.
_LONGEST_ID = 1024
_LONGEST_TEXT = 32_767


class Fault(StrEnum):
    """What is wrong with a row."""

    EMPTY_ID = "EmptyId"
    """The identifier is missing or empty."""
    DUPLICATE_ID = "DuplicateId"
    """An earlier row has the same identifier."""
    MISSING_VALUE = "MissingValue"
    """A value that must be there is not."""
    NOT_A_NUMBER = "NotANumber"
    """A number was wanted and something else stands there."""
    NOT_FINITE = "NotFinite"
    """NaN or infinity."""
    OUT_OF_RANGE = "OutOfRange"
    """A number outside the range of its column."""
    UNUSABLE_TEXT = "UnusableText"
    """Bytes that are not text in UTF-8, or the character NUL, which databases do not take."""
    TOO_LONG = "TooLong"
    """An identifier of more than 1,024 bytes, or another text of more than 32,767."""
    BROKEN_ROW = "BrokenRow"
    """The row has more or fewer columns than the header."""


REJECTED_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.string()),
    ]
)
"""Rejected rows: data row number from 1, column of the roster, `Fault`, what stood there."""


@dataclass(frozen=True)
class Validated:
    """A batch, sorted into people and the rest.

    Attributes:
        people: accepted rows, by the schema of `roster_schema`.
        rejected: by `REJECTED_SCHEMA`; one line for each fault, so a row may have several.
    """

    people: pa.RecordBatch
    rejected: pa.RecordBatch


def roster_schema(wanted: Sequence[Wanted]) -> pa.Schema:
    """Columns of accepted people, by the names of the spec, with the source's row number."""
    return pa.schema(
        [
            *(
                pa.field(column.name, pa.float64() if column.number else pa.string())
                for column in wanted
            ),
            pa.field("row", pa.int64(), nullable=False),
        ]
    )


def validate(batch: Batch, wanted: Sequence[Wanted], decimal: str = ".") -> Validated:
    """Sort the rows of a batch into people and rows that cannot be used.

    Args:
        batch: raw rows.
        wanted: the columns and what each must hold.
        decimal: decimal mark of numbers that are written as text.
    """
    count = len(batch.rows)
    bad = np.zeros(count, dtype=bool)
    columns: list[pa.Array] = []
    faults: list[pa.RecordBatch] = [
        rejected_rows(batch.broken, "", Fault.BROKEN_ROW, [None] * len(batch.broken))
    ]
    for column in wanted:
        raw = batch.columns[column.column]
        if column.number:
            values, found = _numbers(raw, column, decimal)
        else:
            values, found = _strings(raw, column)
        columns.append(values)
        for fault, mask in found:
            if mask.any():
                bad |= mask
                shown = _shown(raw.filter(pa.array(mask)))
                faults.append(rejected_rows(batch.rows[mask], column.column, fault, shown))
    people = pa.record_batch([*columns, pa.array(batch.rows)], schema=roster_schema(wanted))
    rejected = pa.Table.from_batches(faults).combine_chunks()
    return Validated(
        people.filter(pa.array(~bad)),
        (rejected.to_batches() or [pa.record_batch([[]] * 4, schema=REJECTED_SCHEMA)])[0],
    )


def rejected_rows(
    rows: Sequence[int] | np.ndarray, column: str, fault: Fault, values: Sequence[str | None]
) -> pa.RecordBatch:
    """Lines of the table of rejected rows that share a column and a fault."""
    count = len(rows)
    return pa.record_batch(
        [
            pa.array(rows, pa.int64()),
            pa.array([column] * count, pa.string()),
            pa.array([fault.value] * count, pa.string()),
            pa.array(values, pa.string()),
        ],
        schema=REJECTED_SCHEMA,
    )


def _strings(raw: pa.Array, column: Wanted) -> tuple[pa.Array, list[tuple[Fault, np.ndarray]]]:
    text, unusable = usable_text(raw)
    text = pc.utf8_trim_whitespace(text)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    longest = _LONGEST_ID if column.role == "id" else _LONGEST_TEXT
    faults = [
        (Fault.UNUSABLE_TEXT, unusable),
        (Fault.TOO_LONG, _mask(pc.greater(pc.binary_length(text), longest))),
    ]
    if pa.types.is_floating(raw.type):
        # Whoever is in no group has no value; "nan" would be one.
        faults.append((Fault.NOT_FINITE, _mask(pc.match_substring_regex(text, _NOT_FINITE))))
    if column.role == "id":
        faults.append((Fault.EMPTY_ID, _mask(pc.is_null(text)) & ~unusable))
    return text, faults


def _numbers(
    raw: pa.Array, column: Wanted, decimal: str
) -> tuple[pa.Array, list[tuple[Fault, np.ndarray]]]:
    kind = raw.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = pc.cast(raw, pa.float64(), safe=False)
        missing = _mask(pc.is_null(values))
        garbled = np.zeros(len(values), dtype=bool)
        words = np.zeros(len(values), dtype=bool)
    else:
        text, unusable = usable_text(raw)
        text = pc.fill_null(pc.utf8_trim_whitespace(text), "")
        if decimal != ".":
            text = pc.replace_substring(text, decimal, ".")
        missing = _mask(pc.equal(text, "")) & ~unusable
        numeric = pc.match_substring_regex(text, _NUMBER)
        words = _mask(pc.match_substring_regex(text, _NOT_FINITE))
        garbled = ~_mask(numeric) & ~missing & ~words
        values = pc.cast(pc.if_else(numeric, text, pa.scalar(None, pa.string())), pa.float64())
    numbers = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
    infinite = words | (~np.isfinite(numbers) & ~missing)
    known = ~(missing | garbled | infinite)
    outside = np.zeros(len(numbers), dtype=bool)
    if column.low is not None:
        outside |= known & (numbers < column.low)
    if column.high is not None:
        outside |= known & (numbers > column.high)
    faults = [
        (Fault.NOT_A_NUMBER, garbled),
        (Fault.NOT_FINITE, infinite),
        (Fault.OUT_OF_RANGE, outside),
    ]
    if not column.optional:
        faults.insert(0, (Fault.MISSING_VALUE, missing))
    # A value that is not there is null, whatever stood in its place.
    return pa.array(numbers, pa.float64(), mask=~known), faults


def _shown(raw: pa.Array) -> list[str | None]:
    return [None if value is None else value[:_LONGEST_VALUE] for value in lossy(raw)]


def _mask(condition: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(condition, False).to_numpy(zero_copy_only=False))
