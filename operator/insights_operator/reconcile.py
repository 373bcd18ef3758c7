"""Looking at a run: observe, decide, act.

The cache is read before the database: a child that is seen to have ended without a publication in a
record that is read later has really published nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from insights_crds.reasons import Reason
from insights_operator import naming
from insights_operator.act import RUNS, Actor, ChildNotAdmittedError
from insights_operator.cache import Cache
from insights_operator.children.kinds import KINDS
from insights_operator.conditions import condition
from insights_operator.database import AttemptTakenError, Database
from insights_operator.decide import decide
from insights_operator.judgement import EVENTS_AFTER
from insights_operator.kubernetes_api import Api, ApiError, Resource
from insights_operator.lease import Leader
from insights_operator.metrics import Metrics
from insights_operator.observed import Child, Config, Observed, Refusal
from insights_operator.plan import CreateChild, StartAttempt, WriteStatus
from insights_operator.record import Record
from insights_operator.slots import Limits, next_in_line
from insights_operator.work_queue import Key

__all__ = ["Reconciler"]

_SOON = 0.2


class Reconciler:
    """Looks at runs."""

    def __init__(
        self,
        api: Api,
        database: Database,
        cache: Cache,
        leader: Leader,
        actor: Actor,
        config: Config,
        limits: Limits,
        kuberay: Callable[[], bool],
        mark: Callable[[Key], None],
        metrics: Metrics,
        blocked: Callable[[Key], tuple[Reason, str] | None],
    ) -> None:
        """Look at runs through these; `mark` has another run looked at.

        What keeps a run's results from being erased is told by `blocked`.
        """
        self._blocked = blocked
        self._metrics = metrics
        self._api = api
        self._database = database
        self._cache = cache
        self._leader = leader
        self._actor = actor
        self._config = config
        self._limits = limits
        self._limited = limits != Limits()
        self._active: set[Key] = set()
        self._told: dict[Key, float] = {}
        self._refused: dict[Key, tuple[str, str, float]] = {}
        self._kuberay = kuberay
        self._mark = mark
        self._knows_active = not self._limited

    async def look(self, key: Key) -> float | None:
        """Look at one run; returns when to look again."""
        if not self._leader.valid():
            return None
        await self._learn_active()
        was_active = key in self._active
        seen = await self._observe(key)
        self._metrics.looked(key, seen.run, seen.record)
        plan = decide(seen)
        if any(isinstance(action, StartAttempt) for action in plan.actions):
            # Before anything is awaited: another worker may be about to take the same slot.
            self._active.add(key)
        try:
            await self._actor.carry_out(plan, *key, seen.run)
        except ApiError as error:
            # Somebody was faster, or the run is gone: look again at what is there now.
            if error.status in (404, 409):
                return _SOON
            raise
        except AttemptTakenError:
            return _SOON
        except ChildNotAdmittedError as error:
            self._refused[key] = (error.child, str(error), time.monotonic())
            return 0.0
        finally:
            self._metrics.carried_out(key, self._cache.get(RUNS.plural, key), seen.record)
        if seen.run is None or any(isinstance(action, CreateChild) for action in plan.actions):
            self._refused.pop(key, None)
        if any(isinstance(action, WriteStatus) for action in plan.actions):
            self._told[key] = time.monotonic()
        if seen.run is None:
            self._told.pop(key, None)
            self._active.discard(key)
        if self._limited and was_active and key not in self._active:
            for each in next_in_line(self._waiting(), self._active, self._limits):
                self._mark(each)
        return plan.again_after

    async def _learn_active(self) -> None:
        """A leader that has just begun knows of no active run, and would start too many."""
        if not self._knows_active:
            known = await self._database.active_runs()
            if known is not None:
                self._active |= known
                self._knows_active = True

    async def _observe(self, key: Key) -> Observed:
        namespace, name = key
        run = self._cache.get(RUNS.plural, key) or await self._fetch(RUNS, namespace, name)
        uid = str(run["metadata"]["uid"]) if run is not None else None

        def mine(plural: str) -> list[Any]:
            return self._cache.of_run(plural, namespace, uid, name)

        children = tuple(Child(kind, each) for kind in KINDS.values() for each in mine(kind.plural))
        pods, clusters = tuple(mine("pods")), tuple(mine("rayclusters"))
        known = await self._database.record(namespace, name)
        record, now = known if known is not None else (None, datetime.now(UTC))
        children += await self._unknown_children(namespace, record, children)
        if record is not None:
            (self._active.add if record.active else self._active.discard)(key)
        events = await self._events(namespace, record, pods)
        # Nothing may be awaited from here on: whether a slot is free is true for this moment.
        return Observed(
            namespace=namespace,
            name=name,
            run=run,
            record=record,
            now=now,
            config=self._config,
            children=children,
            pods=pods,
            clusters=clusters,
            events=events,
            refusal=self._refusal(key),
            blocked=self._blocked(key),
            may_start=self._may_start(key, run),
            kuberay=self._kuberay(),
            progress_age=time.monotonic() - self._told.get(key, -1e9),
        )

    async def _unknown_children(
        self, namespace: str, record: Record | None, known: tuple[Child, ...]
    ) -> tuple[Child, ...]:
        """Children of active attempts that no watch has told of, as the API server knows them."""
        out: list[Child] = []
        for attempt in record.active if record is not None else ():
            if any(child.name == attempt.child for child in known):
                continue
            kind = KINDS.get(attempt.child_kind)
            if kind is None:
                continue
            resource = Resource(kind.api_version, kind.plural)
            found = await self._fetch(resource, namespace, attempt.child)
            if found is not None:
                out.append(Child(kind, found))
        return tuple(out)

    async def _fetch(self, resource: Resource, namespace: str, name: str) -> Any:
        """What is not in the cache may be there all the same: an event may be late, or lost."""
        try:
            found = await self._api.get(resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        self._cache.put(resource.plural, found)
        return found

    def _refusal(self, key: Key) -> Refusal | None:
        known = self._refused.get(key)
        if known is None:
            return None
        child, message, at = known
        return Refusal(child, message, time.monotonic() - at)

    def _may_start(self, key: Key, run: Any) -> bool:
        if not self._limited or key in self._active or run is None:
            return True
        if not self._knows_active:
            return False
        return key in next_in_line({**self._waiting(), key: run}, self._active, self._limits)

    def _waiting(self) -> dict[Key, Any]:
        out = {}
        for run in self._cache.all("analysisruns"):
            said = condition(run.get("status") or {}, "Succeeded")
            key = (str(run["metadata"]["namespace"]), str(run["metadata"]["name"]))
            if said is not None and said["reason"] == "WaitingForSlot" and key not in self._active:
                out[key] = run
        return out

    async def _events(
        self, namespace: str, record: Any, pods: tuple[Any, ...]
    ) -> tuple[dict[str, Any], ...]:
        """Warnings about an attempt's objects, asked for only where its start takes long."""
        active = next(iter(record.active), None) if record is not None else None
        if active is None or active.claims:
            return ()
        if datetime.now(UTC) - active.started < EVENTS_AFTER:
            return ()
        names = {active.child, *(str(p["metadata"]["name"]) for p in pods)}
        found = await self._api.get(
            Resource("v1", "events").path(namespace), fieldSelector="type=Warning", limit="500"
        )
        return tuple(
            each
            for each in found.get("items") or ()
            if each.get("involvedObject", {}).get("name") in names
            and each.get("source", {}).get("component") != naming.MANAGER
        )
