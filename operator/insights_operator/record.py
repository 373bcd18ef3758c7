"""What Postgres knows of a run: its attempts and what they published.

Postgres is right where it differs from a status: a status can always be made again from this.
Times are Postgres' own, and ages are measured there, so that no two clocks are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from insights_crds.reasons import FailureClass

__all__ = ["Attempt", "AttemptState", "Publication", "Record"]


class AttemptState(Enum):
    """Where an attempt is."""

    ACTIVE = "active"
    """It may claim, report progress and publish."""
    ENDED = "ended"
    """It is fenced: nothing that names it matches a row any more."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at an execution.

    Attributes:
        number: rises with every start of the execution and never repeats.
        key: execution key.
        token: rerun token that it honours, None if none was asked for.
        settings: digest of what may change between attempts (compute, policy, results).
        uid: uid of the run that it was started for.
        child_kind: `RayJob` or `Job`.
        child: name of the child.
        state: whether it may still publish.
        failure: whose fault its end was, None while active and after success.
        reason: CamelCase reason of its end.
        message: sentence about its end.
        started: when it was recorded.
        ended: when it ended.
        claims: drivers that claimed it so far.
        heartbeat_age: seconds since its driver was last heard, None before the first time.
        silence: seconds of that during which the operator itself reached Postgres without a break.
        stage: stage at work.
        percent: share of the run that is done, 0 to 100.
        remaining_seconds: time left, where the driver can tell.
        claimed: when a driver last claimed it, None before the first time.
    """

    number: int
    key: str
    token: str | None
    settings: str
    uid: str
    child_kind: str
    child: str
    state: AttemptState
    started: datetime
    ended: datetime | None = None
    failure: FailureClass | None = None
    reason: str = ""
    message: str = ""
    claims: int = 0
    heartbeat_age: float | None = None
    silence: float | None = None
    stage: str | None = None
    percent: int = 0
    remaining_seconds: int | None = None
    claimed: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it may still publish."""
        return self.state is AttemptState.ACTIVE


@dataclass(frozen=True)
class Publication:
    """A published result.

    Attributes:
        key: execution key.
        token: rerun token that it honours, None if none was asked for.
        attempt: number of the attempt that published.
        published: when.
        summary: `status.summary` in its wire form.
    """

    key: str
    token: str | None
    attempt: int
    published: datetime
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Everything that Postgres knows of one run, by (environment, namespace, name).

    Attributes:
        attempts: newest last, over all keys.
        publications: newest last, over all keys.
    """

    attempts: tuple[Attempt, ...] = ()
    publications: tuple[Publication, ...] = ()

    @property
    def active(self) -> tuple[Attempt, ...]:
        """Attempts that may still publish; more than one only after a change of spec."""
        return tuple(attempt for attempt in self.attempts if attempt.active)

    def newest_publication(self, key: str) -> Publication | None:
        """The newest result of a key."""
        return next((p for p in reversed(self.publications) if p.key == key), None)

    def last_number(self, key: str) -> int:
        """The highest attempt number of a key, 0 before the first."""
        return max((attempt.number for attempt in self.attempts if attempt.key == key), default=0)
