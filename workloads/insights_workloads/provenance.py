"""Where a result comes from, as every report says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Provenance"]


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes:
        run: name of the run.
        namespace: its namespace.
        key: execution key.
        attempt: number of the attempt.
        made: when.
    """

    run: str
    namespace: str
    key: str
    attempt: int
    made: datetime
