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
from insights_crds.v1 import API_VERSION, AnalysisRun
from insights_operator.conditions import Fact, condition
from insights_operator.farewell import farewell, finalizer, forget
from insights_operator.life import live
from insights_operator.observed import Child, Observed
from insights_operator.plan import Announce, Plan, WriteStatus
from insights_operator.sizing import needs_kuberay
from insights_operator.status import compose

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
    try:
        run = _parse(seen.run)
    except SpecError as error:
        return _refuse(seen, Reason.INVALID_SPEC, "; ".join(str(p) for p in error.problems))
    if run.spec.results.store not in seen.config.stores:
        known = ", ".join(sorted(seen.config.stores))
        return _refuse(
            seen,
            Reason.UNKNOWN_STORE,
            f"spec.results.store: no store `{run.spec.results.store}` is configured; known: "
            f"{known}",
        )
    if needs_kuberay(run.spec.compute) and not seen.kuberay:
        return _refuse(
            seen,
            Reason.KUBERAY_MISSING,
            "the run needs a Ray cluster, but KubeRay is not installed; install it, or set "
            "spec.compute.mode to SinglePod",
        )
    if seen.record is None:
        return _without_store(seen)
    return live(seen, run, seen.record)


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
    parsed = parse(document, str(run["metadata"].get("name")))
    assert isinstance(parsed, AnalysisRun)  # noqa: S101 (the kind is given above)
    return parsed


def _refuse(seen: Observed, reason: Reason, message: str) -> Plan:
    """A spec that cannot be carried out. What is active for an earlier spec is left alone."""
    run = seen.run or {}
    old: Mapping[str, Any] = run.get("status") or {}
    facts = {
        "Accepted": Fact("False", reason, message),
        "Succeeded": Fact("False", reason, message),
        "Finished": Fact("True", reason, "the run cannot be carried out as it is written"),
    }
    generation = int(run["metadata"].get("generation", 0))
    new = compose(old, facts, generation=generation, now=seen.now)
    if new == old:
        return Plan()
    told = Announce(reason.value, message, str(generation), warning=True)
    return Plan((told, WriteStatus(new)))


def _without_store(seen: Observed) -> Plan:
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
    facts = {
        "Accepted": Fact("True", Reason.VALID, "the spec is valid"),
        "Succeeded": Fact(
            "Unknown", Reason.STORE_UNREACHABLE, "the results database cannot be reached"
        ),
    }
    new = compose(old, facts, generation=generation, now=seen.now)
    return Plan(() if new == old else (WriteStatus(new),), _STORE_RETRY)
