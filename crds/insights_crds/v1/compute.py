"""`spec.compute`: on what a run computes. Nothing here changes what it computes."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from insights_crds.model import Model, Rule
from insights_crds.v1.scalars import ObjectName, Quantity, ShortText

__all__ = [
    "Autoscaling",
    "Compute",
    "EnvVar",
    "Queue",
    "Resources",
    "SecretKey",
    "Toleration",
    "Workers",
    "is_reserved",
]

_LabelValue = Annotated[
    str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
_LabelKey = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    ),
]

_RESERVED = (
    # Our own, and those of KubeRay, Kubernetes and Ray; small letters after RAY_ are its settings.
    r"^(INSIGHTS_.*|KUBERAY_.*|KUBERNETES_.*|RAY_[A-Z0-9].*|FQ_RAY_IP|REDIS_.*|"
    # Object stores, and where the database is: a driver would show its credentials elsewhere.
    r"AWS_.*|AZURE_.*|GOOGLE_.*|PG(HOST|HOSTADDR|PORT|DATABASE|SERVICE.*|SYSCONFDIR|OPTIONS|"
    r"SSL.*|REQUIRE.*|GSS.*|KRB.*|CHANNELBINDING|TARGETSESSIONATTRS|LOADBALANCEHOSTS)|"
    # What is run, and by what it trusts others.
    r"HOME|USER|PATH|SHELL|IFS|ENV|BASH_.*|TMPDIR|NUMBA_.*|PYTHON.*|LD_.*|GCONV_PATH|"
    r"GLIBC_.*|MALLOC_.*|OPENSSL_.*|SSL_CERT_.*|SSLKEYLOGFILE|REQUESTS_CA_BUNDLE|"
    r"CURL_CA_BUNDLE)$"
)
"""Names of environment variables that no run may set."""


def is_reserved(name: str) -> bool:
    """Whether an environment variable is the operator's, or would break what it holds to."""
    return re.match(_RESERVED, name) is not None


class Resources(Model):
    """What a pod asks for and is held to: request and limit alike."""

    cpu: Quantity
    """CPU cores, such as `2` or `500m`."""
    memory: Quantity
    """Memory, such as `4Gi`."""


class Autoscaling(Model):
    """Let Ray add and remove workers within a range."""

    min: Annotated[int, Field(ge=0, le=1000)] = 0
    """Fewest workers."""
    max: Annotated[int, Field(ge=1, le=1000)]
    """Most workers."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.min <= self.max", lambda a: a.min <= a.max, "min must not be above max"),
    )


class Workers(Model):
    """The workers of a Ray cluster."""

    count: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Number of workers; computed from the size of the input where left out."""
    autoscaling: Autoscaling | None = None
    """A range in which Ray scales by itself, instead of a count."""
    resources: Resources = Resources(cpu="1", memory="2Gi")
    """What each worker asks for."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.count) && has(self.autoscaling))",
            lambda w: w.count is None or w.autoscaling is None,
            "count and autoscaling must not both be set",
        ),
    )


class SecretKey(Model):
    """A key of a Secret in the run's namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[
        str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
    ]
    """Key within it."""


class EnvVar(Model):
    """A variable in the driver's and workers' environment, from a Secret."""

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    ]
    """Name of the variable."""
    secret_key_ref: SecretKey
    """Where its value comes from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!self.name.matches('{_RESERVED}')",
            lambda variable: not is_reserved(variable.name),
            "name is reserved: the operator sets it, or it would change where the engine and its "
            "credentials go. Keys of object stores belong in the Secret `insights-store-<store>`",
        ),
    )


class Toleration(Model):
    """A taint that the pods tolerate (as in a pod's spec)."""

    key: _LabelKey | None = None
    """Taint key; all keys where left out."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """How the value is compared."""
    value: _LabelValue | None = None
    """Taint value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Taint effect; all effects where left out."""
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """How long a NoExecute taint is tolerated."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.key) || self.operator == 'Exists'",
            lambda t: t.key is not None or t.operator == "Exists",
            "operator must be Exists where key is left out",
        ),
    )


