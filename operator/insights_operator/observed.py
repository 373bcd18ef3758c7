"""Everything that one decision is made from, in one frozen value.

A bug report is such a value, and so is its test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from insights_crds.reasons import Reason
from insights_operator.children.kinds import ChildKind
from insights_operator.ownership import Owner, controller_of, owner_of
from insights_operator.record import Record

__all__ = ["Child", "Config", "Observed", "Refusal"]


@dataclass(frozen=True)
class Config:
    """The operator's own settings, as far as decisions look at them.

    Attributes:
        environment: first part of an execution's identity and of the objects' prefix.
        image: image of the engine, where a run names none.
        ray_version: version of Ray in that image.
        stores: names of the configured results stores.
        heartbeat_timeout: seconds of silence after which a driver counts as dead.
        progress_interval: least seconds between two status writes that only tell progress.
        cluster_from_people: people from which `mode: Auto` starts a Ray cluster.
        people_per_worker: people that one Ray worker is given.
        most_workers: most Ray workers that are computed from the size of the input.
    """

    environment: str
    image: str
    ray_version: str
    stores: frozenset[str] = frozenset({"default"})
    heartbeat_timeout: float = 60.0
    progress_interval: float = 10.0
    cluster_from_people: int = 2_000_000
    people_per_worker: int = 2_000_000
    most_workers: int = 32


@dataclass(frozen=True)
class Child:
    """A child of the run, as last seen.

    Attributes:
        kind: how to read it.
        object: the object itself.
    """

    kind: ChildKind
    object: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its uid."""
        return str(self.object["metadata"].get("uid", ""))

    @property
    def controller(self) -> str | None:
        """Uid of the object that controls it."""
        return controller_of(self.object)

    @property
    def owner(self) -> Owner | None:
        """The run or schedule that controls it."""
        return owner_of(self.object)

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return "deletionTimestamp" in self.object["metadata"]


@dataclass(frozen=True)
class Refusal:
    """The API server's answer to the last try to make a child: a quota, a policy, a webhook.

    Attributes:
        child: name of the child.
        message: in the API server's own words.
        age: seconds since it was given.
    """

    child: str
    message: str
    age: float


@dataclass(frozen=True)
class Observed:
    """What is known of one run at one moment.

    Attributes:
        namespace: of the run.
        name: of the run.
        run: the object, None once it is gone.
        children: RayJobs and Jobs that the run controls; others are passed over.
        pods: pods that bear the run's uid.
        clusters: RayClusters of the run's RayJobs.
        events: Events about its objects; asked for only where a start takes long.
        record: what Postgres knows, None while it cannot be reached.
        now: Postgres' time where it was reached, our own else; with a time zone.
        refusal: why the run's child is not admitted, where it was not.
        blocked: what keeps results that are to be erased from being so: a reason, and a sentence.
        may_start: whether the limits of active runs let it start.
        kuberay: whether the API server knows RayJobs.
        progress_age: seconds since a status was last written only to tell progress.
        config: the operator's settings.
    """

    namespace: str
    name: str
    run: Mapping[str, Any] | None
    record: Record | None
    now: datetime
    config: Config
    children: tuple[Child, ...] = ()
    pods: tuple[Mapping[str, Any], ...] = ()
    clusters: tuple[Mapping[str, Any], ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    refusal: Refusal | None = None
    blocked: tuple[Reason, str] | None = None
    may_start: bool = True
    kuberay: bool = True
    progress_age: float = inf
