"""What comes in: Kopf's watches, listings that correct them, and what drivers tell.

Kopf feeds and does not decide: `on.event` handlers leave no annotation and no finalizer on what
they see. An exception in them would be dropped, so they do nothing that can fail.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

import kopf

from insights_operator import naming
from insights_operator.act import RUNS
from insights_operator.cache import Cache
from insights_operator.database import Database
from insights_operator.kubernetes_api import Api, ApiError, Resource
from insights_operator.reconcile import Reconciler
from insights_operator.work_queue import WorkQueue

__all__ = ["WATCHED", "Feeds"]

WATCHED = (
    RUNS,
    Resource("batch/v1", "jobs"),
    Resource("v1", "pods"),
    Resource("ray.io/v1", "rayjobs"),
    Resource("ray.io/v1", "rayclusters"),
)
_POLL_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Feeds:
    """Everything that marks runs as dirty."""

    def __init__(
        self, api: Api, database: Database, cache: Cache, queue: WorkQueue, reconciler: Reconciler
    ) -> None:
        """Feed a cache and a queue."""
        self._api = api
        self._database = database
        self._cache = cache
        self._queue = queue
        self._reconciler = reconciler
        self.verified = time.monotonic()

    def registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        """Kopf's handlers, one a kind, for a Kopf that runs in another thread than `loop`."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry, id="pod", errors=kopf.ErrorsMode.IGNORED)(
            kopf.login_with_service_account
        )
        kopf.on.login(registry=registry, id="file", errors=kopf.ErrorsMode.IGNORED)(
            kopf.login_with_kubeconfig
        )
        for resource in WATCHED:
            group, _, version = resource.api_version.rpartition("/")
            selector = {} if resource is RUNS else {naming.MANAGED_BY_LABEL: naming.MANAGER}
            kopf.on.event(
                group, version, resource.plural, labels=selector or None, registry=registry,
                id=f"feed-{resource.plural}",
            )(self._handler(resource.plural, loop))  # fmt: skip
        return registry

    def _handler(self, plural: str, loop: asyncio.AbstractEventLoop) -> Any:
        async def feed(event: Any, **_: Any) -> None:
            with suppress(RuntimeError):  # our loop is closed already: we are on our way out
                loop.call_soon_threadsafe(self._take, plural, event["type"], event["object"])

        return feed

    def _take(self, plural: str, kind: str | None, seen: Any) -> None:
        if kind == "DELETED":
            key = self._cache.remove(plural, seen)
        else:
            key = self._cache.put(plural, seen)
        if key is not None:
            self._queue.mark(key)

    async def listings(self, seconds: float) -> None:
        """List everything now and then, for ever, and correct the cache by it."""
        while True:
            try:
                await self.list_once()
            except (ApiError, OSError, TimeoutError) as error:
                _log.warning("a listing failed", extra={"error": type(error).__name__})
            await asyncio.sleep(seconds)

    async def list_once(self) -> None:
        """List every kind once; runs that were known wrongly are looked at again."""
        self._reconciler.kuberay = await self._knows("ray.io/v1")
        for resource in WATCHED:
            if resource.api_version.startswith("ray.io") and not self._reconciler.kuberay:
                continue
            selector = "" if resource is RUNS else naming.CHILD_SELECTOR
            listed = await self._api.list_all(resource.path(), selector)
            for key in self._cache.replace_all(resource.plural, listed):
                self._queue.mark(key)
        # An attempt whose run vanished while nobody watched is at work for nobody.
        for key in await self._database.active_runs():
            self._queue.mark(key)
        self.verified = time.monotonic()

    async def progress(self) -> None:
        """Ask Postgres what drivers have told, for ever."""
        while True:
            for key in await self._database.changed_runs():
                self._queue.mark(key)
            await asyncio.sleep(_POLL_SECONDS)

    def mark_all(self) -> None:
        """Look at every run: leadership has just begun."""
        for run in self._cache.all(RUNS.plural):
            self._queue.mark((run["metadata"]["namespace"], run["metadata"]["name"]))

    async def _knows(self, api_version: str) -> bool:
        try:
            await self._api.get(f"/apis/{api_version}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True
