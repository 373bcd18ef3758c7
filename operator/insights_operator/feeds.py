"""What comes in: the watches, listings that correct them, and what drivers tell."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from typing import Any

from insights_crds.v1 import API_VERSION, AnalysisSchedule
from insights_operator import naming
from insights_operator.act import RUNS
from insights_operator.cache import Cache, key_of
from insights_operator.database import Database
from insights_operator.kubernetes_api import Api, ApiError, Resource
from insights_operator.watches import Watched, watch
from insights_operator.work_queue import WorkQueue

__all__ = ["SCHEDULES", "Feeds", "StaleWatchError"]

SCHEDULES = Resource(API_VERSION, AnalysisSchedule.plural)
_OWN = (RUNS, SCHEDULES)
_CHILDREN = (Resource("batch/v1", "jobs"), Resource("v1", "pods"))
_RAY_API = "ray.io/v1"
_RAY = (Resource(_RAY_API, "rayjobs"), Resource(_RAY_API, "rayclusters"))
_POLL_SECONDS = 1.0
_DISCOVERY_SECONDS = 60.0
_LONGEST_GRACE = 30.0
_STALE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class StaleWatchError(Exception):
    """The watches have stopped telling what happens; only a new process helps."""


class Feeds:
    """Everything that marks runs and schedules as dirty.

    Attributes:
        verified: when a listing last agreed with what the watches had told.
        filled: set once everything was listed; before it, what is missing may yet be there.
    """

    def __init__(
        self,
        api: Api,
        database: Database,
        cache: Cache,
        runs: WorkQueue,
        schedules: WorkQueue,
        *,
        identity: str,
        namespaces: tuple[str, ...],
        listing_seconds: float,
    ) -> None:
        """Feed a cache and two queues.

        Args:
            api: to the API server.
            database: what drivers tell.
            cache: what was last seen.
            runs: runs to look at.
            schedules: schedules to look at.
            identity: of this replica.
            namespaces: to watch; all where empty.
            listing_seconds: time between two listings.
        """
        self._api = api
        self._database = database
        self._cache = cache
        self._runs = runs
        self._schedules = schedules
        self._identity = identity
        self._namespaces = namespaces
        self._seconds = listing_seconds
        self._listed = False
        self.kuberay = False
        self._discovered = asyncio.Event()
        self.verified = time.monotonic()
        self.filled = asyncio.Event()

    async def watch(self) -> None:
        """Watch, for ever; anew when KubeRay comes or goes."""
        loop = asyncio.get_running_loop()
        self.kuberay = await self._first_discovery()
        self._discovered.set()
        while True:
            stop = threading.Event()
            watching = asyncio.create_task(asyncio.to_thread(self._watch, loop, stop))
            try:
                await self._until_discovery_changes(watching)
            finally:
                stop.set()
            await watching
            _log.info("what the API server offers has changed", extra={"kuberay": self.kuberay})
            self.mark_all()

    async def _first_discovery(self) -> bool:
        while True:
            try:
                return await self._knows(_RAY_API)
            except (ApiError, OSError, TimeoutError) as error:
                _log.warning("no API server", extra={"error": type(error).__name__})
                await asyncio.sleep(_POLL_SECONDS)

    async def _until_discovery_changes(self, watching: asyncio.Task[None]) -> None:
        while True:
            done, _ = await asyncio.wait([watching], timeout=_DISCOVERY_SECONDS)
            if done:
                watching.result()
                raise StaleWatchError("the watches ended by themselves")
            try:
                known = await self._knows(_RAY_API)
            except (ApiError, OSError, TimeoutError):
                continue
            if known != self.kuberay:
                self.kuberay = known
                return

    def _watch(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        def told(*event: Any) -> None:
            with suppress(RuntimeError):  # our loop is closed already: we are on our way out
                loop.call_soon_threadsafe(self._take, *event)

        kinds = [
            Watched(each, () if each in _OWN else ((naming.MANAGED_BY_LABEL, naming.MANAGER),))
            for each in self._watched()
        ]
        watch(kinds, self._namespaces, told, stop, identity=self._identity)

    def _watched(self) -> tuple[Resource, ...]:
        return (*_OWN, *_CHILDREN, *(_RAY if self.kuberay else ()))

    def _take(self, plural: str, kind: str | None, seen: Any) -> None:
        if kind == "DELETED":
            self._mark(plural, seen)
            self._cache.remove(plural, seen)
        elif self._cache.put(plural, seen):
            self._mark(plural, seen)
        else:
            # The echo of what we wrote ourselves tells the run nothing, but it does its schedule.
            self._mark_schedule(plural, seen)

    def _mark(self, plural: str, seen: Any) -> None:
        """What an object concerns is to be looked at again."""
        if plural == SCHEDULES.plural:
            self._schedules.mark(key_of(seen))
            return
        run = self._cache.run_of(plural, seen)
        if run is not None:
            self._runs.mark(run, new=plural == RUNS.plural and not seen.get("status"))
        self._mark_schedule(plural, seen)

    def _mark_schedule(self, plural: str, seen: Any) -> None:
        if plural == RUNS.plural:
            for owner in seen["metadata"].get("ownerReferences") or ():
                if owner.get("kind") == AnalysisSchedule.__name__:
                    self._schedules.mark((key_of(seen)[0], str(owner["name"])))

    async def listings(self) -> None:
        """List everything now and then, for ever, and correct the cache by it.

        The first listing waits for discovery, which says what there is to list.

        Raises:
            StaleWatchError: listings kept knowing what no watch had told.
        """
        while True:
            try:
                await self.list_once()
            except (ApiError, OSError, TimeoutError) as error:
                _log.warning("a listing failed", extra={"error": type(error).__name__})
            await asyncio.sleep(self._seconds if self.filled.is_set() else _POLL_SECONDS)

    async def list_once(self) -> None:
        """List every kind once; what was known wrongly is corrected and looked at again."""
        await self._discovered.wait()
        self._cache.begin_listing()
        listed = {resource: await self._list(resource) for resource in self._watched()}
        if self.filled.is_set():
            # A watch may be a moment behind; what it has not told by then it will not tell.
            await asyncio.sleep(min(_LONGEST_GRACE, self._seconds / 10))
        wrong = 0
        for resource, objects in listed.items():
            newer, gone = self._cache.differences(resource.plural, objects)
            wrong += len(newer)
            for each in newer:
                self._cache.put(resource.plural, each)
                self._mark(resource.plural, each)
            for each in gone:
                # Made since the listing, or gone since before it: only the API server knows.
                if await self._is_gone(resource, each):
                    self._mark(resource.plural, each)
                    self._cache.remove(resource.plural, each)
                    wrong += 1
        self.filled.set()
        # An attempt whose run vanished while nobody watched is at work for nobody.
        for key in await self._database.active_runs() or ():
            self._runs.mark(key)
        self._judge(wrong)

    def _judge(self, wrong: int) -> None:
        now = time.monotonic()
        if not wrong or not self._listed:
            # The first listing is there to know more.
            self._listed = True
            self.verified = now
            return
        behind = now - self.verified
        _log.warning("a listing knew more than the watches", extra={"objects": wrong})
        if behind > _STALE_SECONDS + 3 * self._seconds:
            raise StaleWatchError(f"no listing agreed with the watches for {behind:.0f} s")

    async def _list(self, resource: Resource) -> list[dict[str, Any]]:
        selector = "" if resource in _OWN else naming.CHILD_SELECTOR
        out: list[dict[str, Any]] = []
        for namespace in self._namespaces or (None,):
            out += await self._api.list_all(resource.path(namespace), selector)
        return out

    async def _is_gone(self, resource: Resource, seen: Any) -> bool:
        namespace, name = key_of(seen)
        selector = f"metadata.name={name}"
        found = await self._api.get(resource.path(namespace), fieldSelector=selector)
        return all(
            each["metadata"]["uid"] != seen["metadata"]["uid"] for each in found.get("items") or ()
        )

    async def progress(self) -> None:
        """Ask Postgres what drivers have told, for ever."""
        while True:
            for key in await self._database.changed_runs():
                self._runs.mark(key)
            await asyncio.sleep(_POLL_SECONDS)

    def mark_all(self) -> None:
        """Look at everything: leadership has just begun, or the cluster has changed."""
        for run in self._cache.all(RUNS.plural):
            self._runs.mark(key_of(run))
        for each in self._cache.all(SCHEDULES.plural):
            self._schedules.mark(key_of(each))

    async def _knows(self, api_version: str) -> bool:
        try:
            await self._api.get(f"/apis/{api_version}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True
