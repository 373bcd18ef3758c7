"""The operator's side of the results database.

One query tells what changed in any run; one more reads what is known of a run that is looked at. An
unreachable database is an answer, not an error: nothing is decided about drivers meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from insights_crds.reasons import FailureClass
from insights_operator.plan import EndAttempt, StartAttempt
from insights_operator.record import Attempt, AttemptState, Publication, Record
from insights_operator.work_queue import Key
from insights_store import ending_statements, statements

__all__ = ["AttemptTakenError", "Database", "open_database"]

_CONNECTIONS = 8
_CLOCK = "SELECT now() AS now"
_WAIT_SECONDS = 3.0


class AttemptTakenError(Exception):
    """Another attempt of the run is active, or has this number."""


class Database:
    """Attempts and publications of one environment, in the namespaces that are watched.

    Others of the environment may be another operator's.

    Attributes:
        reachable: whether it answered when it was last asked.
        reached: when it last answered, on the monotonic clock; None before the first time.
    """

    def __init__(
        self, pool: AsyncConnectionPool[Any], environment: str, namespaces: Collection[str]
    ) -> None:
        """Use a pool of connections; every namespace is watched where none is named."""
        self._namespaces = frozenset(namespaces)
        self._pool = pool
        self._environment = environment
        self._reached_since: float | None = None
        self._since = datetime.fromtimestamp(0, UTC)
        self.reachable = False
        self.reached: float | None = None

    async def record(self, namespace: str, run: str) -> tuple[Record, datetime] | None:
        """What is known of a run, and Postgres' time; None while it cannot be reached."""
        identity = {"environment": self._environment, "namespace": namespace, "run": run}
        try:
            # All in one go: a run is looked at often, and the way to Postgres may be long.
            async with self._connection() as connection, connection.pipeline():
                answers = [
                    await connection.cursor(row_factory=dict_row).execute(text, identity)
                    for text in (statements.ATTEMPTS, statements.PUBLICATIONS, _CLOCK)
                ]
                attempts, publications, clock = [await each.fetchall() for each in answers]
        except (psycopg.OperationalError, PoolTimeout):
            self._lost()
            return None
        now = self._answered()
        if self._reached_since is None:
            self._reached_since = now
        reached = now - self._reached_since
        return (
            Record(
                tuple(_attempt(row, reached) for row in attempts),
                tuple(
                    Publication(r["key"], r["token"], r["attempt"], r["published"], r["summary"])
                    for r in publications
                ),
            ),
            clock[0]["now"],
        )

    async def changed_runs(self) -> set[Key]:
        """Runs of which a driver has told something since the last call."""
        parameters = {"environment": self._environment, "since": self._since}
        try:
            async with self._cursor() as cursor:
                await cursor.execute(statements.PROGRESS_SINCE, parameters)
                rows = await cursor.fetchall()
        except (psycopg.OperationalError, PoolTimeout):
            self._lost()
            return set()
        self._answered()
        if rows:
            self._since = rows[-1]["changed"]
        return self._watched(rows)

    async def own_environment(self, cluster: str) -> tuple[str, datetime] | None:
        """Take the environment for a cluster, unless another one has it.

        Returns:
            Whose it is, and since when; None where Postgres cannot be asked now.
        """
        parameters = {"environment": self._environment, "cluster": cluster}
        try:
            async with self._cursor() as cursor:
                await cursor.execute(statements.OWN_ENVIRONMENT, parameters)
                row = await cursor.fetchone()
        except (psycopg.OperationalError, PoolTimeout):
            return None
        return None if row is None else (row["cluster"], row["since"])

    async def active_runs(self) -> set[Key] | None:
        """Runs with an active attempt, whether or not they still exist; None if out of reach."""
        try:
            async with self._cursor() as cursor:
                await cursor.execute(statements.ACTIVE_ATTEMPTS, {"environment": self._environment})
                return self._watched(await cursor.fetchall())
        except (psycopg.OperationalError, PoolTimeout):
            return None

    async def start(self, namespace: str, run: str, action: StartAttempt) -> None:
        """Record an attempt.

        Raises:
            AttemptTakenError: its number is taken, or another attempt is active.
        """
        async with self._cursor() as cursor:
            await cursor.execute(
                statements.START,
                {
                    **self._execution(namespace, run, action.key),
                    "number": action.number,
                    "token": action.token,
                    "settings": action.settings,
                    "uid": action.uid,
                    "child_kind": action.child_kind,
                    "child": action.child,
                    "spec": Jsonb(dict(action.spec)),
                    "schedule": action.schedule,
                },
            )
            if await cursor.fetchone() is None:
                raise AttemptTakenError(f"attempt {action.number} of {run}")

    async def end(self, namespace: str, run: str, action: EndAttempt) -> None:
        """Fence an attempt; without effect if it has ended."""
        async with self._cursor() as cursor:
            await cursor.execute(
                statements.END,
                {
                    **self._execution(namespace, run, action.key),
                    "attempt": action.number,
                    "failure": action.failure.value,
                    "reason": action.reason,
                    "message": action.message[:1000],
                },
            )

    async def bury(self, namespace: str, run: str) -> None:
        """Mark all results of a run for erasure."""
        async with self._cursor() as cursor:
            await cursor.execute(
                ending_statements.BURY,
                {"environment": self._environment, "namespace": namespace, "run": run},
            )

    def _watched(self, rows: Iterable[Mapping[str, Any]]) -> set[Key]:
        return {
            (row["namespace"], row["run"])
            for row in rows
            if not self._namespaces or row["namespace"] in self._namespaces
        }

    def _answered(self) -> float:
        self.reachable, self.reached = True, time.monotonic()
        return self.reached

    def _lost(self) -> None:
        self.reachable = False
        self._reached_since = None

    def _execution(self, namespace: str, run: str, key: str) -> dict[str, Any]:
        return {"environment": self._environment, "namespace": namespace, "run": run, "key": key}

    def _connection(self) -> Any:
        return self._pool.connection(timeout=_WAIT_SECONDS)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncCursor[dict[str, Any]]]:
        """A transaction that is committed where nothing is raised.

        Raises:
            OperationalError: Postgres cannot be reached.
            PoolTimeout: likewise.
        """
        async with self._cursor() as cursor:
            yield cursor

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[psycopg.AsyncCursor[dict[str, Any]]]:
        async with (
            self._connection() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            yield cursor


@asynccontextmanager
async def open_database(
    dsn: str, environment: str, namespaces: Collection[str] = ()
) -> AsyncIterator[Database]:
    """Connect, now or whenever the database is there."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=_CONNECTIONS,
        open=False,
        # Each statement stands for itself, so none waits for a COMMIT.
        kwargs={"autocommit": True, "connect_timeout": 5, "options": "-c statement_timeout=10000"},
        reconnect_timeout=30.0,
    )
    await pool.open(wait=False)
    try:
        yield Database(pool, environment, namespaces)
    finally:
        await pool.close()


def _attempt(row: Mapping[str, Any], reached: float) -> Attempt:
    age = row["heartbeat_age"]
    return Attempt(
        number=row["number"],
        key=row["key"],
        token=row["token"],
        settings=row["settings"],
        uid=row["uid"],
        child_kind=row["child_kind"],
        child=row["child"],
        state=_state(row["state"]),
        started=row["started"],
        claimed=row["claimed"],
        ended=row["ended"],
        failure=_failure(row["failure"]),
        reason=row["reason"],
        message=row["message"],
        claims=row["claim"],
        heartbeat_age=age,
        # Silence counts only while we could have heard: an outage of the database kills nobody.
        silence=None if age is None else min(age, reached),
        stage=row["stage"],
        percent=row["percent"],
        remaining_seconds=row["remaining_seconds"],
    )


def _state(written: str) -> AttemptState:
    """What a newer version calls otherwise may still publish, so nothing new may start."""
    return AttemptState.ENDED if written == AttemptState.ENDED.value else AttemptState.ACTIVE


def _failure(written: str | None) -> FailureClass | None:
    """A class that only a newer version knows is retried, up to the limit."""
    if not written:
        return None
    known = {each.value: each for each in FailureClass}
    return known.get(written, FailureClass.TRANSIENT)
