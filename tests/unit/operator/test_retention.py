"""Which results go: tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from insights_operator.retention import (
    Limits,
    LineRun,
    Result,
    beyond,
    kept_because,
    limits_of,
    outlived,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def results(*told) -> list[Result]:
    """Oldest first; each (id, key, days ago) and perhaps (token, linked_from)."""
    return [
        Result(number, key, more[0] if more else None, NOW - timedelta(days=days), *more[1:])
        for number, key, days, *more in told
    ]


DAILY = [(1, "a", 50), (2, "b", 40), (3, "c", 30), (4, "d", 20), (5, "e", 10)]

BEYOND = [
    ("as many as are wanted", DAILY, Limits(5), (), []),
    ("the oldest first", DAILY, Limits(3), (), [1, 2]),
    ("the newest never", DAILY, Limits(1), (), [1, 2, 3, 4]),
    ("none at all", [], Limits(1), (), []),
    ("too old", DAILY, Limits(10, 25), (), [1, 2, 3]),
    ("on the day it is kept", DAILY, Limits(10, 30), (), [1, 2]),
    ("the newest at any age", DAILY, Limits(10, 1), (), [1, 2, 3, 4]),
    ("one that is shown", DAILY, Limits(1), {("b", None)}, [1, 3, 4]),
    ("one that is shown at any age", DAILY, Limits(10, 1), {("a", None)}, [2, 3, 4]),
    ("only the newest of what is shown",
     [(1, "a", 50), (2, "a", 40), (3, "b", 30)], Limits(1), {("a", None)}, [1]),
    ("one of a rerun that is shown",
     [(1, "a", 50, "t"), (2, "a", 40, "u"), (3, "b", 30)], Limits(1),
     {("a", "t"), ("a", None)}, []),
    ("not each rerun",
     [(n, "a", 50 - n, f"t{n}") for n in range(1, 9)], Limits(2), {("a", None), ("a", "t8")},
     [1, 2, 3, 4, 5, 6]),
    ("what a kept one links to", [(1, "a", 50), (2, "b", 40), (3, "a", 30, None, 1)], Limits(1), (),
     [2]),
    ("a link goes with what it links to",
     [(1, "a", 50), (2, "a", 40, None, 1), (3, "b", 30)], Limits(1), (), [1, 2]),
    ("a link goes, what it links to is shown elsewhere",
     [(1, "a", 50), (2, "a", 40, None, 1), (3, "b", 30), (4, "a", 20, None, 1)], Limits(1), (),
     [2, 3]),
    ("what is shown and unknown", DAILY, Limits(5), {("z", None)}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "limits", "shown", "expected"), [c[1:] for c in BEYOND], ids=[c[0] for c in BEYOND]
)
def test_results_of_a_run_go(told, limits, shown, expected) -> None:
    assert beyond(results(*told), limits, shown, NOW) == expected


def run(name, days, *, published=True, active=False, there=False) -> LineRun:
    at = NOW - timedelta(days=days)
    return LineRun(name, at, at if published else None, active, there)


LINE = [
    ("within", [run("a", 3), run("b", 2)], Limits(2), []),
    ("beyond", [run("a", 3), run("b", 2), run("c", 1)], Limits(2), ["a"]),
    ("there still", [run("a", 3, there=True), run("b", 2), run("c", 1)], Limits(1), ["b"]),
    ("at work", [run("a", 3, active=True), run("b", 2), run("c", 1)], Limits(1), ["b"]),
    ("too old", [run("a", 30), run("b", 20), run("c", 1)], Limits(9, 10), ["a", "b"]),
    ("the newest at any age", [run("a", 30), run("b", 20)], Limits(9, 10), ["a"]),
    ("a failure of long ago", [run("a", 4, published=False), run("b", 3), run("c", 1)], Limits(2),
     ["a"]),
    ("a failure of late", [run("a", 3), run("b", 2, published=False), run("c", 1)], Limits(2), []),
    ("only failures", [run("a", 30, published=False)], Limits(1), []),
    ("only failures, too old", [run("a", 30, published=False)], Limits(1, 10), ["a"]),
    ("none", [], Limits(1), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "limits", "expected"), [c[1:] for c in LINE], ids=[c[0] for c in LINE]
)
def test_runs_of_a_schedule_are_one_line(line, limits, expected) -> None:
    assert outlived(line, limits, NOW) == expected


def test_limits_are_read_from_what_the_api_server_stores() -> None:
    assert limits_of(None) == limits_of({}) == Limits(10, None)
    said = {"results": {"retention": {"executions": 3, "maxAgeDays": 90, "unknown": 1}}}
    assert limits_of(said) == Limits(3, 90)


@pytest.mark.parametrize(
    ("days", "newer", "limits", "word"),
    [
        (5, 0, Limits(1, 10), None),
        (11, 0, Limits(1, 10), "maxAgeDays (10)"),
        (5, 2, Limits(3, 10), None),
        (5, 3, Limits(3, 10), "executions (3)"),
    ],
)
def test_a_status_says_why_a_result_is_kept(days, newer, limits, word) -> None:
    said = kept_because(NOW - timedelta(days=days), newer, limits, NOW)
    assert (said is None) if word is None else (word in said)
