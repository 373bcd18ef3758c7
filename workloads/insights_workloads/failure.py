"""The end of a run that publishes nothing: whose fault it was, and a sentence about it."""

from __future__ import annotations

from insights_crds.reasons import FailureClass, Reason

__all__ = ["RunFailedError"]


class RunFailedError(Exception):
    """A run cannot be finished. The message may reach a status: it is never about a person.

    Attributes:
        failure: whose fault it was.
        reason: one word for machines.
    """

    def __init__(self, failure: FailureClass, reason: Reason, message: str) -> None:
        """Say why a run cannot be finished."""
        super().__init__(message)
        self.failure = failure
        self.reason = reason
