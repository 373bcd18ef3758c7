"""Looking at a schedule: observe, decide, act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from insights_crds.v1 import API_VERSION, AnalysisSchedule
from insights_operator.act import RUNS, NotLeadingError, announce
from insights_operator.cache import Cache
from insights_operator.kubernetes_api import Api, ApiError, Resource
from insights_operator.lease import Leader
from insights_operator.metrics import Metrics
from insights_operator.ownership import controller_of
from insights_operator.plan import Announce
from insights_operator.schedules import (
    CreateRun,
    RemoveRun,
    ScheduleAction,
    WriteSchedule,
    schedule,
)
from insights_operator.work_queue import Key

__all__ = ["Scheduler"]

_SCHEDULES = Resource(API_VERSION, AnalysisSchedule.plural)
_KIND = AnalysisSchedule.__name__
_SOON = 0.2


class Scheduler:
    """Looks at schedules."""

    def __init__(
        self,
        api: Api,
        cache: Cache,
        leader: Leader,
        identity: str,
        metrics: Metrics,
        mark: Callable[[Key], None],
    ) -> None:
        """Look at schedules through these; `mark` has a run looked at."""
        self._metrics = metrics
        self._mark = mark
        self._api = api
        self._cache = cache
        self._leader = leader
        self._identity = identity

    async def look(self, key: Key) -> float | None:
        """Look at one schedule; returns when to look again."""
        seen = self._cache.get(_SCHEDULES.plural, key)
        if seen is None:
            self._metrics.forget_schedule(key)
        if seen is None or not self._leader.valid():
            return None
        namespace, name = key
        runs = self._cache.controlled(RUNS.plural, namespace, str(seen["metadata"]["uid"]))
        plan = schedule(seen, runs, datetime.now(UTC))
        try:
            for action in plan.actions:
                if not self._leader.valid():
                    raise NotLeadingError(f"{namespace}/{name}")
                await self._do(action, namespace, dict(seen))
        except ApiError as error:
            # Somebody was faster, or the schedule is gone: look again at what is there now.
            if error.status in (404, 409):
                return _SOON
            raise
        self._metrics.scheduled(key, seen, plan)
        return plan.again_after

    async def _do(
        self,
        action: ScheduleAction,
        namespace: str,
        seen: dict[str, Any],
    ) -> None:
        match action:
            case CreateRun():
                await self._create(action, namespace, seen)
            case RemoveRun():
                await self._api.delete(RUNS.path(namespace, action.name), action.uid)
            case WriteSchedule():
                path = _SCHEDULES.path(namespace, seen["metadata"]["name"])
                body = {**seen, "status": dict(action.status)}
                written = await self._api.replace(f"{path}/status", body)
                self._cache.put(_SCHEDULES.plural, written)
            case Announce():
                await self._announce(action, seen)

    async def _create(self, action: CreateRun, namespace: str, seen: dict[str, Any]) -> None:
        name = action.manifest["metadata"]["name"]
        try:
            made = await self._api.create(RUNS.path(namespace), action.manifest)
            self._cache.put(RUNS.plural, made)
            # The watch's event tells nothing new any more where it comes after the answer.
            self._mark((namespace, str(name)))
        except ApiError as error:
            if error.reason == "AlreadyExists":
                there = await self._api.get(RUNS.path(namespace, name))
                if controller_of(there) == seen["metadata"]["uid"]:
                    return
            # Refused by admission, a quota or another run of that name; a person must know.
            said = Announce("CreateFailed", f"run {name}: {error}", name, warning=True)
            await self._announce(said, seen)
            raise

    async def _announce(self, action: Announce, seen: dict[str, Any]) -> None:
        await announce(self._api, _KIND, seen["metadata"], self._identity, action)
