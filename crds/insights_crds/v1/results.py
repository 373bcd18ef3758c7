"""`spec.results`: where results go and how long they stay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from insights_crds.model import Model
from insights_crds.v1.scalars import ObjectName

__all__ = ["Results", "Retention"]


class Retention(Model):
    """How long results are kept."""

    executions: Annotated[int, Field(ge=1, le=1000)] = 10
    """Published executions of this run to keep. The newest is never removed."""
    on_delete: Literal["Keep", "Erase"] = "Keep"
    """What happens to the results when the run is deleted."""


class Results(Model):
    """Where results go."""

    store: ObjectName = "default"
    """Name of a configured store: a database and an object store together."""
    retention: Retention = Retention()
    """How long results are kept."""
