"""Carrying out a plan, an action at a time, each one only while this replica leads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from insights_crds.v1 import API_VERSION, AnalysisRun
from insights_operator import naming
from insights_operator.cache import Cache
from insights_operator.children.kinds import ChildKind
from insights_operator.database import Database
from insights_operator.kubernetes_api import Api, ApiError, Resource
from insights_operator.lease import Leader
from insights_operator.ownership import controller_of
from insights_operator.plan import (
    Action,
    AddFinalizer,
    Announce,
    Bury,
    CreateChild,
    DeleteChild,
    DeleteRun,
    EndAttempt,
    Plan,
    RemoveFinalizer,
    StartAttempt,
    WriteStatus,
)

__all__ = ["RUNS", "Actor", "ChildNotAdmittedError", "NotLeadingError", "announce"]

RUNS = Resource(API_VERSION, AnalysisRun.plural)
EVENTS = Resource("v1", "events")
_RUN_KIND = AnalysisRun.__name__
_NOT_ADMITTED = frozenset({400, 403, 422})


class NotLeadingError(Exception):
    """This replica does not lead, and must not write."""


class ChildNotAdmittedError(Exception):
    """The API server does not admit a child: a quota, a policy or a webhook is against it.

    Attributes:
        child: its name.
    """

    def __init__(self, child: str, message: str) -> None:
        """Say which, and what the API server said."""
        super().__init__(message)
        self.child = child


class Actor:
    """Carries out plans."""

    def __init__(
        self, api: Api, database: Database, cache: Cache, leader: Leader, identity: str
    ) -> None:
        """Act through an API server and a database, while leading.

        What the API server answers goes into the cache at once: a decision that came before the
        watch tells of our own write would make it again, in vain.
        """
        self._api = api
        self._cache = cache
        self._database = database
        self._leader = leader
        self._identity = identity

    async def carry_out(
        self, plan: Plan, namespace: str, name: str, run: Mapping[str, Any] | None
    ) -> None:
        """Carry out a plan for a run. The first action that fails ends it.

        Raises:
            NotLeadingError: leadership was lost.
            ChildNotAdmittedError: the API server does not admit a child.
            ApiError: the API server refused something; the run is to be decided again.
        """
        for action in plan.actions:
            if not self._leader.valid():
                raise NotLeadingError(f"{namespace}/{name}")
            await self._do(action, namespace, name, run)

    async def _do(
        self, action: Action, namespace: str, name: str, run: Mapping[str, Any] | None
    ) -> None:
        path = RUNS.path(namespace, name)
        match action:
            case StartAttempt():
                await self._database.start(namespace, name, action)
            case EndAttempt():
                await self._database.end(namespace, name, action)
            case Bury():
                await self._database.bury(namespace, name)
            case WriteStatus() if run is not None:
                body = {**run, "status": dict(action.status)}
                self._cache.put(RUNS.plural, await self._api.replace(f"{path}/status", body))
            case CreateChild():
                await self._create(action, namespace)
            case DeleteChild():
                await self._api.delete(_path(action.kind, namespace, action.name), action.uid)
            case Announce() if run is not None:
                await announce(self._api, _RUN_KIND, run["metadata"], self._identity, action)
            case AddFinalizer() | RemoveFinalizer() if run is not None:
                held = [f for f in run["metadata"].get("finalizers", ()) if f != naming.FINALIZER]
                if isinstance(action, AddFinalizer):
                    held.append(naming.FINALIZER)
                version = run["metadata"]["resourceVersion"]
                left = await self._api.merge(
                    path, {"metadata": {"finalizers": held, "resourceVersion": version}}
                )
                # The last finalizer of a deleted run takes the run with it.
                if "deletionTimestamp" not in left["metadata"]:
                    self._cache.put(RUNS.plural, left)
            case DeleteRun() if run is not None:
                await self._api.delete(path, str(run["metadata"]["uid"]))

    async def _create(self, action: CreateChild, namespace: str) -> None:
        name = action.manifest["metadata"]["name"]
        owner = controller_of(action.manifest)
        resource = Resource(action.kind.api_version, action.kind.plural)
        try:
            made = await self._api.create(resource.path(namespace), action.manifest)
            self._cache.put(resource.plural, made)
        except ApiError as error:
            if error.status in _NOT_ADMITTED:
                raise ChildNotAdmittedError(name, error.message) from None
            if error.reason != "AlreadyExists":
                raise
            there = await self._api.get(resource.path(namespace, name))
            if controller_of(there) != owner:
                # Its name is made from our uid, so it is nobody's former child, but a stranger's.
                said = f"a {action.kind.kind} of this name is there, which the run does not control"
                raise ChildNotAdmittedError(name, said) from None


async def announce(
    api: Api,
    kind: str,
    metadata: Mapping[str, Any],
    identity: str,
    action: Announce,
) -> None:
    """Post an Event. Its name is made from what it says, so saying it twice says it once.

    Args:
        api: to the API server.
        kind: of the object that it is about.
        metadata: of that object.
        identity: of this replica.
        action: what it says.
    """
    said = f"{metadata['uid']}/{action.reason}/{action.about}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{naming.cut_name(metadata['name'], 200)}.{digest}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": "Warning" if action.warning else "Normal",
        "reason": action.reason,
        "message": action.message[:1000],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "reportingComponent": naming.MANAGER,
        "reportingInstance": identity,
        "source": {"component": naming.MANAGER},
    }
    try:
        await api.create(EVENTS.path(metadata["namespace"]), event)
    except ApiError as error:
        # It was said before; or its namespace is going, and nobody will read it.
        if error.reason not in ("AlreadyExists", "NotFound", "Forbidden"):
            raise


def _path(kind: ChildKind, namespace: str, name: str) -> str:
    return Resource(kind.api_version, kind.plural).path(namespace, name)
