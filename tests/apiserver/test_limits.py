"""As many active runs as the operator's limits allow: first in, first out within a priority."""

from __future__ import annotations

import pytest

from tests.apiserver.life import Life

pytestmark = pytest.mark.timeout(180)

OPERATOR = {"INSIGHTS_MAX_ACTIVE_RUNS_PER_NAMESPACE": "1"}
_PRIORITIES = {"slot-first": 0, "slot-low": -5, "slot-next": 0, "slot-high": 9}


def test_runs_wait_for_their_slot_and_the_higher_priority_goes_first(
    kubectl, dsn, operators
) -> None:
    runs = {name: Life(kubectl, dsn, operators, name) for name in _PRIORITIES}
    for name, run in runs.items():
        compute = {"mode": "SinglePod", "priority": _PRIORITIES[name]}
        run.apply(compute=compute, policy={"childTTL": {"successSeconds": 0}})
        if name == "slot-first":
            run.wait(run.children)
    for name in ("slot-low", "slot-next", "slot-high"):
        run = runs[name]
        run.wait(lambda run=run: run.says() == ("Unknown", "WaitingForSlot"))
    # A new leader must not take the slot for free.
    operators.running[0].kill()
    operators.running[0].wait()
    operators.start()
    order = ["slot-first", "slot-high", "slot-next", "slot-low"]
    for place, name in enumerate(order):
        run = runs[name]
        run.wait(run.children, 60 if place == 0 else 15)
        for later in order[place + 1 :]:
            assert runs[later].children() == []
        run.publish()
        run.wait(lambda run=run: run.says() == ("True", "Published"))
