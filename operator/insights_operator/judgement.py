"""Whether an active attempt still has a chance.

A published result decides success, whatever the child says. This decides everything else: a child
that ended without one, a driver that fell silent, a start or a run that took too long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import Policy
from insights_operator import naming
from insights_operator.children.state import ChildPhase, ChildState
from insights_operator.observed import Refusal
from insights_operator.readiness import Obstacle, obstacle, out_of_memory, pods_lost
from insights_operator.record import Attempt

__all__ = ["EVENTS_AFTER", "Alive", "Over", "judge", "spent"]

EVENTS_AFTER = timedelta(seconds=15)
"""How long a start may take before Events about its objects are read, and read again."""

_CLOCK_SKEW = 5.0
"""Seconds by which the clocks of Postgres and the API server may differ."""


@dataclass(frozen=True)
class Alive:
    """The attempt goes on.

    Attributes:
        phase: where its child is.
        driving: whether its driver was heard.
        obstacle: what keeps it from starting, if known.
        deadline: when it must be judged again if nothing happens.
    """

    phase: ChildPhase
    driving: bool
    obstacle: Obstacle | None
    deadline: datetime


@dataclass(frozen=True)
class Over:
    """The attempt is over.

    Attributes:
        failure: whose fault it was.
        reason: CamelCase.
        message: a sentence for a person.
    """

    failure: FailureClass
    reason: str
    message: str


def judge(
    attempt: Attempt,
    child: Mapping[str, Any] | None,
    state: ChildState,
    *,
    pods: Sequence[Mapping[str, Any]],
    clusters: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
    refusal: Refusal | None,
    policy: Policy,
    earlier: timedelta,
    heartbeat_timeout: float,
    now: datetime,
) -> Alive | Over:
    """Judge an active attempt that has published nothing.

    Args:
        attempt: the attempt.
        child: its child, None if it is not there.
        state: what the child says about itself.
        pods: pods of this attempt.
        clusters: RayClusters of this attempt.
        events: Events about its objects, where they were asked for.
        refusal: why the API server did not admit the child, where that is why it is not there.
        policy: `spec.policy` of the run.
        earlier: what earlier attempts at the same took, see `spent`.
        heartbeat_timeout: seconds of silence after which a driver counts as dead.
        now: on the clock of `attempt.started`.
    """
    if child is None and attempt.claims:
        return Over(
            FailureClass.TRANSIENT, "ChildGone", f"{attempt.child} was deleted while it ran"
        )
    if state.phase is ChildPhase.ENDED_BADLY:
        return _ended_badly(attempt, state, pods)
    if state.phase is ChildPhase.REFUSED:
        said = state.message or state.reason
        return Over(FailureClass.USER, "ChildRefused", f"{attempt.child} was refused: {said}")
    if state.phase is ChildPhase.ENDED_WELL:
        return Over(
            FailureClass.TRANSIENT,
            "NoResults",
            f"{attempt.child} says that it succeeded, but published nothing",
        )
    queued = state.phase is ChildPhase.QUEUED
    if not queued and pods_lost(pod for pod in pods if _drives(pod)):
        # Told while the pod is still there: once it is gone, nobody knows why it went.
        return Over(
            FailureClass.DISPLACED, "PodsLost", f"the driver's pod of {attempt.child} is evicted"
        )
    driving = _heard(attempt, child, now) and not queued
    if driving and attempt.silence is not None and attempt.silence > heartbeat_timeout:
        return Over(
            FailureClass.DISPLACED if pods_lost(pods) else FailureClass.TRANSIENT,
            "HeartbeatLost",
            f"the driver was not heard for {attempt.silence:.0f} s",
        )
    known = None if driving or queued else obstacle(pods, clusters, events)
    if refusal is not None:
        known = Obstacle(Reason.CHILD_NOT_ADMITTED.value, refusal.message)
    if known is not None and known.hopeless:
        return Over(FailureClass.USER, known.reason, known.message)
    return _within_deadlines(
        attempt, child, state, known, driving=driving, policy=policy, earlier=earlier, now=now
    )


def spent(tries: Sequence[Attempt]) -> timedelta:
    """What ended attempts took."""
    return sum(
        (attempt.ended - attempt.started for attempt in tries if attempt.ended is not None),
        timedelta(),
    )


def _ended_badly(attempt: Attempt, state: ChildState, pods: Sequence[Mapping[str, Any]]) -> Over:
    said = f": {state.message}" if state.message else ""
    if out_of_memory(pods):
        found = obstacle(pods)
        detail = found.message if found else f"{attempt.child} ran out of memory"
        return Over(FailureClass.RESOURCE, "OutOfMemory", detail)
    if pods_lost(pods):
        return Over(
            FailureClass.DISPLACED, "PodsLost", f"{attempt.child} lost a pod with its node{said}"
        )
    found = obstacle(pods)
    detail = found.message if found else f"{attempt.child} failed{said}"
    return Over(FailureClass.TRANSIENT, state.reason or "ChildFailed", detail)


def _within_deadlines(
    attempt: Attempt,
    child: Mapping[str, Any] | None,
    state: ChildState,
    known: Obstacle | None,
    *,
    driving: bool,
    policy: Policy,
    earlier: timedelta,
    now: datetime,
) -> Alive | Over:
    if state.phase is ChildPhase.QUEUED:
        if policy.queue_deadline_seconds is None:
            return Alive(state.phase, driving, None, now + timedelta(hours=1))
        deadline = attempt.started + timedelta(seconds=policy.queue_deadline_seconds)
        if now >= deadline:
            return Over(
                FailureClass.USER,
                "QueueDeadlineExceeded",
                f"it waited in its queue for {policy.queue_deadline_seconds} s; raise "
                "spec.policy.queueDeadlineSeconds or choose another queue",
            )
        return Alive(state.phase, driving, None, deadline)

    began = _began(attempt, child)
    deadline = began + timedelta(seconds=policy.run_deadline_seconds) - earlier
    if now >= deadline:
        return Over(
            FailureClass.USER,
            "RunDeadlineExceeded",
            f"it took longer than {policy.run_deadline_seconds} s; raise "
            "spec.policy.runDeadlineSeconds or give it more workers",
        )
    if not driving:
        start_up = began + timedelta(seconds=policy.startup_deadline_seconds)
        if now >= start_up:
            why = f": {known.message}" if known else ""
            return Over(
                FailureClass.TRANSIENT,
                "StartupDeadlineExceeded",
                f"no driver was heard within {policy.startup_deadline_seconds} s{why}",
            )
        # What only Events tell, nothing else would have us look for.
        deadline = min(deadline, start_up, max(now, attempt.started) + EVENTS_AFTER)
    return Alive(state.phase, driving, known, deadline)


def _drives(pod: Mapping[str, Any]) -> bool:
    """Whether the attempt ends with this pod: a lost worker is replaced by KubeRay."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return labels.get(naming.ROLE_LABEL) in ("driver", "head")


def _heard(attempt: Attempt, child: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether a driver was heard since the child was started, or let go by its queue, last."""
    if not attempt.claims or attempt.heartbeat_age is None:
        return False
    return attempt.heartbeat_age <= (now - _began(attempt, child)).total_seconds() + _CLOCK_SKEW


def _began(attempt: Attempt, child: Mapping[str, Any] | None) -> datetime:
    # A queue starts the child's clock when it lets it go, and that is later than our own record.
    stamp = ((child or {}).get("status") or {}).get("startTime")
    if not stamp:
        return attempt.started
    return max(attempt.started, datetime.fromisoformat(str(stamp)))
