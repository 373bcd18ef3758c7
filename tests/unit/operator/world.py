"""A world in memory that carries out plans: what is needed to live through whole lives of runs.

It is the specification of the acting side: each action does one thing, may be cut off after it, and
may be done twice. The real thing is tested against a real API server; this finds wrong decisions in
milliseconds.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from insights_crds.v1 import AnalysisRunStatus
from insights_operator import naming
from insights_operator.children.kinds import KINDS
from insights_operator.decide import decide
from insights_operator.observed import Child, Config, Observed, Refusal
from insights_operator.plan import (
    AddFinalizer,
    Announce,
    Bury,
    CreateChild,
    DeleteChild,
    DeleteRun,
    EndAttempt,
    RemoveFinalizer,
    StartAttempt,
    WriteStatus,
)
from insights_operator.record import Attempt, AttemptState, Publication, Record

CONFIG = Config(environment="test", image="engine:1", ray_version="2.60.0")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Crash(BaseException):
    """The operator was killed."""


@dataclass
class World:
    """One run, its record in Postgres, its children and pods."""

    spec: dict
    name: str = "run"
    uid: str = "uid-1"
    generation: int = 1
    now: datetime = START
    reachable: bool = True
    kuberay: bool = True
    may_start: bool = True
    attempts: list[Attempt] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    status: dict = field(default_factory=dict)
    children: dict[str, dict] = field(default_factory=dict)
    pods: list[dict] = field(default_factory=list)
    annotations: dict = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)
    deleted: datetime | None = None
    gone: bool = False
    created: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    events: set[tuple] = field(default_factory=set)
    writes: int = 0
    buried: int = 0
    config: Config = CONFIG
    forbids: str = ""
    refusal: Refusal | None = None
    blocked: tuple | None = None

    def seen(self) -> Observed:
        metadata = {
            "name": self.name,
            "uid": self.uid,
            "generation": self.generation,
            "annotations": self.annotations,
            "finalizers": list(self.finalizers),
        }
        if self.deleted:
            metadata["deletionTimestamp"] = self.deleted.isoformat()
        run = {"metadata": metadata, "spec": self.spec, "status": copy.deepcopy(self.status)}
        return Observed(
            namespace="ns",
            name=self.name,
            run=None if self.gone else run,
            record=Record(tuple(self.attempts), tuple(self.publications))
            if self.reachable
            else None,
            now=self.now,
            config=self.config,
            children=tuple(Child(KINDS[c["kind"]], c) for c in self.children.values()),
            pods=tuple(self.pods),
            refusal=self.refusal,
            blocked=self.blocked,
            may_start=self.may_start,
            kuberay=self.kuberay,
        )

    def step(self, crash_after: int | None = None) -> tuple[int, float | None]:
        """Decide once and act; returns the number of actions and when to look again."""
        plan = decide(self.seen())
        for at, action in enumerate(plan.actions):
            if crash_after is not None and at >= crash_after:
                raise Crash
            self.act(action)
        return len(plan.actions), plan.again_after

    def settle(self, limit: int = 30) -> None:
        """Decide until nothing is left to do now."""
        for _ in range(limit):
            count, again = self.step()
            if count == 0 and again != 0.0:
                return
        raise AssertionError("the operator does not come to rest")

    def act(self, action) -> None:
        self.writes += 1
        match action:
            case StartAttempt():
                taken = any(
                    a.key == action.key and a.number == action.number for a in self.attempts
                )
                if taken or any(a.active for a in self.attempts):
                    raise Crash
                self.attempts.append(
                    Attempt(
                        action.number, action.key, action.token, action.settings, action.uid,
                        action.child_kind, action.child, AttemptState.ACTIVE, self.now,
                    )
                )  # fmt: skip
            case EndAttempt():
                self.change(
                    action.number, action.key, state=AttemptState.ENDED, ended=self.now,
                    failure=action.failure, reason=action.reason, message=action.message,
                )  # fmt: skip
            case WriteStatus():
                assert len(str(action.status)) < 32_768
                # What the API server adds by default is there already, or every look would write.
                stored = AnalysisRunStatus.model_validate(action.status)
                assert action.status == stored.model_dump(
                    mode="json", by_alias=True, exclude_none=True
                )
                self.status = copy.deepcopy(dict(action.status))
            case CreateChild():
                name = action.manifest["metadata"]["name"]
                self.refusal = Refusal(name, self.forbids, 0.0) if self.forbids else None
                if name not in self.children and not self.forbids:
                    self.children[name] = copy.deepcopy(dict(action.manifest))
                    self.children[name]["metadata"]["uid"] = f"child-{len(self.created)}"
                    self.created.append(name)
            case DeleteChild():
                if self.children.pop(action.name, None) is not None:
                    self.removed.append(action.name)
                    self.pods.clear()
            case Announce():
                self.events.add((action.reason, action.about))
            case AddFinalizer():
                self.finalizers.append(naming.FINALIZER)
            case RemoveFinalizer():
                self.finalizers.remove(naming.FINALIZER)
            case Bury():
                self.buried += 1
            case DeleteRun():
                self.gone = True

    def change(self, number, key=None, **fields) -> None:
        for at, attempt in enumerate(self.attempts):
            if attempt.number == number and key in (None, attempt.key) and attempt.active:
                self.attempts[at] = replace(attempt, **fields)

    # What happens outside of the operator.

    @property
    def current(self) -> Attempt:
        return self.attempts[-1]

    def drive(self) -> None:
        self.change(self.current.number, claims=1, heartbeat_age=0.0, silence=0.0, stage="Cluster")

    def publish(self) -> None:
        attempt = self.current
        self.publications.append(
            Publication(
                attempt.key, attempt.token, attempt.number, self.now, {"people": 9, "clusters": 2}
            )
        )
        self.change(attempt.number, state=AttemptState.ENDED, ended=self.now, reason="Published")

    def sweep(self) -> None:
        """The sweeper erases what is buried."""
        assert self.buried
        assert not any(attempt.active for attempt in self.attempts)
        self.attempts.clear()
        self.publications.clear()

    def fail(self, failure, reason="Broken") -> None:
        self.change(
            self.current.number, state=AttemptState.ENDED, ended=self.now, failure=failure,
            reason=reason, message="it broke",
        )  # fmt: skip

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.refusal is not None:
            self.refusal = replace(self.refusal, age=self.refusal.age + seconds)

    def rewrite(self, spec: dict) -> None:
        self.spec = spec
        self.generation += 1

    def says(self, kind: str = "Succeeded") -> tuple[str, str]:
        found = next(c for c in self.status["conditions"] if c["type"] == kind)
        assert found["observedGeneration"] == self.generation
        return found["status"], found["reason"]
