"""Pods of an attempt: what a run may say about them, and what stays ours whatever it says."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.quantities import amount
from insights_crds.v1 import Compute, EnvVar, PodOptions, Policy, SecretKey
from insights_operator.children import job, rayjob
from insights_operator.children.order import ChildOrder
from insights_operator.pod_policy import PodPolicy
from tests.unit.operator.world import CONFIG, World

KEY = SecretKey(name="mine", key="value")


def order(compute: Compute | None = None, **more) -> ChildOrder:
    parts = {
        "name": "run-0-1", "namespace": "people", "run": "run", "uid": "uid-1",
        "environment": "test", "key": "k" * 64, "attempt": 7, "compute": compute or Compute(),
        "policy": Policy(), "store": "default", "image": "engine:1", "ray_version": "2.60.0",
        "workers": 2,
    }  # fmt: skip
    return ChildOrder(**{**parts, **more})


def templates(asked: ChildOrder) -> dict[str, dict]:
    """Every pod template that is made for an attempt, by role."""
    found = {}

    def visit(part):
        if isinstance(part, dict):
            if "containers" in part.get("spec", {}) and "labels" in part.get("metadata", {}):
                role = part["metadata"]["labels"]["insights.observer.io/role"]
                found[role] = part
            for inner in part.values():
                visit(inner)
        elif isinstance(part, list):
            for inner in part:
                visit(inner)

    visit(job.manifest(asked))
    visit(rayjob.manifest(asked))
    assert set(found) == {"driver", "head", "worker", "submitter"}
    return found


def environment(template: dict) -> list[dict]:
    return template["spec"]["containers"][0]["env"]


RESERVED = [
    "INSIGHTS_DATABASE_DSN", "INSIGHTS_ATTEMPT", "INSIGHTS_ANYTHING", "HOME", "PATH", "USER",
    "NUMBA_CACHE_DIR", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ACCOUNT_KEY", "GOOGLE_SERVICE_ACCOUNT_KEY", "LD_PRELOAD", "LD_LIBRARY_PATH",
    "PYTHONPATH", "PYTHONSTARTUP", "RAY_ADDRESS", "RAY_AUTH_TOKEN", "KUBERAY_GEN_RAY_START_CMD",
    "KUBERNETES_SERVICE_HOST", "PGHOSTADDR", "PGSSLMODE", "PGOPTIONS", "BASH_ENV", "TMPDIR",
    "SSL_CERT_FILE", "FQ_RAY_IP", "REDIS_PASSWORD", "OPENSSL_CONF", "GLIBC_TUNABLES",
]  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_a_run_cannot_take_a_name_that_is_ours(name) -> None:
    with pytest.raises(ValueError, match="name is reserved"):
        EnvVar(name=name, secret_key_ref=KEY)


@pytest.mark.parametrize(
    "name",
    ["TOKEN", "PGUSER", "PGPASSWORD", "RAY_metrics_report_interval_ms", "HOMEPAGE", "insights_x"],
)
def test_other_names_are_the_runs_own(name) -> None:
    compute = Compute(env=[EnvVar(name=name, secret_key_ref=KEY)])
    for role, template in templates(order(compute)).items():
        names = [variable["name"] for variable in environment(template)]
        assert names.count(name) == (role != "submitter")


@given(st.lists(st.sampled_from([*RESERVED, "TOKEN"]), unique=True))
def test_ours_hold_even_where_the_check_was_passed_by(names) -> None:
    # As of a run that an older CRD let in: what is read is not checked.
    theirs = [EnvVar.model_construct(name=name, secret_key_ref=KEY) for name in names]
    plain = templates(order())
    for role, template in templates(order(Compute.model_construct(env=theirs))).items():
        ours = environment(plain[role])
        got = environment(template)
        assert got[len(got) - len(ours) :] == ours
        assert {variable["name"] for variable in got[: len(got) - len(ours)]} <= {"TOKEN"}


def test_every_name_that_is_set_is_reserved() -> None:
    for asked in (order(), order(Compute(ray_cluster_selector={"ray.io/cluster": "pool"}))):
        made = [*templates(order()).values()]
        names = {variable["name"] for template in made for variable in environment(template)}
        if "runtimeEnvYAML" in (spec := rayjob.manifest(asked)["spec"]):
            names |= set(json.loads(spec["runtimeEnvYAML"])["env_vars"])
        for name in names:
            with pytest.raises(ValueError, match="name is reserved"):
                EnvVar(name=name, secret_key_ref=KEY)


@pytest.mark.parametrize(
    ("said", "request_", "limit"),
    [(None, "1Gi", "10Gi"), ("20Gi", "1Gi", "20Gi"), ("500Mi", "500Mi", "500Mi")],
)
def test_disk_is_asked_for_and_bounded(said, request_, limit) -> None:
    for role, template in templates(order(Compute(scratch=said))).items():
        most = limit if role != "submitter" else request_
        resources = template["spec"]["containers"][0]["resources"]
        assert resources["requests"]["ephemeral-storage"] == request_
        assert resources["limits"]["ephemeral-storage"] == most
        sizes = {v["name"]: v["emptyDir"] for v in template["spec"]["volumes"] if "emptyDir" in v}
        assert sizes["tmp"] == sizes["work"] == {"sizeLimit": most}
        assert sizes["shm"]["sizeLimit"] == resources["limits"]["memory"]


def test_what_a_run_says_of_its_pods_reaches_all_of_them() -> None:
    compute = Compute(
        service_account_name="analysts", labels={"cost": "7"}, annotations={"note": "x"},
        priority_class_name="low", node_selector={"disk": "fast"},
    )  # fmt: skip
    for template in templates(order(compute)).values():
        spec, metadata = template["spec"], template["metadata"]
        assert spec["serviceAccountName"] == "analysts"
        assert spec["automountServiceAccountToken"] is False
        assert spec["priorityClassName"] == "low"
        assert metadata["labels"]["cost"] == "7"
        assert metadata["annotations"]["note"] == "x"


def test_labels_by_which_pods_are_known_hold_whatever_a_run_says() -> None:
    key = "insights.observer.io/role"
    with pytest.raises(ValueError, match="must not have keys of"):
        Compute(labels={key: "driver"})
    plain = templates(order())
    past = Compute.model_construct(labels=dict.fromkeys(plain["head"]["metadata"]["labels"], "x"))
    for role, template in templates(order(past)).items():
        assert template["metadata"] == plain[role]["metadata"]


def test_no_user_is_named_where_the_cluster_gives_one() -> None:
    for template in templates(order(fixed_user=False)).values():
        context = template["spec"]["securityContext"]
        assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_a_run_counts_before_its_namespace_and_that_before_the_rest() -> None:
    policy = PodPolicy.model_validate(
        {
            "defaults": {"labels": {"a": "all", "b": "all", "c": "all"}, "scratch": "5Gi"},
            "namespaces": {"people": {"labels": {"b": "ns", "c": "ns"}, "serviceAccountName": "p"}},
        }
    )
    got = policy.completed(Compute(labels={"c": "run"}, priority=3), "people")
    assert got.labels == {"a": "all", "b": "ns", "c": "run"}
    assert (got.scratch, got.service_account_name, got.priority) == ("5Gi", "p", 3)
    assert policy.completed(Compute(), "other").service_account_name is None
    assert PodPolicy().completed(Compute(), "people") == Compute()


BOUNDED = PodPolicy.model_validate(
    {
        "namespaces": {"ns": {"serviceAccountName": "insights-runs"}},
        "bounds": {
            "serviceAccounts": ["analysts"], "cpu": "2", "memory": "4Gi", "scratch": "20Gi",
            "workers": 3,
        },
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("compute", "named"),
    [
        ({"serviceAccountName": "admin"}, "spec.compute.serviceAccountName: `admin`"),
        ({"priorityClassName": "system-node-critical"}, "spec.compute.priorityClassName"),
        ({"head": {"cpu": "2001m", "memory": "1Gi"}}, "spec.compute.head.cpu: 2001m was seen"),
        ({"workers": {"resources": {"cpu": "1", "memory": "5G"}}}, "workers.resources.memory"),
        ({"scratch": "21Gi"}, "spec.compute.scratch: 21Gi was seen, at most 20Gi"),
        ({"workers": {"count": 4}}, "spec.compute.workers.count: 4"),
        ({"workers": {"autoscaling": {"max": 9}}}, "spec.compute.workers.autoscaling.max: 9"),
    ],
)
def test_a_run_that_asks_for_more_than_it_may_is_refused(compute, named) -> None:
    world = World(
        {"source": {"uri": "people.csv"}, "compute": compute},
        config=dataclasses.replace(CONFIG, pods=BOUNDED),
    )
    world.settle()
    (accepted,) = (c for c in world.status["conditions"] if c["type"] == "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "NotAllowed")
    assert named in accepted["message"]
    assert world.created == []


@pytest.mark.parametrize(
    "compute",
    [
        {}, {"serviceAccountName": "analysts"}, {"serviceAccountName": "insights-runs"},
        {"head": {"cpu": "2000m", "memory": "4294967296"}, "workers": {"count": 3}},
    ],
)  # fmt: skip
def test_a_run_within_bounds_is_not(compute) -> None:
    compute = Compute.model_validate(compute)
    assert list(BOUNDED.objections(compute, "ns")) == []
    assert PodPolicy.model_validate_json(PodPolicy().model_dump_json()) == PodPolicy()
    assert PodOptions() == PodPolicy().defaults


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("999m", "1"),
        ("1G", "1Gi"),
        ("0.5", "501m"),
        ("4095Mi", "4Gi"),
        ("1Ti", "1Pi"),
        ("1P", "1E"),
    ],
)
def test_quantities_are_compared_by_their_worth(less, more) -> None:
    assert amount(less) < amount(more)
