"""`AnalysisSchedule`: a run made anew at set times."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from insights_crds.cron import valid_cron, valid_zone
from insights_crds.model import Model
from insights_crds.v1.run import AnalysisRunSpec, ObjectMeta
from insights_crds.v1.scalars import PositiveSeconds
from insights_crds.v1.status import Condition

__all__ = [
    "AnalysisSchedule",
    "AnalysisScheduleSpec",
    "AnalysisScheduleStatus",
    "RunTemplate",
    "TemplateMeta",
]

_Text = Annotated[str, StringConstraints(max_length=253)]
_Time = Annotated[
    str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
]


class TemplateMeta(Model):
    """Labels and annotations of the runs that a schedule makes."""

    labels: Annotated[dict[_Text, _Text], Field(max_length=50)] = {}
    """Labels of each run."""
    annotations: Annotated[dict[_Text, _Text], Field(max_length=50)] = {}
    """Annotations of each run."""


class RunTemplate(Model):
    """The run that is made each time."""

    metadata: TemplateMeta = TemplateMeta()
    """Its labels and annotations."""
    spec: AnalysisRunSpec
    """Its spec."""


class AnalysisScheduleSpec(Model):
    """When runs are made, and which."""

    schedule: Annotated[
        str, StringConstraints(min_length=9, max_length=128), AfterValidator(valid_cron)
    ]
    """Five fields of cron: minute, hour, day of month, month, day of week."""
    time_zone: Annotated[
        str, StringConstraints(min_length=1, max_length=64), AfterValidator(valid_zone)
    ] = "Etc/UTC"
    """Name from the IANA time zone database."""
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Forbid"
    """What happens when the last run is still active: run both, skip, or stop the last."""
    starting_deadline_seconds: PositiveSeconds | None = None
    """How late a run may start. A missed time is made up for at most once."""
    successful_runs_history_limit: Annotated[int, Field(ge=0, le=1000)] = 3
    """Successful run objects to keep. Results are not removed by this, unless the template's
    `results.retention.onDelete` is `Erase`."""
    failed_runs_history_limit: Annotated[int, Field(ge=0, le=1000)] = 1
    """Failed run objects to keep."""
    suspend: bool | None = None
    """True makes no new runs; runs that are active go on."""
    run_template: RunTemplate
    """The run that is made each time."""


class AnalysisScheduleStatus(Model):
    """What is known about the schedule."""

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that the status speaks of."""
    conditions: Annotated[list[Condition], Field(max_length=16)] = []
    """What holds and what does not."""
    last_schedule_time: _Time | None = None
    """The last time that was due and is dealt with."""
    last_successful_time: _Time | None = None
    """When a run of this schedule last succeeded."""
    next_schedule_time: _Time | None = None
    """When the next run is due."""
    active: Annotated[list[_Text], Field(max_length=100)] = []
    """Names of active runs."""

    list_maps: ClassVar[dict[str, str]] = {"conditions": "type"}


class AnalysisSchedule(Model):
    """Runs at set times."""

    api_version: Literal["insights.observer.io/v1"]
    kind: Literal["AnalysisSchedule"]
    metadata: ObjectMeta
    spec: AnalysisScheduleSpec
    status: AnalysisScheduleStatus | None = None

    plural: ClassVar[str] = "analysisschedules"
    short_names: ClassVar[tuple[str, ...]] = ("isched",)
    printer_columns: ClassVar[tuple[dict[str, Any], ...]] = (
        {"name": "Schedule", "type": "string", "jsonPath": ".spec.schedule"},
        {"name": "TimeZone", "type": "string", "jsonPath": ".spec.timeZone"},
        {"name": "Suspend", "type": "boolean", "jsonPath": ".spec.suspend"},
        {"name": "Last", "type": "date", "jsonPath": ".status.lastScheduleTime"},
        {"name": "Next", "type": "string", "jsonPath": ".status.nextScheduleTime"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    )
