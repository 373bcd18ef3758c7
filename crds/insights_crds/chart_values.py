"""The values of the Helm chart: the only definition of each, its default and what it says.

`insights_crds.generate` makes `values.yaml` and `values.schema.json` of the chart from it, so that
Helm refuses a misspelt or ill-typed value by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Values", "values_schema", "values_text"]

_Port = Annotated[int, Field(ge=1, le=65535)]
_Seconds = Annotated[int, Field(ge=1)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
_Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        extra="forbid",
    )


class _Operator(_Part):
    replicas: Annotated[int, Field(ge=0)] = 2
    """One acts; another takes over within seconds."""
    image: str = "ghcr.io/observer-coordinator/insights-operator:0.1.0"
    """Tag or digest."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the image is fetched."""
    image_pull_secrets: list[_Name] = []
    """Names of Secrets for a registry that asks who you are."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""
    watch_namespaces: list[_Name] = []
    """Namespaces that are watched. Empty means all, and needs a ClusterRole instead of Roles."""
    listing_seconds: _Seconds = 300
    """Seconds between two listings that correct what the watches have told."""
    heartbeat_timeout_seconds: _Seconds = 60
    """Seconds of silence after which a driver counts as dead."""
    resources: dict[str, dict[str, str | int | float]] = {
        "requests": {"cpu": "100m", "memory": "192Mi"},
        "limits": {"memory": "512Mi"},
    }
    """No limit for the processor: throttled, a leader would miss its lease."""
    node_selector: dict[str, str] = {}
    """Labels of nodes on which it may run."""
    tolerations: list[dict[str, Any]] = []
    """Taints that it tolerates."""
    service_account_annotations: dict[str, str] = {}
    """Annotations of its service account: a cloud's identity, by which it removes results."""


class _Workload(_Part):
    image: str = "ghcr.io/observer-coordinator/insights-workload:0.1.0"
    """The engine, for runs that name no image of their own."""
    ray_version: str = "2.60.0"
    """Version of Ray in that image."""


class _Key(_Part):
    secret: _Name = "insights-database"  # noqa: S105 (a name)
    """Name of the Secret, in the release's namespace."""
    key: str = "dsn"
    """Key in it, with a connection string of libpq."""


class _Namespace(_Part):
    name: _Name
    """Name of the namespace."""
    create: bool = True
    """Make it, holding its pods to Pod Security `restricted`."""
    admit: bool = True
    """Make the database role `driver_<environment>__<name>` (dashes become underscores; where that
    is too long or has two dashes in a row, `python -m insights_store role <name>` in the operator's
    pod says the name), which sees the rows of this namespace in this environment only. Its
    password is in the Secret `insights-namespace-<name>` of the release's namespace, key
    `password`; without one the role has none."""
    service_account_annotations: dict[str, str] = {}
    """Annotations of the service account `default`, which pods of runs use: a cloud's identity."""


class _SecretStore(_Part):
    kind: Literal["ClusterSecretStore"] = "ClusterSecretStore"
    """One that several namespaces may use."""
    name: str = ""
    """Its name."""


class _ExternalSecrets(_Part):
    enabled: bool = False
    """Fetch every Secret with the External Secrets Operator. Off: make them yourself, or commit
    SealedSecrets of the same names."""
    secret_store: _SecretStore = _SecretStore()
    """Where they are fetched from."""
    prefix: str = "insights"
    """Entries are `<prefix>-database`, `<prefix>-<namespace>-<store>` (for the release's namespace,
    too, unless `erasure.enabled` is false), and `<prefix>-<namespace>-password`; keys in them are
    the keys of the Secrets."""
    refresh_interval: str = "1h"
    """How often they are read again."""


class _Reach(_Part):
    cidrs: list[_Cidr] = ["0.0.0.0/0", "::/0"]
    """Networks in which it is; name them as narrowly as you can."""
    ports: list[_Port] = [443]
    """Ports that it listens on."""


class _NetworkPolicies(_Part):
    enabled: bool = True
    """Deny all to the operator and to pods of runs, then open what each needs."""
    api_server: _Reach = _Reach(ports=[443, 6443])
    """The Kubernetes API: for the operator, and for Ray's autoscaler in head pods."""
    database: _Reach = _Reach(ports=[5432])
    """The results database: for the operator and for drivers."""
    object_store: _Reach = _Reach()
    """Rosters and results: for every pod of a run, and for the operator, which removes results."""
    sources: list[_Reach] = []
    """Where else rosters come from."""
    name_servers: list[_Cidr] = ["169.254.0.0/16"]
    """Name servers that are no pods labelled `k8s-app: kube-dns`: caches on nodes, a cloud's."""


class _Erasure(_Part):
    enabled: bool = True
    """Give the operator access to object stores. It needs a Secret `insights-store-<name>` for each
    store in the release's namespace, too, with INSIGHTS_OBJECT_STORE and keys that may list and
    delete. Where it is missing nothing is removed, and runs that are to be erased stay and say
    so."""


