"""Pods of an attempt: what a run may say about them, and what stays ours whatever it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.v1 import Compute, EnvVar, Policy, SecretKey
from insights_operator.children import job, rayjob
from insights_operator.children.order import ChildOrder

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
