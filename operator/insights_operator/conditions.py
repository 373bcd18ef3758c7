"""Conditions as Kubernetes' API conventions want them: what holds, since when, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from insights_crds.reasons import Reason

__all__ = ["TYPES", "Fact", "condition", "merge", "stamp"]

TYPES = (
    "Accepted",
    "Suspended",
    "ClusterReady",
    "ResultsPublished",
    "Succeeded",
    "Finished",
    "ResultsErased",
)
"""Types of condition, in the order in which a status lists them."""

_LONGEST_MESSAGE = 1024
_LONGEST_REASON = 63
_NO_REASON = "Other"
"""For what a driver called something that the API server would not take as a reason."""


@dataclass(frozen=True)
class Fact:
    """What is to be said of one type of condition.

    Attributes:
        status: whether it holds.
        reason: one word for machines.
        message: a sentence for a person.
    """

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def merge(
    old: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Fact],
    generation: int,
    now: datetime,
    types: Sequence[str] = TYPES,
) -> list[dict[str, Any]]:
    """Conditions after new facts, in their wire form.

    A time of transition changes only with its status. A type without a new fact stays as it was.

    Args:
        old: conditions so far.
        facts: by type of condition.
        generation: of the spec that the facts speak of.
        now: the time of a transition.
        types: of condition, in the order of the list; those of a run by default.
    """
    before = {str(each["type"]): each for each in old}
    merged = []
    for kind in types:
        fact = facts.get(kind)
        last = before.get(kind)
        if fact is None:
            if last is not None:
                merged.append(dict(last))
            continue
        since = (
            last["lastTransitionTime"]
            if last is not None and last["status"] == fact.status
            else stamp(now)
        )
        merged.append(
            {
                "type": kind,
                "status": fact.status,
                "observedGeneration": generation,
                "lastTransitionTime": since,
                "reason": _word(fact.reason),
                "message": fact.message[:_LONGEST_MESSAGE],
            }
        )
    return merged


def _word(reason: Reason | str) -> str:
    said = str(reason.value if isinstance(reason, Reason) else reason)
    word = re.sub(r"[^A-Za-z0-9_]", "", said)[:_LONGEST_REASON]
    return word if word[:1].isalpha() else _NO_REASON


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of a type in a status, if it has one."""
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), None)


def stamp(time: datetime) -> str:
    """A time as Kubernetes writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