class _Limits(_Part):
    max_active_runs: Annotated[int, Field(ge=1)] | None = None
    """In the cluster; null for no limit."""
    max_active_runs_per_namespace: Annotated[int, Field(ge=1)] | None = None
    """In each namespace; null for no limit."""


class _Crds(_Part):
    install: bool = True
    """They are upgraded with the release, kept on uninstall, and never pruned by Argo CD."""


class _TrialStore(_Part):
    image: str
    """Any that has the server's programs in its PATH."""
    size: str = "2Gi"
    """Of its volume."""


class _Trial(_Part):
    enabled: bool = False
    """Run Postgres and an S3 server in the cluster, and make the Secrets that lead to them. They
    ask nobody for a password, only NetworkPolicies guard them: never for data of real people."""
    persistent: bool = True
    """Keep their data in volumes; otherwise it goes with their pods."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When their images are fetched."""
    postgres: _TrialStore = _TrialStore(image="docker.io/library/postgres:18.6-trixie")
    """The results database."""
    seaweedfs: _TrialStore = _TrialStore(image="docker.io/chrislusf/seaweedfs:4.48")
    """The object store; its bucket is `insights`."""


class _Monitoring(_Part):
    monitors: bool = False
    """A ServiceMonitor for the operator and a PodMonitor for Ray; needs the Prometheus Operator."""
    rules: bool = False
    """The alerts of `manifests/alerts`, as a PrometheusRule; needs the Prometheus Operator."""
    dashboards: bool = False
    """The dashboards of `manifests/dashboards`, as ConfigMaps that Grafana's sidecar finds."""
    labels: dict[str, str] = {}
    """Labels by which your Prometheus selects monitors and rules, such as `release`."""
    namespace: _Name = "monitoring"
    """Namespace of Prometheus, which network policies let in."""
    interval: str = "30s"
    """Between two scrapes."""


class Values(_Part):
    """Every value of the chart."""

    environment: _Name = "default"
    """First part of every result's identity: two clusters that share a results store need two
    names."""
    operator: _Operator = _Operator()
    """What watches runs and starts them."""
    workload: _Workload = _Workload()
    """What computes."""
    stores: list[_Name] = ["default"]
    """Results stores by name. A run's namespace needs a Secret `insights-store-<name>` with the
    namespace's own INSIGHTS_DATABASE_DSN and INSIGHTS_OBJECT_STORE, and keys where the cloud
    knows no identities (AWS_…, AZURE_STORAGE_…, GOOGLE_SERVICE_ACCOUNT_KEY)."""
    database: _Key = _Key()
    """The results database as the operator sees it. A password is never a value."""
    namespaces: list[_Namespace] = []
    """Namespaces with runs, for which the chart prepares what they need."""
    external_secrets: _ExternalSecrets = _ExternalSecrets()
    """Secrets from a vault."""
    erasure: _Erasure = _Erasure()
    """Removing results: `retention` of runs and `onDelete: Erase`."""
    network_policies: _NetworkPolicies = _NetworkPolicies()
    """Who may talk to whom."""
    limits: _Limits = _Limits()
    """Most runs that may be active."""
    monitoring: _Monitoring = _Monitoring()
    """Metrics, alerts and dashboards."""
    crds: _Crds = _Crds()
    """The kinds AnalysisRun and AnalysisSchedule."""
    trial: _Trial = _Trial()
    """Stores for trying it out."""


def values_schema(note: str) -> str:
    """`values.schema.json`: what Helm checks values against."""
    schema = Values.model_json_schema(by_alias=True)
    # Helm itself adds this one where the chart is part of another.
    schema["properties"]["global"] = {"type": "object"}
    return json.dumps({"$comment": note, **schema}, indent=1, ensure_ascii=False) + "\n"


def values_text(note: str) -> str:
    """`values.yaml`: every default, and above it what it says."""
    lines = [f"# {note}", "# What is shown is the default."]
    return "\n".join([*lines, *_lines(Values(), "")]) + "\n"


def _lines(part: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        if not indent:
            yield ""
        words = " ".join((field.description or "").split())
        yield from _wrapped(words, f"{indent}# ")
        value = getattr(part, name)
        key = field.alias or name
        if isinstance(value, BaseModel) and not isinstance(value, _Reach):
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "  ")
        else:
            plain = part.model_dump(by_alias=True)[key]
            text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)
            yield f"{indent}{key}: {text.removesuffix('...' + chr(10)).strip()}"
            for inner in _items(field.annotation):
                yield from _wrapped("Each has:", f"{indent}#   ")
                for item, its in inner.model_fields.items():
                    said = " ".join((its.description or "").split())
                    yield from _wrapped(f"{its.alias or item}: {said}", f"{indent}#     ")


def _items(annotation: Any) -> Iterator[type[BaseModel]]:
    for inner in getattr(annotation, "__args__", ()):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield inner


def _wrapped(text: str, start: str) -> Iterator[str]:
    line = start.rstrip()
    for word in text.split():
        if len(line) + 1 + len(word) > 100 and line != start.rstrip():
            yield line
            line = start.rstrip()
        line = f"{start}{word}" if line == start.rstrip() else f"{line} {word}"
    yield line
