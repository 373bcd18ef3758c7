"""`spec.policy`: how long things may take, how often they are tried, what stays afterwards."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from insights_crds.model import Model, Rule
from insights_crds.v1.scalars import NonNegativeSeconds, PositiveSeconds

__all__ = ["Backoff", "ChildTTL", "Policy", "Retries"]


class Backoff(Model):
    """Waiting between attempts: doubled each time, from a base up to a limit."""

    base_seconds: PositiveSeconds = 10
    """Wait after the first failure."""
    max_seconds: PositiveSeconds = 600
    """Longest wait."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.baseSeconds <= self.maxSeconds",
            lambda b: b.base_seconds <= b.max_seconds,
            "baseSeconds must not be above maxSeconds",
        ),
    )


class Retries(Model):
    """How often a failed execution is tried again."""

    limit: Annotated[int, Field(ge=0, le=100)] = 3
    """Failures that are retried. Suspension, preemption and lost nodes do not count."""
    backoff: Backoff = Backoff()
    """Waiting between attempts."""


class ChildTTL(Model):
    """How long pods stay for inspection after an attempt ended."""

    success_seconds: NonNegativeSeconds = 0
    """After success."""
    failure_seconds: NonNegativeSeconds = 3600
    """After failure."""


class Policy(Model):
    """How a run is carried out."""

    undecided_teams: Literal["Fail", "Publish"] = "Fail"
    """What becomes of a search that ends with hard rules broken, and no proof that they must be:
    the run fails as `FeasibilityUnknown`, or the best teams that were found are published, and
    status, report and metrics say what is broken."""

    retries: Retries = Retries()
    """How often a failed execution is tried again."""
    run_deadline_seconds: PositiveSeconds = 86_400
    """Longest time of an execution over all its attempts, not counting time in a queue."""
    startup_deadline_seconds: PositiveSeconds = 900
    """Longest time from the start of an attempt to its driver's first sign of life."""
    queue_deadline_seconds: PositiveSeconds | None = None
    """Longest wait in a queue; none where left out."""
    pod_gone_timeout_seconds: PositiveSeconds = 300
    """How long the next attempt waits for pods of the last one that do not go away."""
    child_ttl: ChildTTL = Field(default=ChildTTL(), alias="childTTL")
    """How long pods stay for inspection."""
    run_ttl_seconds: NonNegativeSeconds | None = Field(default=None, alias="runTTLSeconds")
    """Delete the run itself so long after its end. Ignored for runs that git tracks."""
