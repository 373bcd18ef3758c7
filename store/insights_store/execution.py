"""What identifies an execution, and the states of its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Claim", "Execution", "Fenced", "Publication"]


@dataclass(frozen=True)
class Execution:
    """An execution: what is computed, for which run, where.

    Attributes:
        environment: the installation that it belongs to.
        namespace: of the run.
        run: name of the run.
        key: execution key.
    """

    environment: str
    namespace: str
    run: str
    key: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Its parts, as the statements name them."""
        return {
            "environment": self.environment,
            "namespace": self.namespace,
            "run": self.run,
            "key": self.key,
        }


@dataclass(frozen=True)
class Claim:
    """The right to publish an attempt, until somebody else claims it or it is fenced.

    Attributes:
        execution: of the attempt.
        attempt: its number.
        claim: number of this claim.
        token: rerun token that the attempt honours.
        spec: the run's spec, in its wire form.
    """

    execution: Execution
    attempt: int
    claim: int
    token: str | None
    spec: Mapping[str, Any]

    @property
    def prefix(self) -> str:
        """Folder of its objects. No other claim ever writes there."""
        e = self.execution
        return f"{e.environment}/{e.namespace}/{e.run}/{e.key[:16]}/{self.attempt}-{self.claim}"


@dataclass(frozen=True)
class Publication:
    """A published result.

    Attributes:
        id: of its rows.
        execution: what was computed.
        token: rerun token that it honours.
        attempt: attempt that published it.
        fingerprint: of the input.
        engine: version of the engine.
        prefix: folder of its objects.
        linked_from: publication whose rows and objects it shares, None if they are its own.
        summary: `status.summary`, in its wire form.
        published: when.
    """

    id: int
    execution: Execution
    token: str | None
    attempt: int
    fingerprint: str
    engine: str
    prefix: str
    linked_from: int | None
    summary: Mapping[str, Any]
    published: datetime

    @property
    def rows(self) -> int:
        """Publication that holds the rows."""
        return self.linked_from or self.id


class Fenced(Exception):  # noqa: N818 (not an error: somebody else has taken over)
    """The attempt was ended or claimed by somebody else; this driver must stop."""
