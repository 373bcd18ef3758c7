"""A schedule on a real API server: a run each minute, and nothing of it afterwards."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.apiserver.life import NAMESPACE
from tests.cluster.processes import wait_for

pytestmark = pytest.mark.timeout(240)

SCHEDULES = "analysisschedules.insights.observer.io"
RUNS = "analysisruns.insights.observer.io"


def schedule(name, **spec) -> str:
    template = {"spec": {"source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3}}}
    return yaml.safe_dump(
        {
            "apiVersion": "insights.observer.io/v1",
            "kind": "AnalysisSchedule",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"schedule": "* * * * *", "runTemplate": template, **spec},
        }
    )


def test_a_schedule_makes_runs_and_takes_them_along(kubectl, operators) -> None:
    def runs() -> list[dict]:
        listed = kubectl(
            "get", RUNS, "-n", NAMESPACE, "-l", "insights.observer.io/schedule=minutely", "-o",
            "json",
        )  # fmt: skip
        return json.loads(listed)["items"]

    def status() -> dict:
        return kubectl.get(SCHEDULES, "minutely", "-n", NAMESPACE).get("status") or {}

    kubectl("apply", "--server-side", "-f", "-", stdin=schedule("minutely"))
    wait_for(lambda: "nextScheduleTime" in status(), 20)
    wait_for(lambda: len(runs()) == 1, 75)
    (run,) = runs()
    assert run["metadata"]["name"].startswith("minutely-")
    wait_for(lambda: status().get("active") == [run["metadata"]["name"]], 20)
    assert "lastScheduleTime" in status()
    table = kubectl("get", SCHEDULES, "minutely", "-n", NAMESPACE)
    assert "* * * * *" in table
    # Its run really runs.
    job = f"insights.observer.io/run={run['metadata']['name']}"
    wait_for(
        lambda: "driver" in kubectl("get", "jobs", "-n", NAMESPACE, "-l", job, "-o", "yaml"), 20
    )
    kubectl("apply", "--server-side", "-f", "-", stdin=schedule("minutely", suspend=True))
    wait_for(lambda: status()["conditions"][0]["reason"] == "Suspended", 20)
    kubectl("delete", SCHEDULES, "minutely", "-n", NAMESPACE, "--timeout=20s")
    wait_for(lambda: runs() == [], 60)


def test_a_time_zone_that_is_none_is_told(kubectl, operators) -> None:
    kubectl("apply", "--server-side", "-f", "-", stdin=schedule("nowhere", timeZone="Mars/Base"))

    def said() -> list[dict]:
        found = kubectl.get(SCHEDULES, "nowhere", "-n", NAMESPACE)
        return (found.get("status") or {}).get("conditions", [])

    wait_for(lambda: said() != [], 20)
    (ready,) = said()
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert "Mars/Base" in ready["message"]
