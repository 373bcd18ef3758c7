"""The driver's sign of life, told from a thread of its own.

It tells Postgres how far the run is, and tells the run when it was fenced: the next call of its
progress then raises `Fenced`, and the driver stops itself. An unreachable database stops nothing:
the driver goes on, and is heard again when it is back.
"""

from __future__ import annotations

import threading
from types import TracebackType

import psycopg

from insights_store import driver
from insights_store.execution import Claim, Fenced
from insights_workloads.progress import Snapshot

__all__ = ["Heartbeat"]

_SECONDS = 2.0


class Heartbeat:
    """Beats while it is entered."""

    def __init__(self, dsn: str, held: Claim) -> None:
        """Beat for a claim.

        Args:
            dsn: of the results database.
            held: the claim.
        """
        self._dsn = dsn
        self._held = held
        self._latest: Snapshot | None = None
        self._fenced: Fenced | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def tell(self, snapshot: Snapshot) -> None:
        """Remember how far the run is.

        Raises:
            Fenced: the run must stop.
        """
        self._latest = snapshot
        if self._fenced is not None and not self._stop.is_set():
            raise self._fenced

    def finish(self) -> None:
        """Stop beating: the attempt has ended well, which no more beat may take for a fence."""
        self._stop.set()

    def __enter__(self) -> Heartbeat:
        """Start beating."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop beating."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _beat(self) -> None:
        connection: psycopg.Connection | None = None
        while not self._stop.wait(_SECONDS):
            try:
                connection = connection or psycopg.connect(self._dsn, connect_timeout=5)
                latest = self._latest
                remaining = latest.remaining_seconds if latest else None
                driver.heartbeat(
                    connection,
                    self._held,
                    stage=latest.stage if latest else None,
                    percent=latest.percent if latest else 0,
                    remaining_seconds=None if remaining is None else round(remaining),
                )
            except Fenced as fenced:
                self._fenced = fenced
                break
            except psycopg.Error:
                # The database is away; the operator knows, and waits as long as we do.
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()
