"""What Argo CD makes of our kinds: its own binary runs the scripts that the chart hands it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from insights_crds.v1 import AnalysisRun
from tests.chart import ENVIRONMENTS, REPOSITORY, SYSTEM, documents, render
from tests.cluster.binaries import binary, module_folder

ARGOCD = REPOSITORY / "argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations"
HEALTH = [
    (path.parent / each["inputPath"], each["healthStatus"])
    for path in sorted(CUSTOMIZATIONS.rglob("health_test.yaml"))
    for each in yaml.safe_load(path.read_text())["tests"]
]
RUN = CUSTOMIZATIONS / "insights.observer.io" / "AnalysisRun" / "testdata"
SCHEDULE = CUSTOMIZATIONS / "insights.observer.io" / "AnalysisSchedule" / "testdata"
CLUSTER_KINDS = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


@pytest.fixture(scope="module")
def rendered() -> list[dict]:
    return documents(render(chart=ARGOCD))


@pytest.fixture(scope="module")
def overrides(rendered, tmp_path_factory):
    """`argocd admin settings resource-overrides` with our ConfigMap."""
    (config,) = (each for each in rendered if each["kind"] == "ConfigMap")
    folder = tmp_path_factory.mktemp("argocd")
    config["metadata"]["namespace"] = "default"
    (folder / "cm.yaml").write_text(yaml.safe_dump(config))

    def run(verb: str, path: Path, *more: str) -> str:
        done = subprocess.run(
            [
                binary("argocd"), "admin", "settings", "resource-overrides", verb, path, *more,
                "--argocd-cm-path", folder / "cm.yaml",
            ],
            env={**os.environ, "ARGOCD_BINARY_NAME": "argocd", "HOME": str(folder)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("path", "wanted"), HEALTH, ids=[f"{path.parents[1].name}-{path.stem}" for path, _ in HEALTH]
)
def test_health(overrides, path, wanted) -> None:
    said = overrides("health", path)
    assert f"STATUS: {wanted['status']}\n" in said
    assert f"MESSAGE: {wanted['message']}\n" in said


@pytest.mark.parametrize(
    ("path", "enabled"),
    [
        (RUN / "published.yaml", {"suspend", "rerun"}),
        (SCHEDULE / "waiting.yaml", {"suspend", "create-run"}),
        (SCHEDULE / "suspended.yaml", {"resume", "create-run"}),
    ],
)
def test_actions_that_are_offered(overrides, path, enabled) -> None:
    lines = [line.split() for line in overrides("list-actions", path).splitlines()[1:]]
    assert {line[0] for line in lines if "false" in line[1:]} == enabled


@pytest.mark.parametrize(
    ("path", "action", "shows"),
    [
        (RUN / "published.yaml", "suspend", "suspend: true"),
        (RUN / "published.yaml", "rerun", "insights.observer.io/rerun:"),
        (SCHEDULE / "waiting.yaml", "suspend", "suspend: true"),
        (SCHEDULE / "suspended.yaml", "resume", "suspend: true"),
        (SCHEDULE / "waiting.yaml", "create-run", "kind: AnalysisRun"),
    ],
)
def test_what_an_action_changes(overrides, path, action, shows) -> None:
    assert shows in overrides("run-action", path, action)


def test_projects_allow_what_every_environment_needs_and_no_more(rendered) -> None:
    projects = {e["metadata"]["name"]: e["spec"] for e in rendered if e["kind"] == "AppProject"}
    allowed = {
        (each["group"], each["kind"])
        for part in ("clusterResourceWhitelist", "namespaceResourceWhitelist")
        for each in projects["insights"][part]
    }
    needed = set()
    watched = {"operator": {"watchNamespaces": ["people"]}}
    monitored = {"monitoring": {"monitors": True, "rules": True, "dashboards": True}}
    for path in ENVIRONMENTS:
        for values in ({}, watched, monitored):
            for each in documents(render(path, values=values)):
                group = each["apiVersion"].rpartition("/")[0]
                needed.add((group, each["kind"]))
    assert allowed == needed
    runs = projects["insights-runs"]
    assert runs["clusterResourceWhitelist"] == []
    assert SYSTEM not in {each["namespace"] for each in runs["destinations"]}


def test_applications_are_applied_on_the_server_and_in_order(rendered) -> None:
    applications = {e["metadata"]["name"]: e for e in rendered if e["kind"] == "Application"}
    for each in applications.values():
        assert "ServerSideApply=true" in each["spec"]["syncPolicy"]["syncOptions"]
        assert each["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    waves = {
        name: int(each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for name, each in applications.items()
    }
    assert waves["insights-runs"] == max(waves.values()) > waves["insights"]


def test_argo_cds_own_definitions_accept_it(kubectl) -> None:
    crds = module_folder("argocd", "github.com/argoproj/argo-cd/v3") / "manifests" / "crds"
    for name in ("application-crd.yaml", "appproject-crd.yaml"):
        kubectl("apply", "--server-side", "-f", str(crds / name))
    kubectl.establish("applications.argoproj.io", "appprojects.argoproj.io")
    kubectl("create", "namespace", "argocd")
    kubectl(
        "apply", "--server-side", "--dry-run=server", "-f", "-", stdin=render(chart=ARGOCD)
    )  # fmt: skip
    kubectl("delete", "namespace", "argocd", "--wait=true", "--timeout=60s")


def test_example_runs_set_nothing_that_actions_set() -> None:
    for path in (ARGOCD / "example-runs").glob("*.yaml"):
        for each in documents(path.read_text()):
            AnalysisRun.model_validate(each)
            assert not {"suspend", "rerun"} & set(each["spec"])


def test_whoever_is_to_be_told_of_failures_is_subscribed() -> None:
    made = documents(render(chart=ARGOCD, values={"notifications": {"slack": "people-runs"}}))
    subscribed = [
        each["metadata"]["annotations"].get(
            "notifications.argoproj.io/subscribe.insights-failed.slack"
        )
        for each in made
        if each["kind"] == "Application"
    ]
    assert subscribed == ["people-runs", "people-runs"]
    (settings,) = (each for each in made if each["metadata"]["name"] == "argocd-notifications-cm")
    (trigger,) = yaml.safe_load(settings["data"]["trigger.insights-failed"])
    template = f"template.{trigger['send'][0]}"
    assert "{{.app.metadata.name}}" in yaml.safe_load(settings["data"][template])["message"]


TOLD = [
    ({"health": {"status": "Degraded"}}, True),
    ({"operationState": {"phase": "Failed"}}, True),
    ({"conditions": [{"type": "ComparisonError", "message": "no field clusterng"}]}, True),
    ({"conditions": [{"type": "OrphanedResourceWarning", "message": "one"}]}, False),
    ({"operationState": {"phase": "Succeeded"}}, False),
]


@pytest.mark.parametrize(("status", "told"), TOLD)
def test_people_are_told_of_what_needs_a_look(status, told, tmp_path, apiserver) -> None:
    made = documents(render(chart=ARGOCD, values={"notifications": {"slack": "people-runs"}}))
    (settings,) = (each for each in made if each["metadata"]["name"] == "argocd-notifications-cm")
    del settings["metadata"]["namespace"]
    application = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "insights-runs", "namespace": "argocd"},
        "status": {
            "health": {"status": "Healthy"}, "sync": {"status": "Synced", "revision": "1"}, **status
        },
    }  # fmt: skip
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "application.yaml").write_text(yaml.safe_dump(application))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [
                binary("argocd"), "admin", "notifications", *arguments, "insights-failed",
                tmp_path / "application.yaml", "--config-map", tmp_path / "settings.yaml",
                "--secret", ":empty",
            ],
            env={
                **os.environ, "ARGOCD_BINARY_NAME": "argocd", "HOME": str(tmp_path),
                "KUBECONFIG": str(apiserver.kubeconfig),
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("trigger", "run").split()[-1] == str(told).lower()
    message = run("template", "notify")
    assert "insights-runs: health" in message
    for each in status.get("conditions", ()):
        assert each["message"] in message
