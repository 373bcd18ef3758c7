"""How a stage tells how far it is, and how a run turns that into a percentage and a time left.

A stage knows only its own share of work. What it is worth within a run, and how long the rest will
take, is worked out here once, for the terminal, the database and the status of a run alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from insights_workloads.measures import NOTHING, Figures

__all__ = ["Progress", "Snapshot", "Stage", "StageClock", "silent"]


class Progress(Protocol):
    """Told by a stage, every half second of its work or more often.

    It may raise to stop the work: a stage lets the exception through and leaves nothing half done.
    """

    def __call__(self, fraction: float, message: str = "", figures: Figures = NOTHING) -> None:
        """Say that `fraction` (0 to 1) of the stage is done, what is being done, and measured."""


def silent(fraction: float, message: str = "", figures: Figures = NOTHING) -> None:
    """Take a progress call and do nothing."""


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Attributes:
        name: as it stands in the status of a run.
        weight: its usual share of the run's time; shares of all stages add to 1.
    """

    name: str
    weight: float


@dataclass(frozen=True)
class Snapshot:
    """How far a run is.

    Attributes:
        stage: name of the stage at work.
        fraction: share of that stage, 0 to 1.
        percent: share of the whole run, 0 to 100.
        remaining_seconds: time left, None while it cannot be told.
        message: what is being done.
        figures: what was measured since the last one.
    """

    stage: str
    fraction: float
    percent: int
    remaining_seconds: float | None
    message: str
    figures: Figures = field(default_factory=dict)


class StageClock:
    """Turns the stages' fractions into snapshots of the run."""

    def __init__(
        self,
        stages: tuple[Stage, ...],
        tell: Callable[[Snapshot], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            stages: in the order in which they run.
            tell: called with every snapshot; what it raises reaches the stage.
            clock: seconds, monotonic.
        """
        self._stages = stages
        self._tell = tell
        self._clock = clock
        self._started = clock()

    def stage(self, name: str) -> Progress:
        """The progress of one stage.

        Raises:
            KeyError: no such stage.
        """
        index = {stage.name: at for at, stage in enumerate(self._stages)}[name]
        done_before = sum(stage.weight for stage in self._stages[:index])
        weight = self._stages[index].weight
        entered = self._clock()

        def progress(fraction: float, message: str = "", figures: Figures = NOTHING) -> None:
            fraction = min(1.0, max(0.0, fraction))
            done = done_before + weight * fraction
            self._tell(
                Snapshot(
                    stage=name,
                    fraction=fraction,
                    percent=int(100 * done + 1e-9),
                    remaining_seconds=self._remaining(entered, fraction, weight, done),
                    message=message,
                    figures=figures,
                )
            )

        return progress

    def _remaining(
        self, entered: float, fraction: float, weight: float, done: float
    ) -> float | None:
        # The pace of the stage at work is the best guess for its own rest; the weights then say
        # what the stages behind it are worth at that pace.
        elapsed = self._clock() - entered
        if fraction <= 0.02 or elapsed < 1.0:
            return None
        per_weight = elapsed / (fraction * weight)
        return max(0.0, per_weight * (1.0 - done))
