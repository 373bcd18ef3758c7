"""Which results go, and which stay for as long as somebody is shown them: functions of values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = ["Limits", "LineRun", "Result", "beyond", "kept_because", "limits_of", "outlived"]

_EXECUTIONS = 10
"""The default of v1, for objects that were stored before the field was there."""


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Attributes:
        executions: published executions to keep, the newest first.
        days: age from which one is not kept, None where age does not matter.
    """

    executions: int = _EXECUTIONS
    days: int | None = None

    def too_old(self, published: datetime, now: datetime) -> bool:
        """Whether a result is older than is wanted."""
        return self.days is not None and now - published > timedelta(days=self.days)


@dataclass(frozen=True)
class Result:
    """A published execution.

    Attributes:
        id: of its row.
        key: execution key.
        token: rerun token that it honours.
        published: when.
        linked_from: id of the one whose rows and objects it shares, None if they are its own.
    """

    id: int
    key: str
    token: str | None
    published: datetime
    linked_from: int | None = None


@dataclass(frozen=True)
class LineRun:
    """One run of a schedule.

    Attributes:
        name: of the run.
        started: when its last attempt began.
        published: when its newest result was published, None where it has none.
        active: whether an attempt is at work.
        there: whether the run itself is still there.
    """

    name: str
    started: datetime
    published: datetime | None
    active: bool
    there: bool


def limits_of(spec: Mapping[str, Any] | None) -> Limits:
    """What a run's spec, as the API server stores it, wants to be kept."""
    said = ((spec or {}).get("results") or {}).get("retention") or {}
    days = said.get("maxAgeDays")
    return Limits(int(said.get("executions", _EXECUTIONS)), None if days is None else int(days))


def beyond(
    results: Sequence[Result],
    limits: Limits,
    shown: Collection[tuple[str, str | None]],
    now: datetime,
) -> list[int]:
    """Results of one run that are to be removed.

    Args:
        results: all that it has, oldest first.
        limits: what is kept.
        shown: what the run asks for or shows, each an execution key and a rerun token, None for
            any; the newest result of each stays.
        now: the time by which ages are told.

    Returns:
        Their ids. The newest of all is never among them, nor one whose rows are shared by another
        that stays.
    """
    kept = {each.id for each in results[-1:]}
    kept |= {
        each.id for each in results[-limits.executions :] if not limits.too_old(each.published, now)
    }
    newest: dict[tuple[str, str | None], int] = {}
    for each in results:
        newest[each.key, each.token] = newest[each.key, None] = each.id
    kept |= {newest[each] for each in shown if each in newest}
    kept |= {each.linked_from for each in results if each.id in kept and each.linked_from}
    return [each.id for each in results if each.id not in kept]


def kept_because(published: datetime, newer: int, limits: Limits, now: datetime) -> str | None:
    """Why a result is still there that a run shows, though it is beyond its retention.

    Args:
        published: when it was.
        newer: results of the run that were published after it.
        limits: what is kept.
        now: the time by which ages are told.

    Returns:
        A part of a sentence; None where it is within the limits.
    """
    if limits.too_old(published, now):
        return f"older than maxAgeDays ({limits.days}) and kept, since the run shows it"
    if newer >= limits.executions:
        return f"beyond retention.executions ({limits.executions}) and kept, since the run shows it"
    return None


def outlived(line: Sequence[LineRun], limits: Limits, now: datetime) -> list[str]:
    """Runs of one schedule whose results are to be erased, for their objects are gone.

    Results of all runs count as one line. Those of runs that are still there stay: the run shows
    them. A run that is gone and has published nothing goes with the results of its time.

    Args:
        line: all runs of the schedule.
        limits: what is kept.
        now: the time by which ages are told.
    """
    told = sorted(
        ((each.published, each.name) for each in line if each.published is not None), reverse=True
    )
    kept = [
        (published, name)
        for at, (published, name) in enumerate(told)
        if at == 0 or (at < limits.executions and not limits.too_old(published, now))
    ]
    names = {name for _, name in kept}
    oldest = min((published for published, _ in kept), default=None)
    out = []
    for each in sorted(line, key=lambda each: (each.started, each.name)):
        if each.there or each.active or each.name in names:
            continue
        failed_lately = each.published is None and (oldest is None or each.started >= oldest)
        if not failed_lately or limits.too_old(each.started, now):
            out.append(each.name)
    return out
