"""What a rule of the spec says, in words for somebody who has not read the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from insights_workloads.teams.vocabulary import number_text

__all__ = ["rule_words"]


def rule_words(rule: Mapping[str, Any]) -> str:
    """One sentence about a rule, in its wire form; empty where it says nothing that is known."""
    for kind, words in _KINDS.items():
        part = rule.get(kind)
        if isinstance(part, Mapping):
            types = rule.get("types")
            where = f" (in {_any_of(types)} teams)" if types else ""
            return f"{words(part)}{where}"
    return ""


def _bound(way: str) -> Any:
    def words(part: Mapping[str, Any]) -> str:
        if part.get("count") is not None:
            many = f"{part['count']:,} people"
        else:
            many = f"{100 * part['share']:.3g} % of the team"
        return f"{way} {many} with {part['attribute']} {_any_of(part['values'])}"

    return words


def _range(part: Mapping[str, Any]) -> str:
    low, high = part.get("min"), part.get("max")
    what = f"{'sum' if part['aggregate'] == 'Sum' else 'mean'} of {part['field']}"
    least, most = ("" if each is None else number_text(float(each)) for each in (low, high))
    if low is None:
        return f"{what} at most {most}"
    return f"{what} at least {least}" if high is None else f"{what} from {least} to {most}"


def _any_of(values: Sequence[str]) -> str:
    values = list(values)
    return " or ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _apart(part: Mapping[str, Any]) -> str:
    most = part.get("maxTogether", 1)
    return f"at most {most:,} of the same {part['attribute']} in a team"


_KINDS = {
    "atLeast": _bound("at least"),
    "atMost": _bound("at most"),
    "range": _range,
    "keepApart": _apart,
    "keepTogether": lambda part: f"people of the same {part['attribute']} stay together",
    "noLoneMinority": lambda part: f"nobody is the only one of their {part['attribute']}",
    "lockedPeople": lambda part: f"people stay in the team that {part['attribute']} names",
    "lockedTeams": lambda part: f"teams that {part['attribute']} names stay as they are",
    "eligible": lambda part: f"people join only teams that {part['attribute']} lists",
}
