"""When a failed execution is tried again.

Attempts and failures are counted apart: every start raises the attempt, which only fences, but only
failures that a retry could mend count against the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from insights_crds.reasons import FailureClass
from insights_crds.v1 import Policy
from insights_operator.record import Attempt

__all__ = ["GiveUp", "StartAt", "failures", "next_try"]

_RESOURCE_RETRIES = 1
"""Running out of memory is retried once: another node, another moment may do; then it will not."""


@dataclass(frozen=True)
class StartAt:
    """Start an attempt, not before a time.

    Attributes:
        time: the earliest start, None for at once.
        failures: failures so far.
    """

    time: datetime | None
    failures: int


@dataclass(frozen=True)
class GiveUp:
    """The execution has failed.

    Attributes:
        last: the attempt whose end decided.
        failures: failures so far.
        exhausted: whether a retry might have helped but none is left.
    """

    last: Attempt
    failures: int
    exhausted: bool


def failures(tries: tuple[Attempt, ...]) -> int:
    """Failures that count against the limit."""
    return sum(
        attempt.failure is not None and attempt.failure is not FailureClass.DISPLACED
        for attempt in tries
    )


def next_try(tries: tuple[Attempt, ...], policy: Policy) -> StartAt | GiveUp:
    """What follows from the attempts so far, none of which is active.

    Args:
        tries: attempts at the same wish, oldest first.
        policy: `spec.policy` of the run.
    """
    failed = failures(tries)
    last = tries[-1] if tries else None
    if last is None or last.failure is FailureClass.DISPLACED or last.failure is None:
        return StartAt(None, failed)
    if last.failure is FailureClass.USER:
        return GiveUp(last, failed, exhausted=False)
    if last.failure is FailureClass.RESOURCE:
        spent = sum(attempt.failure is FailureClass.RESOURCE for attempt in tries)
        if spent > _RESOURCE_RETRIES:
            return GiveUp(last, failed, exhausted=True)
    if failed > policy.retries.limit:
        return GiveUp(last, failed, exhausted=True)
    backoff = policy.retries.backoff
    wait = min(float(backoff.max_seconds), backoff.base_seconds * 2.0 ** (failed - 1))
    ended = last.ended or last.started
    return StartAt(ended + timedelta(seconds=wait), failed)
