"""What of a summary may stand in a status, in metrics and in what any reader may see.

A status is read with `kubectl` by everybody who may see runs, is kept by etcd and git, and becomes
metrics. Every field is listed here with what becomes of it; one that is not listed is not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from insights_workloads.disclosure.few import FEWEST
from insights_workloads.disclosure.figures import rounded

__all__ = ["FIELDS", "told_summary"]


def _as_it_is(value: Any) -> Any:
    return value


def _hundredths(value: float) -> float:
    return round(value, 2)


def _fives(people: int) -> int:
    """A count of some people, to the nearest five: one that changed place is nobody's business."""
    return round(people / FEWEST) * FEWEST


def _balance(balance: Mapping[str, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in balance.items()}


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "people": change["people"],
        "moved": _fives(change["moved"]),
        "adjustedRand": _hundredths(change["adjustedRand"]),
    }


def _plans(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        plan
        | {"objectives": [each | {"value": rounded(each["value"])} for each in plan["objectives"]]}
        for plan in plans
    ]


FIELDS: Mapping[str, Callable[[Any], Any] | None] = MappingProxyType(
    {
        "people": _as_it_is,
        "rejectedRows": _as_it_is,
        "clusters": _as_it_is,
        "clustersBecause": _as_it_is,
        "silhouette": _hundredths,
        "stability": _hundredths,
        "clusterChange": _change,
        "teams": _as_it_is,
        "balance": _balance,
        # Of one team, which is of few people.
        "worstTeamDistance": None,
        # Counted anew, without confidential rules.
        "softRulesBroken": None,
        # How many rules, and not whom or how many people they concern.
        "hardRulesBroken": _as_it_is,
        "stageSeconds": _as_it_is,
        "reproducible": _as_it_is,
        "tradeOffs": _plans,
        "links": _as_it_is,
    }
)
"""What becomes of each field of a summary; None where it is not told."""


def told_summary(summary: Mapping[str, Any], soft_rules_broken: int | None) -> dict[str, Any]:
    """`status.summary` as anybody may see it, in its wire form.

    Args:
        summary: as it is.
        soft_rules_broken: open rules among those that the teams do not wholly obey, None where no
            teams were formed.
    """
    told = {}
    for name, value in summary.items():
        become = FIELDS.get(name)
        if become is not None:
            told[name] = become(value)
    if soft_rules_broken is not None:
        told["softRulesBroken"] = soft_rules_broken
    return told
