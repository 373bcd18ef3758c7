"""What a run has to publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from insights_crds.v1 import Balance, ClusterChange, Links, StageSeconds, Summary
from insights_crds.v1.status import ObjectiveValue, TradeOffPlan
from insights_workloads.clustering import Clustering
from insights_workloads.ingest import Roster
from insights_workloads.results.previous import Change
from insights_workloads.teams import TeamPlan

__all__ = ["RunResult", "summarize"]


@dataclass(frozen=True)
class RunResult:
    """A finished computation.

    Attributes:
        roster: the people.
        clustering: their clusters.
        teams: their teams, None where none were asked for.
        spec: the run's spec, in its wire form.
        engine: version of the engine.
        change: what became of the clusters published before, None where none were.
        seconds: how long the stages took, None where that was not measured.
    """

    roster: Roster
    clustering: Clustering
    teams: TeamPlan | None
    spec: Mapping[str, Any]
    engine: str
    change: Change | None = None
    seconds: StageSeconds | None = None


def summarize(result: RunResult, prefix: str) -> dict[str, Any]:
    """`status.summary` of a result, in its wire form."""
    clustering, teams = result.clustering, result.teams
    selection = clustering.selection
    summary = Summary(
        people=result.roster.rows,
        rejected_rows=result.roster.rejected.rows,
        clusters=clustering.k,
        clusters_because=selection.because,
        silhouette=_finite(clustering.silhouette),
        stability=_least_stability(clustering),
        cluster_change=None if result.change is None else _change(result.change),
        teams=0 if teams is None else len(teams.figures.names),
        balance=(
            None
            if teams is None
            else Balance(before=round(teams.balance_before, 9), after=round(teams.balance_after, 9))
        ),
        worst_team_distance=None if teams is None else _worst_distance(teams),
        soft_rules_broken=(
            None if teams is None else sum(not each.hard for each in teams.violations)
        ),
        # Said only where it is not so, as with all that is usual.
        hard_rules_broken=_hard_rules_broken(teams),
        reproducible=None if teams is None or teams.reproducible else False,
        trade_offs=[] if teams is None else _trade_offs(result, teams),
        links=Links(report=f"{prefix}/reader/report.html", results=prefix),
    )
    wire: dict[str, Any] = summary.model_dump(mode="json", by_alias=True, exclude_none=True)
    if not summary.trade_offs:
        del wire["tradeOffs"]
    return wire


def _trade_offs(result: RunResult, teams: TeamPlan) -> list[TradeOffPlan]:
    kinds = [str(part["kind"]) for part in (result.spec.get("teams") or {}).get("objectives", ())]
    return [
        TradeOffPlan(
            number=offer.number,
            chosen=offer.chosen,
            objectives=[
                ObjectiveValue(kind=kind, value=round(value, 9))
                for kind, value in zip(kinds, offer.values, strict=True)
            ],
        )
        for offer in teams.trade_offs
    ]


def _least_stability(clustering: Clustering) -> float | None:
    measured = [each.stability for each in clustering.profiles if each.stability is not None]
    return _finite(min(measured)) if measured else None


def _hard_rules_broken(teams: TeamPlan | None) -> int | None:
    broken = 0 if teams is None else sum(each.hard for each in teams.violations)
    return broken or None


def _worst_distance(teams: TeamPlan) -> float | None:
    distances = teams.figures.distance
    return _finite(float(distances.max())) if len(distances) else None


def _finite(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None


def _change(change: Change) -> ClusterChange:
    found = change.comparison
    return ClusterChange(
        people=found.people,
        moved=found.moved_count,
        adjusted_rand=round(found.adjusted_rand, 6),
    )
