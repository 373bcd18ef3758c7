"""The chart and its environments: linted by Helm, accepted by a real API server."""

from __future__ import annotations

import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from insights_store.tenancy import Tenant
from tests.chart import CHART, ENVIRONMENTS, REPOSITORY, SYSTEM, documents, helm, render
from tests.cluster.binaries import module_folder

# Its hundred packages are its own: they stay out of our environment.
UV = shutil.which("uv") or str(REPOSITORY / ".cache" / "uv" / "bin" / "uv")
CHECKOV = (UV, "tool", "run", "--quiet", "checkov@3.3.30")
NAMES_OF_ENVIRONMENTS = [path.parent.name for path in ENVIRONMENTS]
# Its definition comes with no module that can be had: that it is well-formed is all we learn.
CLUSTER_OF_POSTGRES = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusters.postgresql.cnpg.io"},
    "spec": {
        "group": "postgresql.cnpg.io",
        "scope": "Namespaced",
        "names": {"kind": "Cluster", "plural": "clusters", "singular": "cluster"},
        "versions": [
            {
                "name": "v1", "served": True, "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": True
                    }
                },
            }
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def platform(kubectl):
    """An API server that knows the kinds of others, and has the namespaces of the environments."""
    source = module_folder("crds", "github.com/external-secrets/external-secrets")
    for kind in ("externalsecrets", "clustersecretstores"):
        crd = source / "config" / "crds" / "bases" / f"external-secrets.io_{kind}.yaml"
        kubectl("apply", "--server-side", "-f", str(crd))
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(CLUSTER_OF_POSTGRES))
    kubectl.establish(
        "externalsecrets.external-secrets.io", "clustersecretstores.external-secrets.io",
        "clusters.postgresql.cnpg.io",
    )  # fmt: skip
    names = {SYSTEM}
    for path in ENVIRONMENTS:
        names |= {each["name"] for each in yaml.safe_load(path.read_text())["namespaces"]}
    for name in names:
        kubectl("create", "namespace", name)
    yield kubectl
    kubectl("delete", "namespace", *names, "--wait=true", "--timeout=100s")


def dry_run(kubectl, text: str) -> str:
    """What a person would do, all but storing it. Unknown fields are refused."""
    return kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text)


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_an_environment_is_accepted(platform, path) -> None:
    done = helm("lint", "--strict", "--quiet", CHART, "--values", path)
    assert done.returncode == 0, done.stdout
    text = render(path)
    said = dry_run(platform, text)
    assert len(said.splitlines()) == len(documents(text))
    own = path.with_name("platform.yaml")
    if own.exists():
        dry_run(platform, own.read_text())


def test_the_defaults_are_accepted(platform) -> None:
    done = helm("lint", "--strict", "--quiet", CHART)
    assert done.returncode == 0, done.stdout
    dry_run(platform, render())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"operater": {}}, "operater"),
        ({"operator": {"replcas": 3}}, "replcas"),
        ({"operator": {"replicas": "two"}}, "/operator/replicas"),
        ({"namespaces": [{"nmae": "people"}]}, "nmae"),
        ({"namespaces": [{"name": "People"}]}, "/namespaces/0/name"),
        ({"networkPolicies": {"database": {"cidrs": ["10.0.0.1"]}}}, "/networkPolicies/database"),
        ({"trial": {"enabled": True}, "externalSecrets": {"enabled": True}}, "trial.enabled"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values, named) -> None:
    done = helm("template", "insights", CHART, "--kube-version", "1.37.2", values=values)
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize("name", ["people", "team-one", "a--b", "n" * 63])
def test_a_namespace_is_given_the_role_that_the_store_makes(name) -> None:
    values = {"environment": "prod-1", "trial": {"enabled": True}, "namespaces": [{"name": name}]}
    (dsn,) = (
        each["stringData"]["INSIGHTS_DATABASE_DSN"]
        for each in documents(render(values=values))
        if each["kind"] == "Secret" and each["metadata"]["namespace"] == name
    )
    assert urlsplit(dsn).username == Tenant("prod-1", name).role


def test_a_partial_value_keeps_the_other_defaults() -> None:
    (deployment,) = (
        each
        for each in documents(render(values={"operator": {"replicas": 1}}))
        if each["kind"] == "Deployment"
    )
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_no_password_is_rendered() -> None:
    for path in ENVIRONMENTS:
        for each in documents(render(path)):
            if each["kind"] == "Secret":
                assert path.parent.name == "trial"
                for value in each["stringData"].values():
                    assert urlsplit(value).password is None


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_pods_are_restricted_and_bounded(path) -> None:
    for each in documents(render(path)):
        template = (each.get("spec") or {}).get("template")
        if each["kind"] not in ("Deployment", "StatefulSet"):
            continue
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in spec.get("initContainers", []) + spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_network_policies_open_what_is_named_and_nothing_else() -> None:
    policies = [each for each in documents(render(values={"namespaces": [{"name": "people"}]}))
                if each["kind"] == "NetworkPolicy"]  # fmt: skip
    assert {each["metadata"]["name"] for each in policies} == {
        "insights-operator", "insights-runs-deny", "insights-runs-data", "insights-runs-database",
        "insights-runs-ray", "insights-runs-dashboard", "insights-runs-submitter",
        "insights-runs-autoscaler",
    }  # fmt: skip
    for policy in policies:
        for rule in policy["spec"].get("egress", []):
            assert rule["to"]
            assert rule.get("ports") or policy["metadata"]["name"] == "insights-runs-ray"
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"]


def test_definitions_of_kinds_and_namespaces_outlive_the_release() -> None:
    kept = {"CustomResourceDefinition", "Namespace"}
    found = set()
    for each in documents(render(values={"namespaces": [{"name": "people"}]})):
        if each["kind"] in kept:
            notes = each["metadata"]["annotations"]
            assert notes["helm.sh/resource-policy"] == "keep"
            assert notes["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
            found.add(each["kind"])
    assert found == kept


def test_checkov_has_nothing_to_say(tmp_path) -> None:
    # It takes ten seconds to start: once for all.
    files = []
    for name, values in [
        ("defaults", None),
        *zip(NAMES_OF_ENVIRONMENTS, ENVIRONMENTS, strict=True),
    ]:
        files += ["--file", tmp_path / f"{name}.yaml"]
        files[-1].write_text(render(*([values] if values else [])))
    done = subprocess.run(
        [*CHECKOV, "--config-file", REPOSITORY / ".checkov.yaml", *files],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    passed = re.search(r"Passed checks: (\d+)", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 100 * len(ENVIRONMENTS)
