"""Ending results: what is to go, as `retention` and tombstones say, goes in small steps.

Only the leader sweeps. Intent comes first (a tombstone, or a mark on a result), then objects, then
rows, and what names the run at last: whoever is killed at any step is followed by one who finds the
intent and takes the same steps again. A store that is away or was never configured keeps what is to
go where it is, and is told of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from pydantic import ValidationError

from insights_crds.execution_key import execution_key
from insights_crds.reasons import Reason
from insights_crds.v1 import AnalysisRun, AnalysisRunSpec
from insights_operator.act import RUNS, NotLeadingError, announce
from insights_operator.cache import Cache, key_of
from insights_operator.database import Database
from insights_operator.farewell import is_buried
from insights_operator.kubernetes_api import Api, ApiError
from insights_operator.lease import Leader
from insights_operator.metrics import Metrics
from insights_operator.naming import RERUN_ANNOTATION
from insights_operator.object_stores import (
    ObjectStores,
    StoreMissingError,
    StoreUnreachableError,
)
from insights_operator.plan import Announce
from insights_operator.retention import LineRun, Result, beyond, limits_of, outlived
from insights_operator.work_queue import Key
from insights_store import ending_statements as statements

__all__ = ["Sweeper"]

_POLL_SECONDS = 1.0
_BLOCKED_SECONDS = 15.0
_MOST_ROWS = 5_000
_CHUNK = 500
_RUN_PLURAL, _SCHEDULE_PLURAL = RUNS.plural, "analysisschedules"
_FOR_NOW = (ApiError, OSError, TimeoutError, psycopg.Error)
"""What ends one step and nothing else: it is taken again later."""

_log = logging.getLogger(__name__)

Write = tuple[LiteralString, Mapping[str, Any]]


class Sweeper:
    """Removes what is to be removed."""

    def __init__(
        self,
        api: Api,
        database: Database,
        objects: ObjectStores,
        cache: Cache,
        leader: Leader,
        metrics: Metrics,
        mark: Callable[[Key], None],
        *,
        environment: str,
        namespaces: Collection[str],
        identity: str,
        seconds: float,
    ) -> None:
        """Sweep through these.

        Args:
            api: to the API server.
            database: the results database.
            objects: the object stores.
            cache: runs and schedules as last seen.
            leader: who may write.
            metrics: counts what is removed.
            mark: has a run looked at.
            environment: whose results.
            namespaces: that are watched; all where empty.
            identity: of this replica.
            seconds: between two looks for results beyond their retention.
        """
        self._api = api
        self._database = database
        self._objects = objects
        self._cache = cache
        self._leader = leader
        self._metrics = metrics
        self._mark = mark
        self._environment = environment
        self._namespaces = frozenset(namespaces)
        self._identity = identity
        self._seconds = seconds
        self._blocked: dict[Key, tuple[Reason, str]] = {}
        self._not_before: dict[Key, float] = {}
        self._told: dict[Key, tuple[int, ...]] = {}

    def blocked(self, key: Key) -> tuple[Reason, str] | None:
        """What keeps a run's results from being erased: a reason and a sentence."""
        return self._blocked.get(key)

    async def run(self) -> None:
        """Sweep for ever, while leading."""
        swept = -self._seconds
        while True:
            if self._leader.valid():
                try:
                    graves = await self._keys(statements.GRAVES)
                    await self._each(graves, self._erase)
                    if time.monotonic() - swept >= self._seconds:
                        await self._retain()
                        swept = time.monotonic()
                    self._tell_waiting(graves)
                except NotLeadingError:
                    pass
                except _FOR_NOW as error:
                    _stay(error)
            await asyncio.sleep(_POLL_SECONDS)

    async def _retain(self) -> None:
        """Remove what is beyond its retention, and go on with what was begun."""
        going = [
            key_of(run)
            for run in self._cache.all(_RUN_PLURAL)
            if "deletionTimestamp" in run["metadata"] and is_buried(run)
        ]
        await self._each_quietly(going, self._bury)
        runs = {
            key_of(run): run
            for run in self._cache.all(_RUN_PLURAL)
            if "deletionTimestamp" not in run["metadata"]
        }
        keys = sorted(runs)
        for at in range(0, len(keys), _CHUNK):
            chunk = keys[at : at + _CHUNK]
            limits = [limits_of(runs[key].get("spec")) for key in chunk]
            over = await self._keys(
                statements.BEYOND,
                namespaces=[namespace for namespace, _ in chunk],
                runs=[name for _, name in chunk],
                keeps=[each.executions for each in limits],
                days=[each.days for each in limits],
            )
            await self._each(over, self._trim)
        await self._each(await self._keys(statements.GOING_RUNS), self._go_on)
        schedules = [key_of(each) for each in self._cache.all(_SCHEDULE_PLURAL)]
        await self._each_quietly(schedules, self._shorten)

    async def _erase(self, key: Key) -> None:
        """Erase all results of a run, and then what says that there was one."""
        if await self._is_back(key):
            await self._write("unearth", [(statements.UNEARTH, self._run(key))])
            return
        whole = self._run(key)
        stores = await self._stores(key)
        await self._write("fence", [(statements.FENCE, whole), (statements.HIDE, whole)])
        folders = [
            f"{self._environment}/{key[0]}/{key[1]}",
            f"{self._environment}/{key[0]}/_logs/{key[1]}",
        ]
        await self._remove_objects(key, stores, folders)
        for row in await self._rows(statements.RUN_RESULTS, whole):
            await self._remove_rows(key, row["id"])
            self._metrics.removed("Erase", "results", 1)
        # Once more: what a driver wrote that was fenced only when we began.
        await self._remove_objects(key, stores, folders)
        await self._write("forget", [(text, whole) for text in statements.FORGET])
        self._metrics.removed("Erase", "runs", 1)
        _log.info("results are erased")
        self._mark(key)

    async def _trim(self, key: Key) -> None:
        """Mark what a run has beyond its retention, and remove it."""
        run = self._cache.get(_RUN_PLURAL, key)
        if run is None or "deletionTimestamp" in run["metadata"]:
            return
        rows = await self._rows(statements.RESULTS, self._run(key))
        if not rows:
            return
        results = [
            Result(r["id"], r["key"], r["token"], r["published"], r["linked_from"]) for r in rows
        ]
        gone = beyond(results, limits_of(run.get("spec")), set(_shown(run)), rows[0]["now"])
        left = tuple(each.id for each in results if each.id not in gone)
        if self._told.get(key) != left:
            # Its status says why it keeps one that is beyond its retention.
            self._told[key] = left
            self._mark(key)
        if gone and not rows[0]["active"]:
            # Not before they can be removed: nobody is shown what is marked.
            await self._stores(key)
            what = "1 result" if len(gone) == 1 else f"{len(gone)} results"
            said = f"{what} beyond spec.results.retention: removed"
            await self._announce(run, Reason.RESULTS_REMOVED, said, str(gone))
            await self._write("mark", [(statements.MARK, {**self._run(key), "ids": gone})])
            await self._go_on(key)

    async def _go_on(self, key: Key) -> None:
        """Remove the results of a run that are marked."""
        whole = self._run(key)
        await self._write("unmark", [(statements.UNMARK, whole)])
        for row in await self._rows(statements.GOING, whole):
            if not row["shared"]:
                await self._remove_objects(key, [row["store"] or "default"], [row["prefix"]])
            await self._remove_rows(key, row["id"])
            one = {**whole, "id": row["id"]}
            # In two statements: the second sees what the first has waited for.
            await self._write(
                "remove", [(statements.LOCK_RESULT, one), (statements.REMOVE_RESULT, one)]
            )
            self._metrics.removed("Retention", "results", 1)

    async def _bury(self, key: Key) -> None:
        """See that a run is buried: the database may have been restored to a time before."""
        await self._write("bury", [(statements.BURY, self._run(key))])

    async def _shorten(self, line_of: Key) -> None:
        """Bury the runs of a schedule that are gone, and whose results are beyond its retention."""
        schedule = self._cache.get(_SCHEDULE_PLURAL, line_of)
        if schedule is None:
            return
        namespace, name = line_of
        rows = await self._rows(
            statements.LINE,
            {"environment": self._environment, "namespace": namespace, "schedule": name},
        )
        line = [
            LineRun(
                r["run"], r["started"], r["published"], r["active"],
                self._cache.get(_RUN_PLURAL, (namespace, r["run"])) is not None,
            )
            for r in rows
        ]  # fmt: skip
        limits = limits_of(((schedule.get("spec") or {}).get("runTemplate") or {}).get("spec"))
        for each in outlived(line, limits, rows[0]["now"]) if rows else ():
            key = namespace, each
            if await self._there(key) is None:
                await self._bury(key)

    async def _remove_objects(
        self, key: Key, stores: Sequence[str], folders: Sequence[str]
    ) -> None:
        for store in stores:
            for folder in folders:
                while paths := await self._objects.some(store, folder):
                    self._may_write(key)
                    await self._objects.remove(store, paths)
                    self._metrics.removed("Any", "objects", len(paths))

    async def _remove_rows(self, key: Key, result: int) -> None:
        for table, text in statements.REMOVE_ROWS.items():
            step = {
                "environment": self._environment, "namespace": key[0], "id": result,
                "most": _MOST_ROWS,
            }  # fmt: skip
            while (removed := await self._write(f"rows of {table}", [(text, step)])) > 0:
                self._metrics.removed("Any", "rows", removed)
                if removed < _MOST_ROWS:
                    break

    async def _stores(self, key: Key) -> list[str]:
        """Stores with objects of a run; there is access to each.

        Raises:
            StoreMissingError: there is none to one of them.
        """
        rows = await self._rows(statements.OBJECT_STORES, self._run(key))
        stores = sorted(str(row["store"]) for row in rows)
        for store in stores:
            self._objects.check(store)
        return stores

    async def _each(self, keys: Sequence[Key], step: Callable[[Key], Any]) -> None:
        """Take a step for each run; one that cannot be taken now keeps no other from its own."""
        for key in keys:
            if time.monotonic() < self._not_before.get(key, 0.0):
                continue
            try:
                await step(key)
            except StoreMissingError as error:
                await self._block(key, Reason.OBJECT_STORE_NOT_CONFIGURED, str(error))
            except StoreUnreachableError as error:
                await self._block(key, Reason.OBJECT_STORE_UNREACHABLE, str(error))
            except _FOR_NOW as error:
                if _is_away(error):
                    raise
                _stay(error)
                self._not_before[key] = time.monotonic() + _BLOCKED_SECONDS
            else:
                self._blocked.pop(key, None)
                self._not_before.pop(key, None)

    async def _each_quietly(self, keys: Sequence[Key], step: Callable[[Key], Any]) -> None:
        """Take a step that removes nothing for each of some objects."""
        for key in keys:
            try:
                await step(key)
            except _FOR_NOW as error:
                if _is_away(error):
                    raise
                _stay(error)

    async def _block(self, key: Key, reason: Reason, said: str) -> None:
        """Say what keeps results where they are: of a run that goes its status says it."""
        before = self._blocked.get(key)
        self._blocked[key] = reason, said
        self._not_before[key] = time.monotonic() + _BLOCKED_SECONDS
        if before == (reason, said):
            return
        _log.warning("results cannot be removed: %s", said)
        run = self._cache.get(_RUN_PLURAL, key)
        if run is not None and "deletionTimestamp" not in run["metadata"]:
            try:
                await self._announce(run, reason, said, warning=True)
            except (ApiError, OSError, TimeoutError) as error:
                _log.warning("an Event was not posted", extra={"error": type(error).__name__})
        self._mark(key)

    def _tell_waiting(self, graves: Collection[Key]) -> None:
        waiting = [key for key in graves if key not in self._blocked]
        self._metrics.waiting(
            len(waiting), [str(reason.value) for reason, _ in self._blocked.values()]
        )
        for key in [key for key in self._told if self._cache.get(_RUN_PLURAL, key) is None]:
            del self._told[key]
        for key in [key for key in self._blocked if key not in graves]:
            if self._cache.get(_RUN_PLURAL, key) is None:
                del self._blocked[key]

    async def _is_back(self, key: Key) -> bool:
        """Whether a run of the name of a buried one is there, and is to stay."""
        run = await self._there(key)
        return run is not None and "deletionTimestamp" not in run["metadata"]

    async def _there(self, key: Key) -> Mapping[str, Any] | None:
        """The run of a name, by the API server's word: a cache may be behind."""
        try:
            return await self._api.get(RUNS.path(*key))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def _announce(
        self,
        run: Mapping[str, Any],
        reason: Reason,
        said: str,
        about: str = "",
        *,
        warning: bool = False,
    ) -> None:
        told = Announce(reason.value, said, about, warning)
        await announce(self._api, AnalysisRun.__name__, run["metadata"], self._identity, told)

    async def _write(self, what: str, writes: Sequence[Write]) -> int:
        """Write in one transaction; returns how many rows the last statement concerned."""
        self._may_write(what)
        async with self._database.transaction() as cursor:
            for text, parameters in writes:
                await cursor.execute(text, parameters)
            return cursor.rowcount

    async def _rows(self, text: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
        async with self._database.transaction() as cursor:
            await cursor.execute(text, parameters)
            return await cursor.fetchall()

    async def _keys(self, text: LiteralString, **more: Any) -> list[Key]:
        rows = await self._rows(text, {"environment": self._environment, **more})
        keys = [(str(row["namespace"]), str(row["run"])) for row in rows]
        return [key for key in keys if not self._namespaces or key[0] in self._namespaces]

    def _run(self, key: Key) -> dict[str, Any]:
        return {"environment": self._environment, "namespace": key[0], "run": key[1]}

    def _may_write(self, what: object) -> None:
        if not self._leader.valid():
            raise NotLeadingError(str(what))


def _stay(error: Exception) -> None:
    _log.warning("results stay for now", extra={"error": type(error).__name__})


def _is_away(error: Exception) -> bool:
    """Whether Postgres cannot be reached; what it answered itself concerns one step alone."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def _shown(run: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """What a run shows, by its status, and asks for, by its spec."""
    spec = run.get("spec") or {}
    execution = (run.get("status") or {}).get("execution") or {}
    keys = {execution.get("key")}
    with suppress(ValidationError):
        keys.add(execution_key(AnalysisRunSpec.model_validate(spec)))
    annotations = run["metadata"].get("annotations") or {}
    for key in keys - {None}:
        for token in (
            None,
            execution.get("rerun"),
            spec.get("rerun"),
            annotations.get(RERUN_ANNOTATION),
        ):
            yield str(key), token
