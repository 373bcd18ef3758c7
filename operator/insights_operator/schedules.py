"""What should be done for a schedule: a function of what is seen, like `decide` for a run.

A run is made for the last time that was due; earlier ones that were missed are made up for by it,
and never one by one. Its name comes from its time, so making it twice makes it once. What is
removed by the history limits are run objects; results stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from insights_crds.cron import latest_due, next_due
from insights_crds.document import SpecError, parse
from insights_crds.reasons import Reason
from insights_crds.v1 import API_VERSION, AnalysisSchedule
from insights_operator import naming
from insights_operator.conditions import Fact, condition, merge, stamp
from insights_operator.ownership import controller_of, owned_by
from insights_operator.plan import Announce

__all__ = ["CreateRun", "RemoveRun", "ScheduleAction", "SchedulePlan", "WriteSchedule", "schedule"]

_TYPES = ("Ready",)
_LONGEST_ACTIVE = 100


@dataclass(frozen=True)
class CreateRun:
    """POST a run. An existing one of its name counts only if this schedule controls it."""

    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class RemoveRun:
    """Delete a run object; its results stay unless its own retention says otherwise."""

    name: str
    uid: str


@dataclass(frozen=True)
class WriteSchedule:
    """Replace the schedule's status, unless the schedule changed since it was seen."""

    status: Mapping[str, Any]


ScheduleAction = CreateRun | RemoveRun | WriteSchedule | Announce


@dataclass(frozen=True)
class SchedulePlan:
    """What to do now, and when to look again.

    Attributes:
        actions: in their order; the rest is dropped when one fails.
        again_after: seconds, None where only an event can change anything.
    """

    actions: tuple[ScheduleAction, ...] = ()
    again_after: float | None = None


def schedule(
    seen: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], now: datetime
) -> SchedulePlan:
    """Decide what to do for one schedule.

    Args:
        seen: the schedule object.
        runs: runs that it controls; others are passed over.
        now: with a time zone.
    """
    metadata = seen["metadata"]
    if "deletionTimestamp" in metadata:
        return SchedulePlan()
    old: Mapping[str, Any] = seen.get("status") or {}
    mine = [run for run in runs if controller_of(run) == metadata["uid"]]
    try:
        parsed = parse(
            {"apiVersion": API_VERSION, "kind": "AnalysisSchedule", "metadata": metadata,
             "spec": seen.get("spec")},
            str(metadata["name"]),
            tolerant=True,
        )  # fmt: skip
    except SpecError as error:
        message = "; ".join(str(problem) for problem in error.problems)
        fact = Fact("False", Reason.INVALID_SPEC, message)
        return _written(seen, old, mine, (), fact, _last(seen, old), now)
    assert isinstance(parsed, AnalysisSchedule)  # noqa: S101 (the kind is given above)
    return _valid(seen, parsed, old, mine, now)


def _valid(
    seen: Mapping[str, Any],
    parsed: AnalysisSchedule,
    old: Mapping[str, Any],
    mine: Sequence[Mapping[str, Any]],
    now: datetime,
) -> SchedulePlan:
    spec = parsed.spec
    last = _last(seen, old)
    due = latest_due(spec.schedule, spec.time_zone, last, now)
    following = next_due(spec.schedule, spec.time_zone, now)
    actions: list[ScheduleAction] = []
    was_suspended = (condition(old, "Ready") or {}).get("reason") == Reason.SUSPENDED
    if spec.suspend:
        # Times that pass meanwhile are not made up for; they are dealt with on resuming.
        fact = Fact("False", Reason.SUSPENDED, "the schedule is suspended; no runs are made")
        return _written(seen, old, mine, _history(spec, mine), fact, last, now)
    if due is not None:
        if not was_suspended:
            actions += _at(seen, parsed, mine, due, now)
        last = due
    fact = Fact("True", Reason.SCHEDULED, f"runs are made at `{spec.schedule}` {spec.time_zone}")
    actions += _history(spec, mine)
    made = [a.manifest for a in actions if isinstance(a, CreateRun)]
    gone = {a.name for a in actions if isinstance(a, RemoveRun)}
    left = [run for run in mine if run["metadata"]["name"] not in gone]
    plan = _written(seen, old, [*left, *made], actions, fact, last, now, following)
    again = max(0.05, (following - now).total_seconds()) if following is not None else None
    return SchedulePlan(plan.actions, again)


