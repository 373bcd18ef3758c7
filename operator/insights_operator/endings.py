"""How things are ended: attempts are fenced, children deleted."""

from __future__ import annotations

from collections.abc import Iterable

from insights_crds.reasons import FailureClass, Reason
from insights_operator.observed import Child
from insights_operator.plan import Action, DeleteChild, EndAttempt
from insights_operator.record import Attempt

__all__ = ["delete", "end"]


def end(attempt: Attempt, failure: FailureClass, reason: Reason | str, message: str) -> EndAttempt:
    """Fence an attempt, and say why."""
    said = str(reason.value if isinstance(reason, Reason) else reason)
    return EndAttempt(attempt.key, attempt.number, failure, said, message)


def delete(children: Iterable[Child]) -> list[Action]:
    """Delete children, but for those that are going already."""
    return [
        DeleteChild(child.kind, child.name, child.uid) for child in children if not child.deleting
    ]
