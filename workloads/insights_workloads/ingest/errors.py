"""A roster that cannot be used: one message that names the file, the field and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from insights_crds.reasons import FailureClass, Reason
from insights_workloads.ingest.columns import Wanted

__all__ = ["IngestError", "missing_columns"]

_LONGEST_NAME = 64
_NUMBER = re.compile(r"[+-]?[0-9.,]+%?$")


class IngestError(Exception):
    """The roster cannot be used.

    The message never holds a value of a person: it may reach a log and the status of a run.

    Attributes:
        reason: one word for machines.
        failure: whether trying again could help.
    """

    def __init__(
        self, reason: Reason, message: str, failure: FailureClass = FailureClass.USER
    ) -> None:
        """Say what is wrong with the roster and what to do about it."""
        super().__init__(message)
        self.reason = reason
        self.failure = failure


def missing_columns(origin: str, wanted: Sequence[Wanted], present: Sequence[str]) -> IngestError:
    """The columns that the spec names and the roster lacks, with the nearest that it has.

    What stands where column names should may be a person: a CSV file without a header, a table
    that was made from one, a line of JSON. It is quoted only where it is column names beyond doubt.
    """
    missing = [column for column in wanted if column.column not in present]
    listed = ", ".join(f"`{column.column}`" for column in missing)
    if not _are_names(wanted, present):
        fields = ", ".join(column.field for column in missing)
        return IngestError(
            Reason.NO_SUCH_COLUMN,
            f"{origin} has no column {listed}; where column names were wanted it has "
            f"{len(present):,} of something else, which may be people and is not shown; put a line "
            f"of column names above the rows, or correct {fields}",
        )
    lower = {name.lower().strip(): name for name in present}
    hints = []
    for column in missing:
        near = difflib.get_close_matches(column.column.lower(), lower, n=1, cutoff=0.6)
        hints.append(
            f"did you mean `{lower[near[0]]}`? Set {column.field} to it"
            if near
            else f"set {column.field} to one of them"
        )
    shown = ", ".join(f"`{name}`" for name in present[:12]) + (" …" if len(present) > 12 else "")
    return IngestError(
        Reason.NO_SUCH_COLUMN,
        f"{origin} has no column {listed}; it has {shown}; {'; '.join(hints)}",
    )


def _are_names(wanted: Sequence[Wanted], present: Sequence[str]) -> bool:
    """Whether these are column names: two or more are wanted ones, and none is a number.

    A row of people has numbers in it, and hardly ever one of the names of the columns.
    """
    known = {_folded(column.column) for column in wanted}
    known |= {_folded(column.name) for column in wanted}
    return len(known & {_folded(name) for name in present}) >= 2 and not any(
        "@" in name or len(name) > _LONGEST_NAME or _NUMBER.match(name.strip()) for name in present
    )


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
