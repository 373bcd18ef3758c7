"""Two replicas: who acts, how soon the other one does, and that a thawed leader writes nothing."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.apiserver.life import Life
from tests.cluster.processes import wait_for

pytestmark = pytest.mark.timeout(240)

_FROZEN_SECONDS = 60.0


@pytest.fixture
def replicas(operators, kubectl):
    """The leading replica and the one that waits."""

    def holder() -> str:
        return kubectl.try_(
            "get", "lease", "insights-operator", "-n", "default", "-o",
            "jsonpath={.spec.holderIdentity}",
        ).stdout  # fmt: skip

    leading = next(p for p in operators.running if p.poll() is None)
    wait_for(lambda: holder().endswith(f"-{leading.pid}"), 40)
    waiting = operators.start()
    # It is of use as soon as it has listed everything.
    wait_for(lambda: "this replica waits" in operators.log_of(waiting), 30)
    yield leading, waiting, holder
    if leading.poll() is None:
        leading.terminate()
        leading.wait(timeout=20)


def taken_over(holder, process, deadline) -> float:
    began = time.monotonic()
    wait_for(lambda: holder().endswith(f"-{process.pid}"), deadline)
    return time.monotonic() - began


def test_sigterm_hands_over_within_five_seconds(replicas, life) -> None:
    leading, waiting, holder = replicas
    leading.send_signal(signal.SIGTERM)
    assert taken_over(holder, waiting, 30) < 5
    assert leading.wait(timeout=20) == 0
    life.apply()
    life.wait(lambda: len(life.children()) == 1)


def test_sigkill_hands_over_within_twenty_seconds(replicas, life) -> None:
    leading, waiting, holder = replicas
    leading.kill()
    assert taken_over(holder, waiting, 60) < 20
    life.apply()
    life.wait(lambda: len(life.children()) == 1)


def test_a_leader_frozen_for_a_minute_writes_nothing_when_it_thaws(
    replicas, apiserver, kubectl, dsn, operators
) -> None:
    if not apiserver.audit.exists():
        pytest.skip("a cluster of somebody else's has no audit log to read")
    leading, waiting, holder = replicas
    lives = [Life(kubectl, dsn, operators, f"frozen-{n}") for n in range(8)]
    for life in lives[:4]:
        life.apply()
    # With work at hand, and more while it is away.
    leading.send_signal(signal.SIGSTOP)
    frozen = time.monotonic()
    taken_over(holder, waiting, 60)
    for life in lives[4:]:
        life.apply()
    for life in lives:
        life.wait(lambda life=life: len(life.children()) == 1)
        life.apply(suspend=True)
        life.wait(lambda life=life: life.says("Suspended") == ("True", "Suspended"))
    wait_for(lambda: time.monotonic() - frozen > _FROZEN_SECONDS, _FROZEN_SECONDS + 5)
    before = written_by(apiserver.audit, leading.pid)
    leading.send_signal(signal.SIGCONT)
    assert leading.wait(timeout=30) == 1
    assert written_by(apiserver.audit, leading.pid) == before
    assert all(life.children() == [] for life in lives)


def written_by(audit, pid) -> int:
    """Writes that a replica asked for, refused ones too."""
    entries = map(json.loads, audit.read_text().splitlines())
    return sum(entry.get("userAgent", "").endswith(f"-{pid}") for entry in entries)
