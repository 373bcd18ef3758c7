"""The status of a run, made anew from what is known; never more than a summary."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from insights_crds.v1 import Summary
from insights_crds.v1.status import AnalysisRunStatus
from insights_operator.children.kinds import KINDS
from insights_operator.conditions import Fact, merge, stamp
from insights_operator.record import Attempt, Publication
from insights_operator.retries import failures
from insights_operator.tolerance import readable
from insights_operator.wish import Wish

__all__ = ["compose", "differs", "known_part", "only_progress_differs"]

_LONGEST_NAME = 253


def compose(
    old: Mapping[str, Any],
    facts: Mapping[str, Fact],
    *,
    generation: int,
    now: datetime,
    wish: Wish | None = None,
    attempt: Attempt | None = None,
    published: Publication | None = None,
) -> dict[str, Any]:
    """A status in its wire form.

    Args:
        old: the status so far; what is not known anew stays.
        facts: conditions to set.
        generation: of the spec that the status speaks of.
        now: the time of transitions.
        wish: what the run asks for; without it execution and summary stay as they were.
        attempt: the attempt to show.
        published: the result to show.
    """
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), facts, generation, now),
    }
    if wish is None:
        kept = {k: old[k] for k in ("execution", "progress", "summary") if k in old}
        return status | kept
    status["execution"] = _execution(wish, attempt, published)
    if attempt is not None and attempt.active and attempt.stage and published is None:
        percent = min(100, max(0, attempt.percent))
        status["progress"] = {"stage": attempt.stage[:_LONGEST_NAME], "percent": percent}
        if attempt.remaining_seconds is not None:
            status["progress"]["remainingSeconds"] = max(0, attempt.remaining_seconds)
    summary = readable(Summary, published.summary) if published is not None else None
    if summary is not None:
        # As the API server stores it: what differed would be written again and again.
        status["summary"] = _wire(summary)
    elif "summary" in old and (old.get("execution") or {}).get("key") == wish.key:
        # Results that are there stay to be seen while the same is computed once more.
        status["summary"] = old["summary"]
    return status


def known_part(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """A status without what this version does not know of it, as this version would write it."""
    known = readable(AnalysisRunStatus, status)
    return _wire(known) if known is not None and status else status


def differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a status is to be written.

    A field that only a newer CRD knows is no difference: it would be written at every look.
    """
    return new != old and new != known_part(old)


def only_progress_differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two statuses are alike but for how far the run is."""

    def rest(status: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in status.items() if key != "progress"}

    stage = [(status.get("progress") or {}).get("stage") for status in (old, new)]
    return rest(old) == rest(new) and stage[0] == stage[1]


def _wire(model: Summary | AnalysisRunStatus) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _execution(
    wish: Wish, attempt: Attempt | None, published: Publication | None
) -> dict[str, Any]:
    # Whole, as the API server stores it: a default that it adds would look like a difference.
    execution: dict[str, Any] = {
        "key": wish.key, "failures": failures(wish.tries), "attempt": 0
    }  # fmt: skip
    if wish.token is not None:
        execution["rerun"] = wish.token
    if attempt is not None:
        execution |= {"attempt": attempt.number, "child": attempt.child}
        if attempt.child_kind in KINDS:
            execution["childKind"] = attempt.child_kind
    elif published is not None:
        execution["attempt"] = published.attempt
    started = wish.tries[0].started if wish.tries else None
    if started is not None:
        execution["startTime"] = stamp(started)
    if published is not None:
        execution["completionTime"] = stamp(published.published)
    elif attempt is not None and not attempt.active and attempt.ended is not None:
        execution["completionTime"] = stamp(attempt.ended)
    return execution
