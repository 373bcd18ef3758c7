"""`status` of a run: what a person, `kubectl wait` and Argo CD need, and no more.

Everything here is a summary with a bounded size. Detail lives in the results database and the
object store.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from insights_crds.model import Model
from insights_crds.v1.scalars import Fraction

__all__ = [
    "AnalysisRunStatus",
    "Balance",
    "Condition",
    "Execution",
    "Links",
    "Progress",
    "StageSeconds",
    "Summary",
]

_Text = Annotated[str, StringConstraints(max_length=1024)]
_Name = Annotated[str, StringConstraints(max_length=253)]
_Time = Annotated[
    str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})
]
_Count = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(ge=0)]


class Condition(Model):
    """One fact about the run (as in Kubernetes' API conventions)."""

    type: Annotated[str, StringConstraints(max_length=63)]
    """`Accepted`, `ClusterReady`, `ResultsPublished`, `Suspended`, `Succeeded` or `Finished`; of a
    run that is being deleted, `ResultsErased`."""
    status: Literal["True", "False", "Unknown"]
    """Whether the fact holds."""
    observed_generation: _Count = 0
    """Generation of the spec that it speaks of."""
    last_transition_time: _Time
    """When the status last changed."""
    reason: Annotated[
        str, StringConstraints(max_length=63, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """One word for machines."""
    message: _Text = ""
    """A sentence that a person can act on. Never about a person."""


class Execution(Model):
    """The execution that the status speaks of."""

    key: _Name
    """SHA-256 of what is to be computed."""
    rerun: _Name | None = None
    """The rerun token that it honours."""
    attempt: _Count = 0
    """Number of the current or last attempt."""
    failures: _Count = 0
    """Failures that count towards the limit of retries."""
    child: _Name | None = None
    """Name of the RayJob or Job."""
    child_kind: Literal["RayJob", "Job"] | None = None
    """Kind of the child."""
    start_time: _Time | None = None
    """When the execution started."""
    completion_time: _Time | None = None
    """When it ended."""


class Progress(Model):
    """How far the current attempt is."""

    stage: _Name
    """`Ingest`, `Cluster`, `Teams` or `Publish`."""
    percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of the whole that is done."""
    remaining_seconds: _Count | None = None
    """Time left, where it can be told."""


class Balance(Model):
    """How alike teams are: the share of all variance that lies between teams. Less is better."""

    before: Fraction
    """For a random split into the same sizes."""
    after: Fraction
    """For the teams that were formed."""


class ObjectiveValue(Model):
    """How good a plan is by one objective."""

    kind: _Name
    """Kind of the objective."""
    value: Annotated[float, Field(ge=0)]
    """Share of what it looks at that lies between teams. Less is better."""


class TradeOffPlan(Model):
    """A plan that no other one beats in every objective."""

    number: _Count
    """Number by which `spec.teams.tradeOffs.choose` takes it."""
    chosen: bool = False
    """Whether it is the one that is published."""
    objectives: Annotated[list[ObjectiveValue], Field(max_length=4)]
    """How good it is."""

    list_maps: ClassVar[dict[str, str]] = {"objectives": "kind"}


class ClusterChange(Model):
    """What became of the clusters of the previous execution, over the people who are in both."""

    people: _Count
    """People who are in both."""
    moved: _Count
    """People who are not in the cluster that theirs became, to the nearest five."""
    adjusted_rand: Annotated[float, Field(ge=-1, le=1)]
    """Adjusted Rand index: 1 is the same partition, about 0 is what chance gives."""


class StageSeconds(Model):
    """How long the stages of the computation took."""

    ingest: _Seconds
    """Reading and checking the roster."""
    cluster: _Seconds
    """Finding clusters."""
    teams: _Seconds
    """Forming teams."""


class Links(Model):
    """Where the results are."""

    report: _Text | None = None
    """The report."""
    results: _Text | None = None
    """Folder of the result files."""


class Summary(Model):
    """What came out."""

    people: _Count
    """People who took part."""
    rejected_rows: _Count = 0
    """Rows that could not be used."""
    clusters: _Count = 0
    """Number of clusters."""
    clusters_because: _Text | None = None
    """Why so many clusters."""
    silhouette: Annotated[float, Field(ge=-1, le=1)] | None = None
    """Simplified silhouette of the clusters: how much nearer people are to their own centre."""
    stability: Fraction | None = None
    """Jaccard similarity of the least stable cluster under resampling."""
    cluster_change: ClusterChange | None = None
    """What changed since the previous execution, if there was one."""
    teams: _Count = 0
    """Number of teams."""
    balance: Balance | None = None
    """How alike the teams are."""
    worst_team_distance: Annotated[float, Field(ge=0)] | None = None
    """Distance of the worst team's mean from everyone's, in standard deviations of everyone.

    Results of before have it; it is of a few people, and not told any more.
    """
    soft_rules_broken: _Count | None = None
    """Soft rules that the teams do not wholly obey, without those that are confidential
    (`keepApart`, `noLoneMinority`)."""
    hard_rules_broken: _Count | None = None
    """Hard rules that the teams do not obey; only where `spec.policy.undecidedTeams` let such teams
    be published."""
    stage_seconds: StageSeconds | None = None
    """How long the computation took; it is not part of the result's files."""
    reproducible: bool | None = None
    """False where a time limit ended the search, and the best teams so far are given."""
    trade_offs: Annotated[list[TradeOffPlan], Field(max_length=9)] = []
    """Plans to choose from, where the spec asks for them."""
    links: Links = Links()
    """Where the results are."""


class AnalysisRunStatus(Model):
    """What is known about the run."""

    observed_generation: _Count = 0
    """Generation of the spec that the status speaks of."""
    conditions: Annotated[list[Condition], Field(max_length=16)] = []
    """What holds and what does not."""
    execution: Execution | None = None
    """The execution that the status speaks of."""
    progress: Progress | None = None
    """How far it is, while it is active."""
    summary: Summary | None = None
    """What came out, once published."""

    list_maps: ClassVar[dict[str, str]] = {"conditions": "type"}
