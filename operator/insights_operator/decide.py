"""What should be done for a run: a function of what is seen, and of nothing else.

One that cannot be carried out as it is written, and one of which nothing can be known are settled
here; `farewell` has runs that are going or gone, `life` the rest. A plan may be cut off after any
of its actions: the next decision sees what was done and goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from insights_crds.document import SpecError, parse
from insights_crds.reasons import Reason
from insights_crds.v1 import API_VERSION, AnalysisRun, AnalysisRunSpec, ObjectMeta
from insights_crds.v1.source import Source
from insights_operator.conditions import Fact, condition
from insights_operator.farewell import farewell, finalizer, forget
from insights_operator.life import Refused, accepted, live
from insights_operator.observed import Child, Observed
from insights_operator.plan import Plan, WriteStatus
from insights_operator.sizing import needs_kuberay
from insights_operator.status import compose, differs
from insights_operator.tolerance import readable

__all__ = ["decide"]

_AT_ONCE = 0.0
_STORE_RETRY = 5.0


def decide(seen: Observed) -> Plan:
    """Decide what to do for one run."""
    seen = replace(seen, children=tuple(filter(partial(_ours, seen), seen.children)))
    if seen.run is None:
        return forget(seen)
    if "deletionTimestamp" in seen.run["metadata"]:
        return farewell(seen, seen.run)
    held = finalizer(seen.run)
    if held is not None:
        return Plan((held,), _AT_ONCE)
    refusal: Refused | None
    try:
        run = _parse(seen.run)
        refusal = _refusal(seen, run)
    except SpecError as error:
        problems = "; ".join(str(problem) for problem in error.problems)
        run = _salvage(seen.run)
        refusal = Refused(Reason.INVALID_SPEC, problems, unreadable=True)
    if seen.record is None:
        return _without_store(seen, refusal)
    return live(seen, run, seen.record, refusal)


def _ours(seen: Observed, child: Child) -> bool:
    """Whether a child is this run's, or one of a former run of its name: nothing else is touched.

    The API server knows one object of a name. Where it is gone, so is whoever bore it; where it has
    another uid by now, so are those for whom Postgres has attempts.
    """
    owner = child.owner
    if owner is None or (owner.kind, owner.name) != (AnalysisRun.__name__, seen.name):
        return False
    if seen.run is None:
        return True
    uid = str(seen.run["metadata"].get("uid"))
    known = seen.record.attempts if seen.record is not None else ()
    return owner.uid == uid or any(owner.uid == attempt.uid for attempt in known)


def _parse(run: Mapping[str, Any]) -> AnalysisRun:
    document = {
        "apiVersion": API_VERSION,
        "kind": "AnalysisRun",
        "metadata": run["metadata"],
        "spec": run.get("spec"),
    }
    parsed = parse(document, str(run["metadata"].get("name")), tolerant=True)
    assert isinstance(parsed, AnalysisRun)  # noqa: S101 (the kind is given above)
    return parsed


def _refusal(seen: Observed, run: AnalysisRun) -> Refused | None:
    """Why a run with a valid spec cannot be started here and now."""
    if run.spec.results.store not in seen.config.stores:
        known = ", ".join(sorted(seen.config.stores))
        return Refused(
            Reason.UNKNOWN_STORE,
            f"spec.results.store: no store `{run.spec.results.store}` is configured; known: "
            f"{known}",
        )
    if needs_kuberay(run.spec.compute) and not seen.kuberay:
        return Refused(
            Reason.KUBERAY_MISSING,
            "the run needs a Ray cluster, but KubeRay is not installed; install it, or set "
            "spec.compute.mode to SinglePod",
        )
    return None


def _salvage(run: Mapping[str, Any]) -> AnalysisRun:
    """What can be read of a run whose spec is not valid; all else is as by default.

    Only what an attempt at work is judged by is looked at: its key is that of the attempt.
    """
    unknown = {"uri": "file:///unreadable.csv"}
    spec = dict(run.get("spec") or {})
    if readable(Source, spec.get("source")) is None:
        spec["source"] = unknown
    known = readable(AnalysisRunSpec, spec) or AnalysisRunSpec.model_validate({"source": unknown})
    metadata = {k: v for k, v in run["metadata"].items() if k in ObjectMeta.model_fields}
    return AnalysisRun.model_construct(
        api_version=API_VERSION,
        kind=AnalysisRun.__name__,
        metadata=ObjectMeta.model_construct(**metadata),
        spec=known,
    )


def _without_store(seen: Observed, refusal: Refused | None) -> Plan:
    """Nothing is known without Postgres: nothing new starts, and nothing is given up."""
    run = seen.run or {}
    old: Mapping[str, Any] = run.get("status") or {}
    finished = condition(old, "Finished")
    generation = int(run["metadata"].get("generation", 0))
    settled = (
        finished is not None
        and finished["status"] == "True"
        and finished.get("observedGeneration") == generation
    )
    if settled:
        return Plan((), _STORE_RETRY)
    unreachable = Fact(
        "Unknown", Reason.STORE_UNREACHABLE, "the results database cannot be reached"
    )
    facts = {"Accepted": accepted(refusal), "Succeeded": unreachable}
    new = compose(old, facts, generation=generation, now=seen.now)
    return Plan((WriteStatus(new),) if differs(old, new) else (), _STORE_RETRY)
