"""The kinds of child, behind one interface, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from insights_operator.children import job, rayjob
from insights_operator.children.order import ChildOrder
from insights_operator.children.state import ChildState

__all__ = ["JOB", "KINDS", "RAYJOB", "ChildKind"]


@dataclass(frozen=True)
class ChildKind:
    """A kind of object that can carry out an attempt.

    Attributes:
        api_version: of the object, such as `ray.io/v1`.
        kind: of the object.
        plural: in the path of the API.
        manifest: builds the object of an attempt.
        state: reads what an object says about itself.
    """

    api_version: str
    kind: str
    plural: str
    manifest: Callable[[ChildOrder], dict[str, Any]]
    state: Callable[[Mapping[str, Any]], ChildState]


JOB = ChildKind(job.API_VERSION, job.KIND, job.PLURAL, job.manifest, job.state)
RAYJOB = ChildKind(rayjob.API_VERSION, rayjob.KIND, rayjob.PLURAL, rayjob.manifest, rayjob.state)
KINDS = {kind.kind: kind for kind in (JOB, RAYJOB)}
