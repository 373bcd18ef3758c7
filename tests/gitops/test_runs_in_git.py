"""The life of runs that are kept in git: each test goes on where the one before it ended."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest
import yaml

from tests.applied import RUNS
from tests.chart import REPOSITORY
from tests.cluster.processes import wait_for
from tests.gitops.conftest import APPLICATIONS, NAMESPACE, RUNS_APPLICATION, Platform

pytestmark = pytest.mark.timeout(600)

FILE = "runs/first.yaml"
KIND = "insights.observer.io/v1/AnalysisRun"
HEALTHY = ("Synced", "Healthy")
STEADY_SECONDS = 180.0


def run(name: str = "first", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "insights.observer.io/v1", "kind": "AnalysisRun",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "source": {"uri": "s3://insights/rosters/people.csv"},
            "teams": {"size": {"min": 6, "max": 8}},
            "compute": {"head": {"cpu": "500m", "memory": "2Gi"}},
            **spec,
        },
    }  # fmt: skip


SCHEDULE = {
    "apiVersion": "insights.observer.io/v1", "kind": "AnalysisSchedule",
    "metadata": {"name": "yearly", "namespace": NAMESPACE},
    "spec": {"schedule": "0 6 1 1 *", "runTemplate": {"spec": run()["spec"]}},
}  # fmt: skip


def published(platform: Platform, name: str = "first") -> bool:
    return platform.says(name) == ("True", "Published")


def commit(platform: Platform, document: Any, path: str = FILE) -> str:
    revision = platform.runs.commit({path: document})
    platform.follow()
    return revision


def synced_to(platform: Platform, revision: str) -> bool:
    status = platform.argo.application(RUNS_APPLICATION)["status"]
    return status["sync"]["status"] == "Synced" and status["sync"]["revision"] == revision


def test_everything_is_healthy_before_the_first_run(platform) -> None:
    platform.wait(lambda: all(platform.argo.says(a) == HEALTHY for a in APPLICATIONS), 60)
    for namespace in (NAMESPACE, "insights-system"):
        labels = platform.kubectl.get("namespace", namespace)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = platform.kubectl.get("pods", "-n", "insights-system")["items"]
    ready = [
        pod["metadata"]["name"]
        for pod in pods
        for each in pod["status"]["conditions"]
        if (each["type"], each["status"]) == ("Ready", "True")
    ]
    assert len(ready) == 4, ready


def test_the_operators_image_says_what_is_in_it(platform) -> None:
    sbom = json.loads(
        platform.kubectl(
            "exec", "deployment/insights-operator", "-n", "insights-system", "--", "cat",
            "/opt/insights/sbom.cdx.json",
        )
    )  # fmt: skip
    names = {each["name"] for each in sbom["components"]}
    assert "kopf" in names
    # Small: what computes is in the other image.
    assert names.isdisjoint({"ray", "pandas", "numba"})


def test_a_run_in_git_is_carried_out(platform) -> None:
    revision = commit(platform, run())
    platform.wait(lambda: published(platform), 180)
    platform.wait(lambda: synced_to(platform, revision), 30)
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)
    assert platform.health(RUNS_APPLICATION, "first")["status"] == "Healthy"


def test_a_changed_run_is_computed_again_and_a_revert_shows_the_earlier_results(platform) -> None:
    first = platform.execution("first")
    commit(platform, run(clustering={"seed": 7}))
    platform.wait(lambda: platform.execution("first").get("key") != first["key"], 60)
    platform.wait(lambda: published(platform), 180)
    assert platform.attempts("first") == 2
    platform.runs.revert()
    platform.follow()
    platform.wait(lambda: platform.execution("first").get("key") == first["key"], 60)
    platform.wait(lambda: published(platform), 30)
    assert platform.attempts("first") == 2
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        ({"clusterng": {"seed": 1}}, "clusterng"),
        ({"clustering": {"k": {"fixed": 3, "auto": {}}}}, "spec.clustering.k"),
        ({"teams": {"count": 0}}, "spec.teams.count"),
    ],
    ids=["misspelt", "rule", "range"],
)
def test_a_commit_that_the_api_server_refuses_leaves_the_live_run(platform, refused, words) -> None:
    before = platform.run("first")
    commit(platform, run(**refused))

    def told() -> bool:
        return any(words in each for each in platform.argo.errors(RUNS_APPLICATION))

    platform.wait(told, 90)
    after = platform.run("first")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]
    assert published(platform)
    platform.runs.revert()
    platform.follow()
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 120)


def test_what_only_the_operator_can_refuse_is_degraded_with_its_field(platform) -> None:
    publications = platform.publications("first")
    # Something else is to be computed, too: what is published stays so, wherever it is to go now.
    commit(platform, run(clustering={"seed": 5}, results={"store": "nowhere"}))
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION)[1] == "Degraded", 60)
    health = platform.health(RUNS_APPLICATION, "first")
    assert health["status"] == "Degraded"
    assert "spec.results.store" in health["message"]
    assert platform.publications("first") == publications
    platform.runs.revert()
    platform.follow()
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 60)
    assert published(platform)


def test_rerun_survives_self_heal(platform) -> None:
    before = platform.publications("first")
    platform.argo.act(RUNS_APPLICATION, "rerun", KIND, NAMESPACE, "first")
    platform.wait(lambda: platform.publications("first") == before + 1, 180)
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)
    assert "insights.observer.io/rerun" in platform.run("first")["metadata"]["annotations"]


def test_suspend_and_resume_survive_self_heal(platform) -> None:
    commit(platform, run(clustering={"seed": 11}))
    platform.wait(lambda: platform.says("first")[0] == "Unknown", 60)
    platform.argo.act(RUNS_APPLICATION, "suspend", KIND, NAMESPACE, "first")
    platform.wait(lambda: platform.says("first", "Suspended")[0] == "True", 90)
    platform.follow()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 15, 20)
    assert platform.run("first")["spec"]["suspend"] is True
    assert platform.argo.says(RUNS_APPLICATION) == ("Synced", "Suspended")
    platform.argo.act(RUNS_APPLICATION, "resume", KIND, NAMESPACE, "first")
    platform.wait(lambda: published(platform), 180)
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)


def test_a_hand_edit_is_healed(platform) -> None:
    patch = '{"spec": {"clustering": {"seed": 99}}}'
    platform.kubectl("patch", RUNS, "first", "-n", NAMESPACE, "--type=merge", "-p", patch)
    platform.wait(lambda: platform.run("first")["spec"]["clustering"]["seed"] == 11, 60)
    platform.wait(lambda: published(platform), 60)
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)


def test_nothing_drifts_at_rest(platform, tmp_path) -> None:
    platform.wait(lambda: all(platform.argo.says(a) == HEALTHY for a in APPLICATIONS), 60)
    columns = "custom-columns=NAME:.metadata.name,SYNC:.status.sync.status,AT:.status.reconciledAt"
    seen = tmp_path / "seen"
    with seen.open("wb") as out:
        watching = subprocess.Popen(
            [
                *platform.kubectl.command, "get", "applications.argoproj.io", "-n", "argocd",
                "--watch", "--no-headers", "-o", columns,
            ],
            stdout=out,
        )  # fmt: skip
    try:
        # Its own writes, of a run that goes on meanwhile, are no drift either.
        platform.argo.act(RUNS_APPLICATION, "rerun", KIND, NAMESPACE, "first")
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > STEADY_SECONDS, STEADY_SECONDS + 5, 1.0)
    finally:
        watching.terminate()
        watching.wait()
    lines = [line.split() for line in seen.read_text().splitlines()]
    for application in APPLICATIONS:
        looks = {at for name, _, at in lines if name == application}
        assert len(looks) >= 5, f"{application} was compared with git {len(looks)} times"
    assert [line for line in lines if line[1] != "Synced"] == []


def test_what_is_removed_from_git_goes_but_its_results_stay(platform) -> None:
    before = platform.publications("first")
    assert before >= 3
    # The last one is never pruned: a folder that has become empty looks like a mistake.
    platform.runs.commit({FILE: None})
    platform.follow()
    platform.wait(lambda: "wipe out all" in str(platform.argo.errors(RUNS_APPLICATION)), 60)
    assert published(platform)
    commit(platform, SCHEDULE, "runs/yearly.yaml")
    platform.wait(lambda: platform.run("first") == {}, 60)
    selector = "app.kubernetes.io/managed-by=insights-operator"
    for kind in ("jobs", "pods"):
        platform.wait(
            lambda kind=kind: (
                platform.kubectl.get(kind, "-n", NAMESPACE, "-l", selector)["items"] == []
            ),
            60,
        )
    platform.wait(lambda: platform.argo.says(RUNS_APPLICATION) == HEALTHY, 30)
    assert platform.publications("first") == before
    # Back in git, it shows what it has published, and computes nothing.
    attempts = platform.attempts("first")
    commit(platform, run(clustering={"seed": 11}))
    platform.wait(lambda: published(platform), 60)
    assert platform.attempts("first") == attempts


def test_a_run_can_be_the_gate_of_a_sync(platform) -> None:
    gate = yaml.safe_load((REPOSITORY / "examples" / "gitops" / "gate.yaml").read_text())
    # A hook alone is no difference, and starts no sync: it comes with what it is to guard.
    revision = platform.runs.commit({"runs/gate.yaml": gate, FILE: run(clustering={"seed": 12})})
    platform.follow()

    def phase() -> str:
        # Between two syncs there is none, and at first it has no result.
        state = platform.argo.application(RUNS_APPLICATION)["status"].get("operationState") or {}
        synced = (state.get("syncResult") or {}).get("revision")
        return str(state["phase"]) if synced == revision else ""

    platform.wait(lambda: phase() == "Running" and platform.run("gate"), 240)
    assert published(platform)
    assert not published(platform, "gate")
    platform.wait(lambda: phase() == "Succeeded", 180)
    assert published(platform, "gate")


def test_no_replica_of_the_operator_had_to_start_again(platform) -> None:
    pods = platform.kubectl.get(
        "pods", "-n", "insights-system", "-l", "app.kubernetes.io/name=insights-operator"
    )["items"]
    restarts = [each["restartCount"] for pod in pods for each in pod["status"]["containerStatuses"]]
    assert restarts == [0, 0], platform.kubectl.try_(
        "logs", "-n", "insights-system", "-l", "app.kubernetes.io/name=insights-operator",
        "-c", "operator", "--previous",
    ).stdout  # fmt: skip
