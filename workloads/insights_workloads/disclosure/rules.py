"""Which rules nobody but the owner is told the outcome of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CONFIDENTIAL", "confidential_rules", "is_open"]

CONFIDENTIAL = ("keepApart", "noLoneMinority")
"""Rules about conflicts and minorities: nobody is told that one of them was a reason, whether it is
kept, or in how many teams it is not."""


def is_open(rule: Mapping[str, Any]) -> bool:
    """Whether what a rule says, in its wire form, may be told to any reader."""
    return not any(kind in rule for kind in CONFIDENTIAL)


def confidential_rules(spec: Mapping[str, Any]) -> frozenset[str]:
    """Names of the confidential rules of a run's spec."""
    rules: Sequence[Mapping[str, Any]] = (spec.get("teams") or {}).get("constraints") or ()
    return frozenset(str(rule.get("name")) for rule in rules if not is_open(rule))