def _at(
    seen: Mapping[str, Any],
    parsed: AnalysisSchedule,
    mine: Sequence[Mapping[str, Any]],
    due: datetime,
    now: datetime,
) -> list[ScheduleAction]:
    """What a time that is due asks for."""
    spec, about = parsed.spec, stamp(due)
    name = naming.scheduled_run_name(str(parsed.metadata.name), int(due.timestamp()) // 60)
    late = now - due
    deadline = spec.starting_deadline_seconds
    there = any(run["metadata"]["name"] == name for run in mine)
    if not there and deadline is not None and late > timedelta(seconds=deadline):
        message = f"the run of {about} was {late.total_seconds():.0f} s late, more than {deadline}"
        return [Announce("MissedSchedule", message, about, warning=True)]
    active = [run for run in mine if not _finished(run) and run["metadata"]["name"] != name]
    if active and not there and spec.concurrency_policy == "Forbid":
        message = f"the run of {about} is left out: an earlier one is still active"
        return [Announce("AlreadyActive", message, about)]
    out: list[ScheduleAction] = []
    if spec.concurrency_policy == "Replace":
        out += [_remove(run) for run in active]
    out.append(CreateRun(_run(seen, name, due)))
    out.append(Announce("Created", f"made run {name}", about))
    return out


def _run(seen: Mapping[str, Any], name: str, due: datetime) -> dict[str, Any]:
    metadata, template = seen["metadata"], seen["spec"]["runTemplate"]
    said = template.get("metadata") or {}
    return {
        "apiVersion": API_VERSION,
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {
                **(said.get("labels") or {}),
                naming.SCHEDULE_LABEL: naming.label_value(str(metadata["name"])),
            },
            "annotations": {
                **(said.get("annotations") or {}),
                naming.SCHEDULED_FOR_ANNOTATION: stamp(due),
            },
            "ownerReferences": owned_by(
                AnalysisSchedule.__name__, metadata["name"], metadata["uid"]
            ),
        },
        # As written, so that a default of a later version never changes what is meant.
        "spec": template["spec"],
    }


def _history(spec: Any, mine: Sequence[Mapping[str, Any]]) -> list[RemoveRun]:
    """Run objects beyond the limits, the oldest first."""
    out: list[RemoveRun] = []
    for status, limit in (
        ("True", spec.successful_runs_history_limit),
        ("False", spec.failed_runs_history_limit),
    ):
        ended = sorted((r for r in mine if _finished(r) and _succeeded(r) == status), key=_created)
        out += [_remove(run) for run in ended[: max(0, len(ended) - limit)]]
    return out


def _written(
    seen: Mapping[str, Any],
    old: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    actions: Sequence[Any],
    fact: Fact,
    last: datetime | None,
    now: datetime,
    following: datetime | None = None,
) -> SchedulePlan:
    generation = int(seen["metadata"].get("generation", 0))
    conditions = merge(old.get("conditions") or (), {"Ready": fact}, generation, now, _TYPES)
    active = sorted({str(run["metadata"]["name"]) for run in runs if not _finished(run)})
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": conditions,
        "active": active[:_LONGEST_ACTIVE],
    }
    ended = [_ended(run) for run in runs if _finished(run) and _succeeded(run) == "True"]
    successful = max([*ended, str(old.get("lastSuccessfulTime", ""))])
    if successful:
        status["lastSuccessfulTime"] = successful
    if last is not None and (last > _created_at(seen) or "lastScheduleTime" in old):
        status["lastScheduleTime"] = stamp(last)
    if following is not None:
        status["nextScheduleTime"] = stamp(following)
    if status == old:
        return SchedulePlan(tuple(actions))
    return SchedulePlan((*actions, WriteSchedule(status)))


def _last(seen: Mapping[str, Any], old: Mapping[str, Any]) -> datetime:
    """The last time that is dealt with; before the first, when the schedule was made."""
    stamped = old.get("lastScheduleTime")
    return datetime.fromisoformat(str(stamped)) if stamped else _created_at(seen)


def _created_at(seen: Mapping[str, Any]) -> datetime:
    stamped = seen["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(str(stamped)) if stamped else datetime.now(UTC)


def _created(run: Mapping[str, Any]) -> tuple[str, str]:
    return str(run["metadata"].get("creationTimestamp", "")), str(run["metadata"]["name"])


def _remove(run: Mapping[str, Any]) -> RemoveRun:
    return RemoveRun(str(run["metadata"]["name"]), str(run["metadata"].get("uid", "")))


def _finished(run: Mapping[str, Any]) -> bool:
    said = condition(run.get("status") or {}, "Finished")
    return said is not None and said["status"] == "True"


def _succeeded(run: Mapping[str, Any]) -> str:
    return str((condition(run.get("status") or {}, "Succeeded") or {}).get("status", "Unknown"))


def _ended(run: Mapping[str, Any]) -> str:
    status = run.get("status") or {}
    return str(
        (status.get("execution") or {}).get("completionTime")
        or (condition(status, "Finished") or {}).get("lastTransitionTime", "")
    )
