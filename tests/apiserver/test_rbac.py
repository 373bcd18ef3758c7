"""The operator under the chart's own service account: it lacks no right, and has none in vain.

A right that were taken away would be missed here, and one that were added would be named.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
import yaml

from tests.apiserver.life import NAMESPACE, RUNS, Life, Operators
from tests.apiserver.test_schedule import SCHEDULES, schedule
from tests.chart import documents, render
from tests.cluster import kuberay
from tests.cluster.processes import wait_for

pytestmark = pytest.mark.timeout(300)

HOME = "insights-rbac"
USER = f"system:serviceaccount:{HOME}:insights-operator"
RIGHTS = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


@pytest.fixture(scope="module")
def rights(kubectl) -> Iterator[list[dict]]:
    """What the chart grants."""
    kubectl("create", "namespace", HOME)
    found = [each for each in documents(render(namespace=HOME)) if each["kind"] in RIGHTS]
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(found))
    yield found
    kubectl("delete", "-f", "-", "--wait=false", stdin=yaml.safe_dump_all(found))
    kubectl("delete", "namespace", HOME, "--wait=true", "--timeout=100s")


@pytest.fixture(scope="module")
def operators(apiserver, kubectl, rights, dsn, tmp_path_factory) -> Iterator[Operators]:
    """One replica with a token of that account, on a cluster with KubeRay's kinds."""
    if "KUBECONFIG" in os.environ:
        pytest.skip("a cluster of somebody else's has no audit log to read")
    folder = tmp_path_factory.mktemp("account")
    config = yaml.safe_load(apiserver.kubeconfig.read_text())
    token = kubectl("create", "token", "insights-operator", "-n", HOME, "--duration=1h").strip()
    config["users"][0]["user"] = {"token": token}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    kubeconfig.chmod(0o600)
    kuberay.install_crds(kubectl)
    kubectl("create", "namespace", NAMESPACE)
    store = folder / "stores" / "default"
    store.mkdir(parents=True)
    (store / "INSIGHTS_OBJECT_STORE").write_text(f"file://{folder}/objects")
    operators = Operators(
        kubeconfig, dsn, folder,
        INSIGHTS_OPERATOR_NAMESPACE=HOME, INSIGHTS_STORES_FOLDER=str(folder / "stores"),
    )  # fmt: skip
    operators.start()
    yield operators
    operators.stop()
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=100s")
    kuberay.remove_crds(kubectl)


def test_every_right_is_used_and_none_is_missing(
    apiserver, kubectl, rights, dsn, operators
) -> None:
    live(apiserver, kubectl, dsn, operators)
    # A watch is told of when it ends.
    operators.stop()
    asked, refused = requests(apiserver)
    assert refused == set(), "the chart lacks these"
    granted = {
        (verb, group, resource)
        for each in rights
        for rule in each.get("rules") or ()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert sorted(granted - asked) == [], "the chart grants these in vain"
    # What everybody may: whether an API is there.
    assert sorted(asked - granted) == []


def live(apiserver, kubectl, dsn, operators) -> None:
    """Whatever needs a right, once."""
    run = {
        "source": {"uri": "s3://b/people.csv"}, "teams": {"count": 3},
        "compute": {"mode": "SinglePod"},
    }  # fmt: skip
    short = schedule("short", successfulRunsHistoryLimit=0, runTemplate={"spec": run})
    kubectl("apply", "--server-side", "-f", "-", stdin=short)
    quiet, job, ray = (Life(kubectl, dsn, operators, name) for name in ("quiet", "job", "ray"))
    quiet.apply(compute={"mode": "SinglePod"})
    job.apply(compute={"mode": "SinglePod"}, results={"retention": {"onDelete": "Erase"}})
    ray.apply(compute={"mode": "RayCluster"})
    for life, kind in ((job, "jobs"), (ray, "rayjobs.ray.io")):
        selector = f"insights.observer.io/run={life.name}"
        uid = ("get", kind, "-n", NAMESPACE, "-l", selector, "-o", "jsonpath={..metadata.uid}")
        life.wait(lambda uid=uid: kubectl(*uid) != "")
        first = kubectl(*uid)
        # A child that somebody deletes is asked for by its name before it is made again.
        kubectl("delete", kind, "-n", NAMESPACE, "-l", selector, "--wait=true")
        life.wait(lambda uid=uid, first=first: kubectl(*uid) not in ("", first))
    job.publish()
    job.wait(lambda: job.says() == ("True", "Published"))
    kubectl("delete", RUNS, "job", "ray", "-n", NAMESPACE, "--timeout=30s")
    scheduled = ("get", RUNS, "-n", NAMESPACE, "-l", "insights.observer.io/schedule=short", "-o")
    wait_for(lambda: kubectl(*scheduled, "name") != "", 75)
    (made,) = json.loads(kubectl(*scheduled, "json"))["items"]
    Life(kubectl, dsn, operators, made["metadata"]["name"]).publish()
    wait_for(lambda: made["metadata"]["name"] not in kubectl(*scheduled, "name"), 60)
    kubectl("delete", SCHEDULES, "short", "-n", NAMESPACE)
    # A start that takes long is looked at for its Events.
    wait_for(lambda: ("list", "", "events") in requests(apiserver)[0], 30)
    kubectl("delete", RUNS, "quiet", "-n", NAMESPACE, "--timeout=30s")
    wait_for(lambda: quiet.children() == [], 30)


def requests(apiserver) -> tuple[set[tuple[str, str, str]], set[tuple[str, str, str]]]:
    """What the account asked for, and what of it was refused: verb, group, resource."""
    asked, refused = set(), set()
    for line in apiserver.audit.read_text().splitlines():
        entry = json.loads(line)
        if entry["user"]["username"] != USER or "objectRef" not in entry:
            continue
        what = entry["objectRef"]
        resource = what["resource"] + (f"/{what['subresource']}" if "subresource" in what else "")
        right = (entry["verb"], what.get("apiGroup", ""), resource)
        asked.add(right)
        if entry["responseStatus"]["code"] == 403:
            refused.add(right)
    return asked, refused
