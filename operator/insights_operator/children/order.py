"""What a child is asked to do: everything that its manifest is made from."""

from __future__ import annotations

from dataclasses import dataclass

from insights_crds.v1 import Compute, Policy

__all__ = ["ChildOrder"]


@dataclass(frozen=True)
class ChildOrder:
    """One attempt to be carried out.

    Attributes:
        name: name of the child.
        namespace: namespace of run and child.
        run: name of the run.
        uid: uid of the run, its controller.
        environment: the operator's environment, first part of an execution's identity.
        key: execution key.
        attempt: number of the attempt.
        compute: `spec.compute` of the run.
        policy: `spec.policy` of the run.
        store: name of the results store.
        image: image of the engine.
        ray_version: version of Ray in that image.
        workers: Ray workers to start with (RayCluster mode).
    """

    name: str
    namespace: str
    run: str
    uid: str
    environment: str
    key: str
    attempt: int
    compute: Compute
    policy: Policy
    store: str
    image: str
    ray_version: str
    workers: int
