"""What `insights top` shows, at the width of an old terminal and of a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len
from rich.console import Console

from insights_crds.run_state import STATES
from insights_workloads.cli.top import Row, page, rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(name, succeeded=None, reason="Running", *, ago=60, message="as it is", **status) -> dict:
    at = (NOW - timedelta(seconds=ago)).isoformat()
    made = {"metadata": {"namespace": "people", "name": name, "creationTimestamp": at}}
    if succeeded is None:
        return made
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "Valid"},
        {"type": "Succeeded", "status": succeeded, "reason": reason, "message": message},
    ]
    ended = {} if succeeded == "Unknown" else {"completionTime": at}
    execution = {"key": "k", "startTime": at, **ended}
    return {**made, "status": {"conditions": conditions, "execution": execution, **status}}


RUNS = [
    run("published", "True", "Published",
        summary={"people": 1200, "clusters": 4, "teams": 120}, ago=7200),
    run("half-way", "Unknown", progress={"stage": "Teams", "percent": 50, "remainingSeconds": 95}),
    run("a-name-that-is-rather-long-and-goes-on-and-on-and-on", "Unknown", "Starting"),
    run("failed", "False", "NoPeople", message="the roster has no usable row"),
    run("waits", "Unknown", "WaitingForSlot"),
    run("new"),
]  # fmt: skip


def printed(known, width, height=24, namespace="people") -> list[str]:
    console = Console(width=width, height=height, record=True, color_system=None)
    with console.capture() as captured:
        console.print(page(known, "cluster", namespace, width, height))
    return captured.get().rstrip("\n").splitlines()


def test_what_failed_comes_first_and_results_last() -> None:
    states = [row.state for row in rows(RUNS, NOW)]
    assert states == ["Failed", "WaitingForSlot", "New", "Starting", "Running", "Published"]


def test_every_state_has_a_place() -> None:
    known = [Row("n", state, state, "", None, None, 1.0, "") for state in STATES]
    lines = printed(known, 120)
    assert all(any(state.lower()[:7] in line.lower() for line in lines)
               for state in STATES if state != "WaitingForSlot")  # fmt: skip


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("namespace", ["people", None])
def test_tables_align_and_no_line_is_too_long(width, namespace) -> None:
    lines = printed(rows(RUNS, NOW), width, namespace=namespace)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) == 3 + len(RUNS)
    column = lines[2].index("STATE")
    assert [line[column] for line in lines[3:]] == list("✗……◌●✓")
    text = "\n".join(lines)
    assert "NoPeople" in text
    assert "50%" in text
    assert "2m" in text


def test_what_does_not_fit_is_counted() -> None:
    many = rows([run(f"r-{i:04}") for i in range(1000)], NOW)
    lines = printed(many, 80, 24)
    assert len(lines) <= 24
    assert lines[-1].startswith("… and 981 more")


def test_no_run_says_how_to_see_more() -> None:
    assert "insights top -A" in "\n".join(printed([], 80))


def test_no_color_leaves_words_and_signs(monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(width=80, force_terminal=True)
    with console.capture() as captured:
        console.print(page(rows(RUNS, NOW), "cluster", "people", 80, 24))
    text = captured.get()
    assert "\x1b[3" not in text
    assert "✗ Failed" in text
