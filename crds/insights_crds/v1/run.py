"""`AnalysisRun`: these results should exist for this spec."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from insights_crds.model import Model, Rule
from insights_crds.v1.clustering import Clustering
from insights_crds.v1.compute import Compute
from insights_crds.v1.policy import Policy
from insights_crds.v1.results import Results
from insights_crds.v1.source import ENERGIES, Source
from insights_crds.v1.status import AnalysisRunStatus
from insights_crds.v1.teams import Teams

__all__ = ["API_VERSION", "GROUP", "VERSION", "AnalysisRun", "AnalysisRunSpec", "ObjectMeta"]

GROUP = "insights.observer.io"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"


class ObjectMeta(BaseModel):
    """The part of Kubernetes' object metadata that we read; the rest passes through."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Annotated[
        str,
        StringConstraints(
            min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
        ),
    ]
    namespace: str | None = None
    uid: str | None = None
    generation: int = 0
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class AnalysisRunSpec(Model):
    """What results should exist, and how they may be made."""

    source: Source
    """The roster of people."""
    clustering: Clustering = Clustering()
    """How people are grouped."""
    teams: Teams | None = None
    """What teams to form; none where left out."""
    results: Results = Results()
    """Where results go."""
    compute: Compute = Compute()
    """On what the run computes."""
    policy: Policy = Policy()
    """How it is carried out."""
    suspend: bool | None = None
    """True stops the run and frees everything it holds; false or left out goes on."""
    rerun: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    """A token. A token never seen before computes the same spec once more."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.clustering) || !has(self.clustering.features) || "
            "self.clustering.features.all(f, f in ['red', 'yellow', 'green', 'blue'] || "
            "(has(self.source.features) && self.source.features.exists(x, x.name == f)))",
            lambda s: set(s.clustering.features) <= _measures(s),
            "clustering.features may name only energies and source.features",
        ),
        Rule(
            "!has(self.clustering) || !has(self.clustering.weight) || "
            "(has(self.source.features) && "
            "self.source.features.exists(x, x.name == self.clustering.weight))",
            lambda s: (
                s.clustering.weight is None
                or s.clustering.weight in {feature.name for feature in s.source.features}
            ),
            "clustering.weight may name only one of source.features",
        ),
        Rule(
            "!has(self.teams) || !has(self.teams.objectives) || self.teams.objectives.all(o, "
            "!has(o.features) || o.features.all(f, f in ['red', 'yellow', 'green', 'blue'] || "
            "(has(self.source.features) && self.source.features.exists(x, x.name == f))))",
            lambda s: (
                s.teams is None or all(set(o.features) <= _measures(s) for o in s.teams.objectives)
            ),
            "teams.objectives may name only energies and source.features",
        ),
    )


def _measures(spec: AnalysisRunSpec) -> set[str]:
    return {*ENERGIES, *(feature.name for feature in spec.source.features)}


class AnalysisRun(Model):
    """A clustering and team formation over one roster."""

    api_version: Literal["insights.observer.io/v1"]
    kind: Literal["AnalysisRun"]
    metadata: ObjectMeta
    spec: AnalysisRunSpec
    status: AnalysisRunStatus | None = None

    plural: ClassVar[str] = "analysisruns"
    short_names: ClassVar[tuple[str, ...]] = ("irun",)
    printer_columns: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "name": "Succeeded",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type=='Succeeded')].status",
        },
        {
            "name": "Reason",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type=='Succeeded')].reason",
        },
        {"name": "Stage", "type": "string", "jsonPath": ".status.progress.stage"},
        {"name": "%", "type": "integer", "jsonPath": ".status.progress.percent"},
        {"name": "People", "type": "integer", "jsonPath": ".status.summary.people"},
        {"name": "Clusters", "type": "integer", "jsonPath": ".status.summary.clusters"},
        {"name": "Teams", "type": "integer", "jsonPath": ".status.summary.teams"},
        {
            "name": "Attempt",
            "type": "integer",
            "jsonPath": ".status.execution.attempt",
            "priority": 1,
        },
        {"name": "Child", "type": "string", "jsonPath": ".status.execution.child", "priority": 1},
        {
            "name": "Message",
            "type": "string",
            "jsonPath": ".status.conditions[?(@.type=='Succeeded')].message",
            "priority": 1,
        },
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    )
