"""Whether rules speak of what the roster has: looked at before anything is computed.

A rule about a value that nobody has is kept by every team, or by none, and most often it is a value
that was mistyped.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from insights_crds.v1 import Constraint, Teams
from insights_workloads.disclosure.few import FEWEST

__all__ = [
    "Columns",
    "UnknownAttributeError",
    "UnknownValueError",
    "check_vocabulary",
    "number_text",
    "texts",
]

Columns = Callable[[str], pa.ChunkedArray]
"""Gives an attribute or feature of the roster by its name; raises KeyError if it has none."""

_ALIKE = 0.6
"""Similarity (Ratcliff and Obershelp, 0 to 1) from which a value is worth naming."""
_SLIP = 0.75
"""Similarity from which it is a slip, even where the rule has other values that people have."""


class UnknownAttributeError(Exception):
    """A rule names an attribute that the source does not declare, or of the wrong type."""


class UnknownValueError(Exception):
    """Rules name values that nobody in the roster has, or features that say nothing."""


def texts(column: pa.ChunkedArray, values: Sequence[str] = ()) -> tuple[pd.Series, list[str]]:
    """A column as text to compare, and values of a rule as they are to be compared with it.

    Numbers are compared as numbers: each is written so that no two are alike, and values of a rule
    are read as numbers first.

    Returns:
        Text, None where empty, and the values in the same form.
    """
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy()
        found = [number_text(v) if np.isfinite(v) else None for v in numbers.tolist()]
        return pd.Series(found, dtype=object), [_as_number(value) for value in values]
    return pd.Series(column.to_pylist(), dtype=object), list(values)


def number_text(value: float) -> str:
    """The shortest text of a number from which just that number is read again."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _as_number(value: str) -> str:
    try:
        return number_text(float(value))
    except ValueError:
        return value


def check_vocabulary(spec: Teams, columns: Columns) -> None:
    """Look at every attribute and value that rules name.

    Args:
        spec: `spec.teams`.
        columns: the roster's.

    Raises:
        UnknownAttributeError: some are not declared.
        UnknownValueError: nobody has some of the values; the message names each, and the value that
            is nearest where five people or more have that.
    """
    undeclared = []
    faults = []
    for rule in spec.constraints:
        for kind, attribute, values in _named(rule):
            try:
                column = columns(attribute)
            except KeyError:
                undeclared.append(f"spec.teams.constraints[{rule.name}] names `{attribute}`")
                continue
            found, wanted = texts(column, values)
            where = f"spec.teams.constraints[{rule.name}].{kind}"
            if not found.notna().any():
                faults.append(f"{where}: `{attribute}` is empty for everybody")
                continue
            faults += _unknown(where, attribute, values, wanted, found, rule)
    if undeclared:
        raise UnknownAttributeError(
            "; ".join(undeclared) + ", which spec.source does not declare; add it to "
            "spec.source.attributes"
        )
    if faults:
        raise UnknownValueError("; ".join(faults))


def _named(rule: Constraint) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, attribute and values of each part of a rule."""
    for kind, part in (
        ("atLeast", rule.at_least), ("atMost", rule.at_most),
        ("noLoneMinority", rule.no_lone_minority), ("keepTogether", rule.keep_together),
        ("keepApart", rule.keep_apart), ("eligible", rule.eligible),
        ("lockedPeople", rule.locked_people), ("lockedTeams", rule.locked_teams),
    ):  # fmt: skip
        if part is not None:
            yield kind, part.attribute, list(getattr(part, "values", ()))


def _unknown(
    where: str,
    attribute: str,
    values: Sequence[str],
    wanted: Sequence[str],
    found: pd.Series,
    rule: Constraint,
) -> Iterator[str]:
    counts = found.value_counts()
    some = any(value in counts.index for value in wanted)
    for value, compared in zip(values, wanted, strict=True):
        if compared in counts.index:
            continue
        if rule.no_lone_minority is not None:
            # Who there is of a minority is told to nobody.
            if not some:
                yield f"{where}.values: nobody has `{value}` as `{attribute}`"
            continue
        nearest, alike = _nearest(compared, [str(each) for each in counts.index])
        if some and alike < _SLIP:
            # Others of its values are there: this one may come again.
            continue
        said = f"{where}.values: nobody has `{value}` as `{attribute}`"
        if alike >= _ALIKE and counts[nearest] >= FEWEST:
            said += f", {int(counts[nearest]):,} have `{nearest}`"
        yield said


def _nearest(value: str, known: Sequence[str]) -> tuple[str, float]:
    """The known value that is most alike, whatever its case, and how much, 0 to 1."""
    best, most = "", 0.0
    for each in known:
        alike = difflib.SequenceMatcher(None, value.casefold(), each.casefold()).ratio()
        # `Eng` stands for `Engineering` more than its length says.
        if min(len(value), len(each)) >= 3 and (
            each.casefold().startswith(value.casefold())
            or value.casefold().startswith(each.casefold())
        ):
            alike = max(alike, _ALIKE)
        if alike > most:
            best, most = each, alike
    return best, most
