"""Which kind of child an attempt gets, and how many workers."""

from __future__ import annotations

from math import ceil

from insights_crds.reasons import FailureClass
from insights_crds.v1 import Compute
from insights_operator.children.kinds import JOB, RAYJOB, ChildKind
from insights_operator.observed import Config
from insights_operator.wish import Wish

__all__ = ["choose_kind", "needs_kuberay", "worker_count"]


def needs_kuberay(compute: Compute) -> bool:
    """Whether the run can do nothing without KubeRay."""
    return compute.mode == "RayCluster" or compute.ray_cluster_selector is not None


def choose_kind(
    compute: Compute, wish: Wish, people: int | None, *, kuberay: bool, config: Config
) -> ChildKind:
    """Kind of the next attempt's child.

    `Auto` keeps to one pod until the run is known to be large: by the people of an earlier
    execution, or by an attempt that ran out of memory.

    Args:
        compute: `spec.compute` of the run.
        wish: what it asks for, with earlier attempts.
        people: people in its newest result, None before the first.
        kuberay: whether the API server knows RayJobs.
        config: the operator's settings.
    """
    if needs_kuberay(compute):
        return RAYJOB
    if compute.mode == "SinglePod" or not kuberay:
        return JOB
    large = people is not None and people >= config.cluster_from_people
    starved = any(attempt.failure is FailureClass.RESOURCE for attempt in wish.tries)
    return RAYJOB if large or starved else JOB


def worker_count(compute: Compute, people: int | None, config: Config) -> int:
    """Workers of a Ray cluster: as the spec says, else by the size of the input."""
    if compute.workers.count is not None:
        return compute.workers.count
    if people is None:
        return 1
    return min(config.most_workers, max(1, ceil(people / config.people_per_worker)))
