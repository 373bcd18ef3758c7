"""What a decision asks for: actions in their order, and when to look again.

The order is part of the decision. Intent comes before effect: the attempt's row in Postgres, then
the child; the status is told after both. A crash between any two leaves something that the next
decision sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insights_crds.reasons import FailureClass
from insights_operator.children.kinds import ChildKind

__all__ = [
    "Action",
    "AddFinalizer",
    "Announce",
    "Bury",
    "CreateChild",
    "DeleteChild",
    "DeleteRun",
    "EndAttempt",
    "Plan",
    "RemoveFinalizer",
    "StartAttempt",
    "WriteStatus",
]


@dataclass(frozen=True)
class StartAttempt:
    """Record an attempt in Postgres. Fails if its number is taken or another is active."""

    key: str
    number: int
    token: str | None
    settings: str
    uid: str
    child_kind: str
    child: str
    spec: Mapping[str, Any]
    schedule: str | None = None


@dataclass(frozen=True)
class EndAttempt:
    """Fence an attempt. Without effect if it ended or published in the meantime."""

    key: str
    number: int
    failure: FailureClass
    reason: str
    message: str


@dataclass(frozen=True)
class WriteStatus:
    """Replace the status, unless the run changed since it was seen."""

    status: Mapping[str, Any]


@dataclass(frozen=True)
class CreateChild:
    """POST a child. An existing one of the same name counts only if this run controls it."""

    kind: ChildKind
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class DeleteChild:
    """Delete a child and everything below it."""

    kind: ChildKind
    name: str
    uid: str


@dataclass(frozen=True)
class Announce:
    """Post an Event. Its name is made from what it says, so saying it twice says it once."""

    reason: str
    message: str
    about: str
    warning: bool = False


@dataclass(frozen=True)
class AddFinalizer:
    """Hold the run's deletion until its results are erased."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let the run go."""


@dataclass(frozen=True)
class Bury:
    """Write a tombstone, by which the sweeper erases all results of the run."""


@dataclass(frozen=True)
class DeleteRun:
    """Delete the run itself: its time to live is over."""


Action = (
    StartAttempt
    | EndAttempt
    | WriteStatus
    | CreateChild
    | DeleteChild
    | Announce
    | AddFinalizer
    | RemoveFinalizer
    | Bury
    | DeleteRun
)


@dataclass(frozen=True)
class Plan:
    """What to do now, and when to decide again if nothing happens.

    Attributes:
        actions: in their order; the rest is dropped when one fails, and the run decided again.
        again_after: seconds, None where only an event can change anything.
    """

    actions: tuple[Action, ...] = ()
    again_after: float | None = None
