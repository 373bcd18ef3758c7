"""What the state of a child means to the operator, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["ChildPhase", "ChildState"]


class ChildPhase(Enum):
    """Where a child is. It says nothing about success: only a published result does."""

    QUEUED = "Queued"
    """Held back by a queue; deadlines of the start do not run."""
    STARTING = "Starting"
    """Its pods are being made or started."""
    RUNNING = "Running"
    """The driver was started."""
    ENDED_WELL = "EndedWell"
    """It says that its driver ended without an error."""
    ENDED_BADLY = "EndedBadly"
    """It says that its driver, or the attempt to start one, failed."""
    REFUSED = "Refused"
    """Its controller cannot carry it out as it is written; another one would end alike."""
    UNKNOWN = "Unknown"
    """A state that we do not know; wait for the driver's heartbeat or a deadline."""


@dataclass(frozen=True)
class ChildState:
    """State of a child.

    Attributes:
        phase: where it is.
        reason: CamelCase reason that the child itself gives, empty if none.
        message: sentence that the child itself gives, empty if none.
    """

    phase: ChildPhase
    reason: str = ""
    message: str = ""