class Queue(Model):
    """A Kueue queue that admits the run's pods."""

    name: ObjectName
    """Name of the LocalQueue."""
    priority_class: ObjectName | None = None
    """Kueue's WorkloadPriorityClass."""


class Compute(Model):
    """On what a run computes."""

    mode: Literal["Auto", "RayCluster", "SinglePod"] = "Auto"
    """`RayCluster` starts a Ray cluster through KubeRay, `SinglePod` runs Ray inside one pod,
    `Auto` chooses by the size of the input and by whether KubeRay is installed."""
    image: ShortText | None = None
    """Image of the engine; the operator's own choice where left out."""
    head: Resources = Resources(cpu="1", memory="2Gi")
    """What the Ray head, or the single pod, asks for."""
    workers: Workers = Workers()
    """The workers of a Ray cluster."""
    ray_cluster_selector: Annotated[dict[_LabelKey, _LabelValue], Field(max_length=10)] | None = (
        None
    )
    """Labels of a standing RayCluster to run on, instead of one of its own."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Which run starts first where the number of active runs is limited: the higher."""
    queue: Queue | None = None
    """A Kueue queue that admits the run's pods."""
    node_selector: Annotated[dict[_LabelKey, _LabelValue], Field(max_length=20)] = {}
    """Labels that nodes must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=20)] = []
    """Taints that the pods tolerate."""
    image_pull_secrets: Annotated[list[ObjectName], Field(max_length=10)] = []
    """Names of Secrets for pulling the image."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods."""
    env: Annotated[list[EnvVar], Field(max_length=50)] = []
    """Environment from Secrets: credentials of the source, say."""

    list_maps: ClassVar[dict[str, str]] = {"env": "name"}
    set_lists: ClassVar[frozenset[str]] = frozenset({"image_pull_secrets"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.rayClusterSelector) || self.mode != 'SinglePod'",
            lambda c: c.ray_cluster_selector is None or c.mode != "SinglePod",
            "rayClusterSelector must not be set with mode SinglePod",
        ),
        Rule(
            "!has(self.rayClusterSelector) || 'ray.io/cluster' in self.rayClusterSelector",
            lambda c: c.ray_cluster_selector is None or "ray.io/cluster" in c.ray_cluster_selector,
            "rayClusterSelector must have the label `ray.io/cluster`, the name of the standing "
            "RayCluster: KubeRay finds it by that",
        ),
        Rule(
            "!has(self.rayClusterSelector) || !(has(self.queue) || has(self.image) || "
            "has(self.runtimeClassName) || (has(self.nodeSelector) && self.nodeSelector.size() > 0)"
            " || (has(self.tolerations) && self.tolerations.size() > 0) || (has(self.env) && "
            "self.env.size() > 0) || (has(self.imagePullSecrets) && "
            "self.imagePullSecrets.size() > 0) || (has(self.workers) && "
            "(has(self.workers.count) || has(self.workers.autoscaling))))",
            lambda c: (
                c.ray_cluster_selector is None
                or not (
                    c.queue
                    or c.image
                    or c.runtime_class_name
                    or c.node_selector
                    or c.tolerations
                    or c.env
                    or c.image_pull_secrets
                    or c.workers.count is not None
                    or c.workers.autoscaling
                )
            ),
            "queue, image, runtimeClassName, nodeSelector, tolerations, env, imagePullSecrets and "
            "workers are those of the standing cluster: they must not be set with "
            "rayClusterSelector",
        ),
        Rule(
            "!has(self.queue) || !has(self.workers) || !has(self.workers.autoscaling)",
            lambda c: c.queue is None or c.workers.autoscaling is None,
            "workers.autoscaling must not be set with queue: Kueue admits a fixed number",
        ),
    )
