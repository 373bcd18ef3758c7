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
    """Published executions of this run to keep. Neither the newest nor one that the run shows is
    ever removed. In a schedule, published executions of all its runs together."""
    max_age_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days after which a published execution is removed, unless it is the newest or one that the
    run shows. Without it age alone removes nothing."""
    on_delete: Literal["Keep", "Erase"] = "Keep"
    """What happens to the results when the run is deleted. With `Erase` the run stays until all is
    gone: its files, its rows in the database, and its logs."""


class Results(Model):
    """Where results go."""

    store: ObjectName = "default"
    """Name of a configured store: a database and an object store together."""
    privacy: Annotated[float, Field(ge=0, le=100)] = 1
    """Noise that what readers are told of people carries: its variance, as a multiple of that
    between people. It is drawn once for each person of a source and only ever added to, so that a
    smaller number later changes nothing; 0 tells exact means to everybody who may see the run.
    See docs/privacy.md."""
    retention: Retention = Retention()
    """How long results are kept."""
