"""The life of a run whose spec is valid and whose record is known.

Read from top to bottom: suspended, replaced, published, active, failed, waiting, started. Each case
says what to write, what to make or delete, and when to look again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from insights_crds.execution_key import execution_key, rerun_token
from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import AnalysisRun, AnalysisSchedule
from insights_operator import naming
from insights_operator.children.kinds import KINDS, RAYJOB
from insights_operator.children.order import ChildOrder
from insights_operator.children.state import ChildPhase, ChildState
from insights_operator.conditions import Fact, condition
from insights_operator.endings import delete, end
from insights_operator.judgement import Alive, Over, judge, spent
from insights_operator.observed import Observed
from insights_operator.ownership import owner_of
from insights_operator.plan import (
    Action,
    Announce,
    CreateChild,
    DeleteRun,
    Plan,
    StartAttempt,
    WriteStatus,
)
from insights_operator.record import Attempt, AttemptState, Publication, Record
from insights_operator.retention import Limits, kept_because
from insights_operator.retries import GiveUp, StartAt, next_try
from insights_operator.sizing import choose_kind, worker_count
from insights_operator.status import compose, differs, known_part, only_progress_differs
from insights_operator.wish import settings_digest, wish

__all__ = ["Refused", "accepted", "live"]

_AT_ONCE = 0.0
_PODS_RETRY = 5.0
_SLOT_RETRY = 30.0
_ADMISSION_RETRY = 5.0
_TRACKED_BY = ("argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/name")


_REFUSALS = frozenset({Reason.INVALID_SPEC, Reason.UNKNOWN_STORE, Reason.KUBERAY_MISSING})


@dataclass(frozen=True)
class Refused:
    """Why a run cannot be carried out as it is written, here and now.

    It keeps the next attempt from starting. It changes nothing that is published or has failed, and
    ends nothing that is at work.

    Attributes:
        reason: one word for machines.
        message: a sentence for a person.
        unreadable: whether the spec itself is not valid, so that what it asks for is not known.
    """

    reason: Reason
    message: str
    unreadable: bool = False


def accepted(refusal: Refused | None) -> Fact:
    """What `Accepted` says: whether the spec is valid."""
    if refusal is not None and refusal.unreadable:
        return Fact("False", refusal.reason, refusal.message)
    return Fact("True", Reason.VALID, "the spec is valid")


def live(seen: Observed, run: AnalysisRun, record: Record, refusal: Refused | None = None) -> Plan:
    """Decide what to do for a run.

    Args:
        seen: all that is known.
        run: its run, parsed; of a spec that is not valid, what can be read of it.
        record: what Postgres has of it.
        refusal: why no attempt may be started, None where one may.
    """
    return _Life(seen, run, record, refusal).plan()


class _Life:
    """What is known of a run, and what its conditions are going to say."""

    def __init__(
        self, seen: Observed, run: AnalysisRun, record: Record, refusal: Refused | None
    ) -> None:
        self._seen = seen
        self._run = run
        self._record = record
        self._refusal = refusal
        self._unreadable = refusal is not None and refusal.unreadable
        self._wish = wish(*self._asks(), record, uid=run.metadata.uid)
        self._facts: dict[str, Fact] = {
            # A spec that was accepted is the same still: it is we who cannot read it any more.
            "Accepted": accepted(None if self._accepted_before() else refusal),
            "Suspended": Fact("False", Reason.ACTIVE),
        }

    def _asks(self) -> tuple[str, str | None, str]:
        """Key, token and settings: of a spec that cannot be read, those of what is at work."""
        run = self._run
        if not self._unreadable:
            return execution_key(run.spec), rerun_token(run), settings_digest(run.spec)
        shown = ((self._seen.run or {}).get("status") or {}).get("execution") or {}
        key, token = str(shown.get("key", "")), shown.get("rerun")
        last = [a for a in self._record.attempts if (a.key, a.token) == (key, token)]
        meant = next(iter((*self._record.active, *reversed(last))), None)
        return (key, token, "") if meant is None else (meant.key, meant.token, meant.settings)

    def _accepted_before(self) -> bool:
        """Whether this very spec was accepted earlier, by this version or another."""
        run = self._seen.run or {}
        said = condition(run.get("status") or {}, "Accepted") or {}
        generation = int(run["metadata"].get("generation", 0))
        return (said.get("status"), said.get("observedGeneration")) == ("True", generation)

    def plan(self) -> Plan:
        spec = self._run.spec
        if spec.suspend:
            return self._suspended()
        replaced = self._replaced()
        if replaced:
            return Plan(tuple(replaced), _AT_ONCE)
        active = next(iter(self._record.active), None)
        if self._unreadable and active is None:
            known = self._wish.published if self._accepted_before() else None
            return self._published(known) if known is not None else self._refused()
        if self._wish.published is not None and not self._unreadable:
            return self._published(self._wish.published)
        if active is not None:
            return self._active(active)
        following = next_try(self._wish.tries, spec.policy)
        if isinstance(following, GiveUp):
            return self._failed(following)
        if self._refusal is not None:
            return self._refused()
        return self._start(following)

    def _refused(self) -> Plan:
        """Nothing is at work, and nothing may be started. What has finished stays as it is."""
        assert self._refusal is not None  # noqa: S101 (that is why we are here)
        reason, message = self._refusal.reason, self._refusal.message
        old: Mapping[str, Any] = (self._seen.run or {}).get("status") or {}
        generation = int((self._seen.run or {})["metadata"].get("generation", 0))
        finished = condition(old, "Finished")
        if (
            self._unreadable
            and finished is not None
            and (finished["status"], finished.get("observedGeneration")) == ("True", generation)
            and finished["reason"] not in _REFUSALS
        ):
            return Plan()
        facts = {
            "Accepted": Fact("False", reason, message),
            "Succeeded": Fact("False", reason, message),
            "Finished": Fact("True", reason, "the run cannot be carried out as it is written"),
        }
        new = compose(old, facts, generation=generation, now=self._seen.now)
        new.pop("progress", None)
        deleted = tuple(delete(self._seen.children))
        if not differs(old, new):
            return Plan(deleted)
        told = self._announce(reason, message, str(generation), warning=True)
        return Plan((*deleted, told, WriteStatus(new)))

    def _suspended(self) -> Plan:
        ended = [
            end(attempt, FailureClass.DISPLACED, Reason.SUSPENDED, "the run was suspended")
            for attempt in self._record.active
        ]
        deleted = delete(self._seen.children)
        holds = bool(self._seen.children or self._seen.pods or self._record.active)
        if holds:
            self._facts["Suspended"] = Fact(
                "False", Reason.SUSPENDING, "its pods are being removed"
            )
        else:
            self._facts["Suspended"] = Fact(
                "True", Reason.SUSPENDED, "the run is suspended and holds no pods"
            )
        self._facts["ClusterReady"] = Fact("False", Reason.SUSPENDED)
        published = self._wish.published
        if published is not None:
            self._succeeded(published)
        else:
            self._unfinished(Reason.SUSPENDED, "the run is suspended")
        told = [] if holds else [self._announce(Reason.SUSPENDED, "suspended; no pods are held")]
        return self._write(
            [*ended, *deleted], told, published=published, again=_PODS_RETRY if holds else None
        )

    def _replaced(self) -> list[Action]:
        """End what is active for another wish, or for a former run of this name."""
        out: list[Action] = []
        for attempt in self._record.active:
            same = (attempt.key, attempt.token) == (self._wish.key, self._wish.token)
            if same and attempt.uid == self._run.metadata.uid and not self._wish.published:
                continue
            out.append(
                end(attempt, FailureClass.DISPLACED, Reason.REPLACED, "the spec has changed")
            )
            out += delete(c for c in self._seen.children if c.name == attempt.child)
        return out

    def _published(self, published: Publication) -> Plan:
        policy = self._run.spec.policy
        self._succeeded(published)
        self._facts["ClusterReady"] = Fact("False", Reason.IDLE, "nothing is running")
        due = published.published + timedelta(seconds=policy.child_ttl.success_seconds)
        deleted, again = self._delete_when_due(due)
        told = [
            self._announce(
                Reason.PUBLISHED,
                f"published by attempt {published.attempt}",
                f"{published.key}/{published.token}",
            )
        ]
        plan = self._write(deleted, told, published=published, again=again)
        return self._with_run_ttl(plan, published.published)

    def _active(self, attempt: Attempt) -> Plan:
        seen, policy = self._seen, self._run.spec.policy
        child = next((c for c in seen.children if c.name == attempt.child), None)
        kind = KINDS.get(attempt.child_kind)
        if child is None and kind is RAYJOB and not seen.kuberay:
            said = "KubeRay is not there any more, and what was at work went with it"
            told = self._announce(Reason.KUBERAY_MISSING, said, str(attempt.number))
            ended = end(attempt, FailureClass.DISPLACED, Reason.KUBERAY_MISSING, said)
            return Plan((told, ended), _AT_ONCE)
        state = ChildState(ChildPhase.STARTING if kind is not None else ChildPhase.UNKNOWN)
        if child is not None:
            state = child.kind.state(child.object)
        refusal = seen.refusal
        if child is not None or (refusal is not None and refusal.child != attempt.child):
            refusal = None
        verdict = judge(
            attempt,
            child.object if child is not None else None,
            state,
            pods=[p for p in seen.pods if _attempt_of(p) == attempt.number],
            clusters=seen.clusters,
            events=seen.events,
            refusal=refusal,
            policy=policy,
            earlier=spent(self._wish.tries),
            heartbeat_timeout=seen.config.heartbeat_timeout,
            now=seen.now,
        )
        if isinstance(verdict, Over):
            ended = end(attempt, verdict.failure, verdict.reason, verdict.message)
            told = self._announce(
                verdict.reason,
                f"attempt {attempt.number} ended: {verdict.message}",
                str(attempt.number),
                warning=verdict.failure is not FailureClass.DISPLACED,
            )
            return Plan((told, ended), _AT_ONCE)
        if child is None and refusal is None and kind is not None and not self._unreadable:
            return Plan(tuple(self._make(attempt)), _AT_ONCE)
        if refusal is not None and not self._unreadable and refusal.age >= _ADMISSION_RETRY:
            return Plan((self._create(attempt),), _AT_ONCE)
        plan = self._alive(attempt, verdict)
        if refusal is None:
            return plan
        left = _ADMISSION_RETRY - refusal.age
        return replace(plan, again_after=min(left, plan.again_after or left))

    def _alive(self, attempt: Attempt, alive: Alive) -> Plan:
        told: list[Action] = []
        pending = attempt.settings != self._wish.settings
        if alive.phase is ChildPhase.QUEUED:
            self._facts["ClusterReady"] = Fact("False", Reason.QUEUED, "it waits in its queue")
            self._unfinished(Reason.QUEUED, "it waits for admission by its queue")
        elif alive.driving:
            self._facts["ClusterReady"] = Fact("True", Reason.RUNNING, "the driver is at work")
            self._unfinished(Reason.RUNNING, f"attempt {attempt.number} is at work")
        elif alive.obstacle is not None:
            self._facts["ClusterReady"] = Fact(
                "False", alive.obstacle.reason, alive.obstacle.message
            )
            self._unfinished(Reason.STARTING, alive.obstacle.message)
            told.append(
                self._announce(
                    alive.obstacle.reason,
                    alive.obstacle.message,
                    f"{attempt.number}",
                    warning=True,
                )
            )
        else:
            self._facts["ClusterReady"] = Fact("False", Reason.STARTING, "pods are being started")
            self._unfinished(Reason.STARTING, f"attempt {attempt.number} is starting")
        if pending:
            self._unfinished(
                Reason.CHANGE_PENDING,
                f"compute, policy or results changed; attempt {attempt.number} goes on, and the "
                "next one will use them",
            )
        again = max(0.1, (alive.deadline - self._seen.now).total_seconds())
        return self._write([], told, attempt=attempt, again=again)

    def _failed(self, over: GiveUp) -> Plan:
        last = over.last
        times = "1 failure" if over.failures == 1 else f"{over.failures} failures"
        retried = f" after {times}" if over.exhausted else ""
        self._facts["ClusterReady"] = Fact("False", Reason.IDLE, "nothing is running")
        self._facts["ResultsPublished"] = Fact("False", Reason.NOT_PUBLISHED)
        self._facts["Succeeded"] = Fact("False", last.reason, f"{last.message}{retried}")
        self._facts["Finished"] = Fact("True", last.reason, "the run has failed")
        ended = last.ended or last.started
        due = ended + timedelta(seconds=self._run.spec.policy.child_ttl.failure_seconds)
        deleted, again = self._delete_when_due(due)
        told = [
            self._announce(
                "Failed", f"{last.message}{retried}", f"{last.key}/{last.number}", warning=True
            )
        ]
        plan = self._write(deleted, told, attempt=last, again=again)
        return self._with_run_ttl(plan, ended)

    def _start(self, following: StartAt) -> Plan:
        seen, last = self._seen, (self._wish.tries[-1] if self._wish.tries else None)
        self._facts["ClusterReady"] = Fact("False", Reason.IDLE, "nothing is running")
        deleted = delete(seen.children)
        if following.time is not None and following.time > seen.now:
            wait = (following.time - seen.now).total_seconds()
            why = f"attempt {last.number} failed: {last.message}" if last else ""
            self._unfinished(Reason.BACKOFF, f"{why}; the next one starts in {wait:.0f} s")
            return self._write(deleted, [], attempt=last, again=wait)
        leaving = self._leaving()
        told: list[Action] = []
        if leaving is not None:
            if seen.now < leaving:
                self._unfinished(
                    Reason.PREVIOUS_PODS_LEAVING, "it waits for the last attempt's pods to go"
                )
                return self._write(deleted, [], attempt=last, again=_PODS_RETRY)
            told.append(
                self._announce(
                    Reason.PREVIOUS_PODS_UNREACHABLE,
                    "pods of the last attempt do not go; it is fenced, and the next one starts",
                    str(last.number if last else 0),
                    warning=True,
                )
            )
        if not seen.may_start:
            self._unfinished(
                Reason.WAITING_FOR_SLOT, "as many runs are active as the operator's limits allow"
            )
            return self._write(deleted, told, attempt=last, again=_SLOT_RETRY)
        return self._started(told)

    def _started(self, told: list[Action]) -> Plan:
        compute = self._run.spec.compute
        kind = choose_kind(
            compute,
            self._wish,
            self._people(),
            kuberay=self._seen.kuberay,
            config=self._seen.config,
        )
        number = self._record.last_number(self._wish.key) + 1
        uid = str(self._run.metadata.uid)
        attempt = Attempt(
            number=number,
            key=self._wish.key,
            token=self._wish.token,
            settings=self._wish.settings,
            uid=uid,
            child_kind=kind.kind,
            child=naming.child_name(self._run.metadata.name, uid, self._wish.key, number),
            state=AttemptState.ACTIVE,
            started=self._seen.now,
        )
        recorded = StartAttempt(
            key=attempt.key,
            number=number,
            token=attempt.token,
            settings=attempt.settings,
            uid=uid,
            child_kind=attempt.child_kind,
            child=attempt.child,
            spec=self._run.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            schedule=self._schedule(),
        )
        # The row is the intent. The status follows at the next look, so that of many new runs each
        # has its child before any is told of.
        return Plan((*told, recorded, *self._make(attempt)), _AT_ONCE)

    def _schedule(self) -> str | None:
        """The schedule that made the run, by which results of its runs are one line of history."""
        owner = owner_of(self._seen.run or {"metadata": {}})
        return owner.name if owner is not None and owner.kind == AnalysisSchedule.__name__ else None

    def _make(self, attempt: Attempt) -> list[Action]:
        """The child of an attempt, with its Event before it, so that no crash loses one."""
        about = f"{attempt.key}/{attempt.number}"
        told = self._announce("Started", f"attempt {attempt.number} started", about)
        return [told, self._create(attempt)]

    def _create(self, attempt: Attempt) -> CreateChild:
        run, config = self._run, self._seen.config
        kind = KINDS[attempt.child_kind]
        order = ChildOrder(
            name=attempt.child,
            namespace=self._seen.namespace,
            run=self._seen.name,
            uid=attempt.uid,
            environment=config.environment,
            key=attempt.key,
            attempt=attempt.number,
            compute=run.spec.compute,
            policy=run.spec.policy,
            store=run.spec.results.store,
            image=run.spec.compute.image or config.image,
            ray_version=config.ray_version,
            workers=worker_count(run.spec.compute, self._people(), config),
        )
        return CreateChild(kind, kind.manifest(order))

    def _people(self) -> int | None:
        """How many people the newest result has: the best guess at the size of the input."""
        if not self._record.publications:
            return None
        people = self._record.publications[-1].summary.get("people")
        return people if isinstance(people, int) else None

    def _leaving(self) -> datetime | None:
        """Until when the last attempt's pods are waited for; None where nothing is left of it."""
        if not (self._seen.pods or self._seen.children):
            return None
        ends = [attempt.ended for attempt in self._record.attempts if attempt.ended is not None]
        last = max(ends) if ends else self._seen.now
        return last + timedelta(seconds=self._run.spec.policy.pod_gone_timeout_seconds)

    def _delete_when_due(self, due: datetime) -> tuple[list[Action], float | None]:
        if not self._seen.children:
            return [], None
        if self._seen.now >= due:
            return delete(self._seen.children), None
        return [], (due - self._seen.now).total_seconds()

    def _with_run_ttl(self, plan: Plan, finished: datetime) -> Plan:
        ttl = self._run.spec.policy.run_ttl_seconds
        annotations = self._run.metadata.annotations
        labels = self._run.metadata.labels
        # What git tracks would be made again at once; only git may delete it.
        if ttl is None or any(key in annotations or key in labels for key in _TRACKED_BY):
            return plan
        left = (finished + timedelta(seconds=ttl) - self._seen.now).total_seconds()
        if left <= 0:
            return Plan((*plan.actions, DeleteRun()))
        return replace(plan, again_after=min(left, plan.again_after or left))

    def _succeeded(self, published: Publication) -> None:
        said = f"published by attempt {published.attempt}{self._overdue(published)}"
        self._facts["ResultsPublished"] = Fact("True", Reason.PUBLISHED, said)
        self._facts["Succeeded"] = Fact("True", Reason.PUBLISHED, said)
        self._facts["Finished"] = Fact("True", Reason.PUBLISHED, "the run has succeeded")

    def _overdue(self, published: Publication) -> str:
        """Why a result is still there that is beyond its retention."""
        retention = self._run.spec.results.retention
        limits = Limits(retention.executions, retention.max_age_days)
        newer = sum(each.published > published.published for each in self._record.publications)
        why = kept_because(published.published, newer, limits, self._seen.now)
        return "" if why is None else f", {why}"

    def _unfinished(self, reason: Reason, message: str) -> None:
        self._facts["ResultsPublished"] = Fact("False", Reason.NOT_PUBLISHED)
        self._facts["Succeeded"] = Fact("Unknown", reason, message)
        self._facts["Finished"] = Fact("False", reason, "the run is not finished")

    def _announce(
        self, reason: Reason | str, message: str, about: str = "", *, warning: bool = False
    ) -> Announce:
        return Announce(
            str(reason.value if isinstance(reason, Reason) else reason), message, about, warning
        )

    def _write(
        self,
        before: Sequence[Action],
        told: Sequence[Action],
        *,
        attempt: Attempt | None = None,
        published: Publication | None = None,
        again: float | None = None,
    ) -> Plan:
        """The status, if it changes, with its Events before it, so that no crash loses one."""
        old: Mapping[str, Any] = (self._seen.run or {}).get("status") or {}
        new = compose(
            old,
            self._facts,
            generation=int((self._seen.run or {})["metadata"].get("generation", 0)),
            now=self._seen.now,
            wish=self._wish,
            attempt=attempt,
            published=published,
        )
        if not differs(old, new):
            return Plan(tuple(before), again)
        old = known_part(old)
        if only_progress_differs(old, new):
            left = self._seen.config.progress_interval - self._seen.progress_age
            if left > 0:
                return Plan(tuple(before), min(left, again or left))
            told = []
        elif _same_reasons(old, new):
            told = []
        return Plan((*before, *told, WriteStatus(new)), again)


def _same_reasons(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    def reasons(status: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        number = (status.get("execution") or {}).get("attempt")
        key = (status.get("execution") or {}).get("key")
        return [
            (c["type"], c["status"], c["reason"], number, key)
            for c in status.get("conditions") or ()
        ]

    return reasons(old) == reasons(new)


def _attempt_of(pod: Mapping[str, Any]) -> int | None:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    number = str(labels.get(naming.ATTEMPT_LABEL, ""))
    return int(number) if number.isdigit() else None
