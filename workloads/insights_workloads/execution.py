"""A run from its spec to its published result: ingest, cluster, teams, publish.

The same on a laptop, in a pod and on a Ray cluster; only what it is handed differs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psycopg
import pyarrow as pa
from obstore.store import ObjectStore

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import AnalysisRunSpec, StageSeconds, Teams
from insights_store import driver
from insights_store.execution import Claim, Fenced, Publication
from insights_workloads.clustering import Clustering, ClusteringOptions, KRange, Spread, cluster
from insights_workloads.clustering.rows import Rows
from insights_workloads.clustering.scaling import Scale
from insights_workloads.disclosure.ledger import protected_people
from insights_workloads.failure import RunFailedError
from insights_workloads.heartbeat import Heartbeat
from insights_workloads.ingest import IngestError, Roster, ingest, shard_matrix
from insights_workloads.progress import Progress, Snapshot, Stage, StageClock
from insights_workloads.provenance import Provenance
from insights_workloads.ray_metrics import RayMetrics
from insights_workloads.refusals import impossible, undecided
from insights_workloads.report import content_for, render
from insights_workloads.results.layout import Reader
from insights_workloads.results.previous import change_since
from insights_workloads.results.publish import Reports, publish_result, remove_strays
from insights_workloads.results.published_teams import digest, published_teams
from insights_workloads.results.read import newest
from insights_workloads.results.result import RunResult
from insights_workloads.results.stores import ResultsStore, open_objects
from insights_workloads.teams import (
    Crew,
    ImpossibleSizesError,
    Outcome,
    TeamOptions,
    TeamPlan,
    TeamProblem,
    Threads,
    UnknownAttributeError,
    UnknownValueError,
    check_vocabulary,
    compile_problem,
    form_teams,
)
from insights_workloads.version import ENGINE_VERSION

__all__ = ["STAGES", "Settings", "execute", "team_features"]

_T = TypeVar("_T")

STAGES = (
    Stage("Ingest", 0.15),
    Stage("Cluster", 0.30),
    Stage("Teams", 0.35),
    Stage("Publish", 0.20),
)


@dataclass(frozen=True)
class Settings:
    """Where and how a run is executed.

    Attributes:
        store: where results go.
        base: folder from which a relative path of the source starts.
        spool: folder for files on their way; emptied afterwards.
        ray: whether clustering runs on Ray: True, False, or None for where it gains; where it
            does, the search for very many teams may too.
        enough: asked while teams are looked for: whether the best so far is to be published.
        patience: seconds for which publishing waits for a database or an object store that is away.
    """

    store: ResultsStore
    base: Path
    spool: Path
    ray: bool | None = None
    enough: Callable[[], bool] | None = None
    patience: float = 3600.0


def execute(
    held: Claim,
    spec: AnalysisRunSpec,
    settings: Settings,
    tell: Callable[[Snapshot], None],
) -> Publication:
    """Compute and publish a run, or link what was published for the same spec and input.

    A failure is recorded with its class before it is raised.

    Args:
        held: the claim to publish under.
        spec: what to compute.
        settings: where and how.
        tell: called with every step of progress; may raise to stop.

    Raises:
        RunFailedError: the run cannot be finished.
        Fenced: somebody else has taken over.
    """
    metrics = RayMetrics(held)
    with Heartbeat(settings.store.dsn, held) as heartbeat:

        def everybody(snapshot: Snapshot) -> None:
            metrics.tell(snapshot)
            heartbeat.tell(snapshot)
            tell(snapshot)

        spool = settings.spool / f"{held.execution.run}-{held.attempt}-{held.claim}"
        try:
            publication = _execute(held, spec, settings, StageClock(STAGES, everybody), spool)
            heartbeat.finish()
            StageClock(STAGES, everybody).stage("Publish")(1.0, "published")
            return publication
        except RunFailedError as error:
            _record(settings, held, error.failure, error.reason, str(error))
            raise
        except (Fenced, KeyboardInterrupt):
            raise
        except MemoryError:
            message = "the driver ran out of memory; give spec.compute.head more"
            _record(settings, held, FailureClass.RESOURCE, Reason.OUT_OF_MEMORY, message)
            raise RunFailedError(FailureClass.RESOURCE, Reason.OUT_OF_MEMORY, message) from None
        except Exception as error:
            # The text of an unforeseen error may quote data; its kind never does.
            message = f"an unforeseen {type(error).__name__} stopped the run"
            _record(settings, held, FailureClass.TRANSIENT, Reason.INTERNAL, message)
            raise
        finally:
            shutil.rmtree(spool, ignore_errors=True)


def _execute(
    held: Claim,
    spec: AnalysisRunSpec,
    settings: Settings,
    clock: StageClock,
    spool: Path,
) -> Publication:
    if settings.ray:
        # From the start: what is measured while the roster is read goes to Ray, too.
        from insights_workloads.ray_session import ensure_ray

        ensure_ray()
    began = time.monotonic()
    reading = clock.stage("Ingest")
    roster = _ingest(spec, settings, reading, spool)
    objects = open_objects(settings.store.objects, patience=settings.patience)
    current = _current(spec, held, settings, objects, roster, reading)
    ingested = time.monotonic()
    publishing = clock.stage("Publish")
    of_people = roster.fingerprint
    if current is not None:
        roster = replace(roster, fingerprint=f"{of_people}-{digest(roster.column('id'), current)}")
    if held.token is None:
        goes_on = None if spec.teams is None else spec.teams.current
        own = goes_on is not None and goes_on.run == held.execution.run
        linking = partial(_link, held=held, fingerprint=roster.fingerprint)
        linked = _patiently(settings, partial(linking, of_people=of_people if own else None))
        if linked is not None:
            return linked
    _check(spec, roster)
    asked = time.monotonic()
    clustering = _cluster(spec, roster, settings, clock.stage("Cluster"))
    clustered = time.monotonic()
    teams = _teams(spec, roster, current, settings, clock.stage("Teams"))
    seconds = StageSeconds(
        ingest=round(ingested - began, 3),
        cluster=round(clustered - asked, 3),
        teams=round(time.monotonic() - clustered, 3),
    )
    publishing(0.0, "writing the report")
    e = held.execution
    before = _patiently(settings, lambda open_: newest(open_, e.environment, e.namespace, e.run))
    result = RunResult(
        roster,
        clustering,
        teams,
        spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        ENGINE_VERSION,
        None
        if before is None
        else change_since(objects, before, roster.column("id"), clustering.labels),
        seconds,
    )
    provenance = Provenance(e.run, e.namespace, e.key, held.attempt, datetime.now(UTC))
    tenant = e.environment, e.namespace
    protected = _patiently(
        settings,
        lambda open_: protected_people(
            open_, tenant, spec.source, roster, spec.clustering.features, spec.results.privacy
        ),
    )
    told = content_for(Reader.READER, result, protected, provenance, held.prefix)
    owner = content_for(Reader.OWNER, result, protected, provenance, held.prefix)
    reports = Reports(owner=render(owner), reader=render(told))

    def publish(connection: psycopg.Connection) -> Publication:
        return publish_result(
            connection, objects, held, result, told, reports, scratch=spool, progress=publishing
        )

    published = _patiently(settings, publish)
    _patiently(settings, partial(remove_strays, objects=objects, held=held))
    return published


def _ingest(spec: AnalysisRunSpec, settings: Settings, progress: Progress, spool: Path) -> Roster:
    progress(0.0, "opening the roster")
    try:
        roster = ingest(spec.source, base=settings.base, spool=spool / "roster", progress=progress)
    except IngestError as error:
        raise RunFailedError(error.failure, error.reason, str(error)) from None
    progress(1.0, f"{roster.rows:,} people")
    return roster


def _current(
    spec: AnalysisRunSpec,
    held: Claim,
    settings: Settings,
    objects: ObjectStore,
    roster: Roster,
    progress: Progress,
) -> pa.ChunkedArray | None:
    """The team that each person is in now, where a published run is to say so and has teams."""
    if spec.teams is None or spec.teams.current is None:
        return None
    run, e = spec.teams.current.run, held.execution
    found = _patiently(settings, lambda open_: newest(open_, e.environment, e.namespace, run))
    try:
        teams = None if found is None else published_teams(objects, found, roster.column("id"))
    except FileNotFoundError:
        raise RunFailedError(
            FailureClass.USER,
            Reason.SOURCE_NOT_FOUND,
            f"spec.teams.current.run is {run}, but the files of its last results are gone; publish "
            "it again with a rerun, or leave spec.teams.current out",
        ) from None
    if teams is None:
        progress(1.0, f"{run} has published no teams: there are no current ones")
    return teams


def _link(
    connection: psycopg.Connection, held: Claim, fingerprint: str, of_people: str | None
) -> Publication | None:
    """Link what was published for the same input.

    Of a run that goes on from its own teams the last result counts as such, if it was of the same
    people: they have moved to where it says, and are not to be moved again.
    """
    e = held.execution
    earlier = driver.find_published(connection, e, fingerprint=fingerprint)
    if of_people is not None:
        last = newest(connection, e.environment, e.namespace, e.run)
        same = last is not None and last.execution.key == e.key
        if last is not None and same and last.fingerprint.split("-")[0] == of_people:
            earlier = last
    return None if earlier is None else driver.link(connection, held, earlier)


def _cluster(
    spec: AnalysisRunSpec, roster: Roster, settings: Settings, progress: Progress
) -> Clustering:
    wanted = spec.clustering
    progress(0.0, "looking for clusters")
    options = ClusteringOptions(
        k=(
            wanted.k.fixed
            if wanted.k.fixed is not None
            else KRange(wanted.k.auto.min, wanted.k.auto.max)
            if wanted.k.auto is not None
            else KRange()
        ),
        scaling=wanted.scaling,
        restarts=wanted.restarts,
        max_iterations=wanted.max_iterations,
        tolerance=wanted.tolerance,
        seed=wanted.seed,
    )
    if wanted.k.fixed is not None and wanted.k.fixed > roster.rows:
        raise RunFailedError(
            FailureClass.USER,
            Reason.TOO_FEW_PEOPLE,
            f"spec.clustering.k.fixed is {wanted.k.fixed:,}, but there are {roster.rows:,} people; "
            "lower it",
        )
    return cluster(
        roster.matrix(wanted.features),
        wanted.features,
        options,
        weights=_weights(roster, wanted.weight),
        spread=_spread(roster, wanted.features, settings.ray),
        progress=progress,
    )


def _weights(roster: Roster, name: str | None) -> np.ndarray | None:
    """How much each person counts. One whose weight is missing counts as the average."""
    if name is None:
        return None
    weights = roster.matrix([name])[:, 0]
    known = weights[~np.isnan(weights)]
    if (known < 0).any() or not known.any():
        raise RunFailedError(
            FailureClass.USER,
            Reason.INVALID_SPEC,
            f"spec.clustering.weight is {name}, but there are negative values of it or none above "
            "0; weights are 0 or more: set `min: 0` for that feature in spec.source.features",
        )
    return np.where(np.isnan(weights), known.mean(), weights)


def _spread(roster: Roster, features: list[str], wanted: bool | None) -> Spread | None:
    """Where k-means runs: on Ray where it is asked for, or where it gains."""
    if wanted is False:
        return None
    if wanted is None:
        from insights_workloads.clustering.ray_rows import RAY_MIN_ROWS

        if roster.rows < RAY_MIN_ROWS:
            return None

    def spread(scale: Scale) -> Rows:
        from insights_workloads.clustering.ray_rows import RayRows
        from insights_workloads.ray_session import ensure_ray

        ensure_ray()
        import ray

        # Workers on other nodes see no file of ours; Ray's store is the source of a shard, for
        # the actor that loads it first as for the one that replaces it.
        sources = [
            partial(_scaled_shard, ray.put(shard.path.read_bytes()), tuple(features), scale)
            for shard in roster.shards
        ]
        return RayRows(sources, [shard.rows for shard in roster.shards], len(features))

    return spread


def _scaled_shard(file: Any, features: tuple[str, ...], scale: Scale) -> np.ndarray:
    import ray

    return scale.apply(shard_matrix(pa.BufferReader(ray.get(file)), features))


def _check(spec: AnalysisRunSpec, roster: Roster) -> None:
    """Refuse what cannot be meant, before anything is computed."""
    features = team_features(spec)
    matrix = roster.matrix(features)
    empty = [
        name for name, values in zip(features, matrix.T, strict=True) if np.isnan(values).all()
    ]
    faults = [f"nobody has a value of the feature `{name}`: leave it out" for name in empty]
    try:
        if spec.teams is not None:
            check_vocabulary(spec.teams, partial(_declared, roster))
    except (UnknownAttributeError, UnknownValueError) as error:
        faults.append(str(error))
    if faults:
        raise RunFailedError(FailureClass.USER, Reason.INVALID_SPEC, "; ".join(faults))


def _declared(roster: Roster, name: str) -> pa.ChunkedArray:
    if name not in {*roster.features, *roster.attributes}:
        raise KeyError(name)
    return roster.column(name)


def _teams(
    spec: AnalysisRunSpec,
    roster: Roster,
    current: pa.ChunkedArray | None,
    settings: Settings,
    progress: Progress,
) -> TeamPlan | None:
    if spec.teams is None:
        return None
    progress(0.0, "forming teams")
    features = team_features(spec)
    matrix, columns = roster.matrix(features), partial(_declared, roster)

    def compiled(teams: Teams) -> TeamProblem:
        return compile_problem(teams, features, matrix, columns, current=current)

    try:
        problem = compiled(spec.teams)
    except ImpossibleSizesError as error:
        raise impossible(str(error), spec.teams, compiled, ()) from None
    except UnknownAttributeError as error:
        raise RunFailedError(FailureClass.USER, Reason.INVALID_SPEC, str(error)) from None
    wanted = spec.teams.trade_offs
    options = TeamOptions(
        spec.teams.seed,
        spec.teams.rounds,
        spec.teams.time_limit_seconds,
        plans=1 if wanted is None else wanted.plans,
        choose=None if wanted is None else wanted.choose,
        enough=settings.enough,
        crew=_crew(roster.rows, settings.ray),
    )
    plan = form_teams(problem, options, progress=progress)
    if plan.outcome is Outcome.INFEASIBLE and plan.conflict is not None:
        progress(0.0, "looking for what would help")
        raise impossible(plan.conflict.message, spec.teams, compiled, plan.conflict.rules)
    if plan.outcome is Outcome.UNKNOWN and spec.policy.undecided_teams == "Fail":
        progress(0.0, "looking for what would help")
        raise undecided(spec.teams, compiled, plan)
    return plan


def _crew(people: int, wanted: bool | None) -> Crew:
    """Who searches for teams: Ray where it is asked for and gains."""
    if not wanted:
        return Threads()
    from insights_workloads.teams.ray_crew import RayCrew, ray_gains

    return RayCrew() if ray_gains(people) else Threads()


def team_features(spec: AnalysisRunSpec) -> list[str]:
    """Features that teams look at: those of the clustering, then further ones of objectives."""
    further = [
        f for objective in (spec.teams.objectives if spec.teams else ()) for f in objective.features
    ]
    return list(dict.fromkeys([*spec.clustering.features, *further]))


def _patiently(settings: Settings, work: Callable[[psycopg.Connection], _T]) -> _T:
    """Do something with the database, and wait for it while it is away.

    What is done here may be done again: publishing under a claim happens once or not at all.
    """
    deadline = time.monotonic() + settings.patience
    wait = 0.5
    while True:
        try:
            with psycopg.connect(settings.store.dsn, connect_timeout=10) as connection:
                return work(connection)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise RunFailedError(
                    FailureClass.TRANSIENT,
                    Reason.STORE_UNREACHABLE,
                    f"the results database could not be reached for {settings.patience:.0f} s",
                ) from None
            time.sleep(wait)
            wait = min(15.0, 2 * wait)


def _record(
    settings: Settings, held: Claim, failure: FailureClass, reason: Reason, message: str
) -> None:
    """Tell the end of the attempt, if the database is there and the claim still holds."""
    try:
        with psycopg.connect(settings.store.dsn, connect_timeout=10) as connection:
            driver.fail(connection, held, failure, reason.value, message)
    except (psycopg.Error, Fenced):
        # The operator finds out by the silence, and nobody is misled meanwhile.
        return
