"""What the platform says about pods of runs: defaults, and how far a run may go.

A run's own word counts before its namespace's default, and that before the general one; bounds are
looked at last, on what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from insights_crds.model import Model
from insights_crds.quantities import amount
from insights_crds.v1 import Compute, PodOptions
from insights_crds.v1.scalars import ObjectName, Quantity

__all__ = ["SCRATCH", "Bounds", "PodPolicy"]

SCRATCH = "10Gi"
"""Disk of a pod where nobody says more."""


class Bounds(Model):
    """How far runs may go."""

    service_accounts: list[ObjectName] = []
    """ServiceAccounts that runs may name, beside the default of their namespace."""
    priority_classes: list[ObjectName] = []
    """PriorityClasses that runs may name, beside the default."""
    cpu: Quantity | None = None
    """Most cores of one pod."""
    memory: Quantity | None = None
    """Most memory of one pod."""
    scratch: Quantity | None = None
    """Most disk of one pod."""
    workers: Annotated[int, Field(ge=0)] | None = None
    """Most workers of one run."""


class PodPolicy(Model):
    """What the platform says about pods of runs."""

    defaults: PodOptions = PodOptions()
    """Of every run."""
    namespaces: dict[str, PodOptions] = {}
    """Of runs in a namespace; they count before the general ones."""
    bounds: Bounds = Bounds()
    """How far runs may go."""
    fixed_user: bool = True
    """False where the cluster gives each namespace a user id of its own."""

    def completed(self, compute: Compute, namespace: str) -> Compute:
        """What a run says, and where it says nothing, what the platform does."""
        options = self._defaults(namespace)
        return compute.model_copy(update=_over(options, compute))

    def objections(self, compute: Compute, namespace: str) -> Iterator[str]:
        """What a run may not have, a sentence each."""
        if compute.ray_cluster_selector is not None:
            return
        bounds, options = self.bounds, self._defaults(namespace)
        for field, wanted, default, allowed in (
            (
                "serviceAccountName",
                compute.service_account_name,
                options.service_account_name,
                bounds.service_accounts,
            ),
            (
                "priorityClassName",
                compute.priority_class_name,
                options.priority_class_name,
                bounds.priority_classes,
            ),
        ):
            if wanted is not None and wanted not in {default, *allowed}:
                known = ", ".join(f"`{name}`" for name in allowed) or "none"
                yield (
                    f"spec.compute.{field}: `{wanted}` is not among those that runs may name "
                    f"({known}); leave it out, or ask who runs the operator to allow it"
                )
        for field, quantity, most in (
            ("head.cpu", compute.head.cpu, bounds.cpu),
            ("head.memory", compute.head.memory, bounds.memory),
            ("workers.resources.cpu", compute.workers.resources.cpu, bounds.cpu),
            ("workers.resources.memory", compute.workers.resources.memory, bounds.memory),
            ("scratch", compute.scratch or options.scratch or SCRATCH, bounds.scratch),
        ):
            if most is not None and amount(quantity) > amount(most):
                yield f"spec.compute.{field}: {quantity} was seen, at most {most} is allowed here"
        scaling = compute.workers.autoscaling
        count = scaling.max if scaling is not None else compute.workers.count
        if bounds.workers is not None and count is not None and count > bounds.workers:
            where = "count" if scaling is None else "autoscaling.max"
            yield (
                f"spec.compute.workers.{where}: {count} was seen, at most {bounds.workers} is "
                "allowed here"
            )

    def _defaults(self, namespace: str) -> PodOptions:
        own = self.namespaces.get(namespace, PodOptions())
        return self.defaults.model_copy(update=_over(self.defaults, own))


def _over(defaults: PodOptions, own: PodOptions) -> dict[str, Any]:
    """Fields of pod options: maps are joined, with the own value of a key; lists are not."""
    result = {}
    for name in PodOptions.model_fields:
        default, said = getattr(defaults, name), getattr(own, name)
        result[name] = {**default, **said} if isinstance(default, dict) else said or default
    return result
