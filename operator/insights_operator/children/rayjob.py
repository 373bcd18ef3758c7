"""A RayJob of KubeRay: on a Ray cluster of its own, or on a standing one.

On its own cluster the job is submitted by a pod of ours (`K8sJobMode`), whose log is then the
driver's; on a standing one by KubeRay itself (`HTTPMode`), which takes half the time.
`SidecarMode` is never used: KubeRay gives its container no security context, and the `restricted`
profile refuses it. Everything in KubeRay that would start a driver twice is switched off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from insights_crds.v1 import Resources
from insights_operator.children.metadata import child_metadata
from insights_operator.children.order import ChildOrder
from insights_operator.children.pods import DRIVER_COMMAND, driver_environment, pod_template
from insights_operator.children.state import ChildPhase, ChildState

__all__ = ["API_VERSION", "KIND", "PLURAL", "manifest", "state"]

API_VERSION = "ray.io/v1"
KIND = "RayJob"
PLURAL = "rayjobs"

_VERSION = version("observer-coordinator-insights")
_NET_SECONDS = 600
"""How much later than us KubeRay gives up: a net for when no operator runs."""
_SUBMITTER = Resources(cpu="100m", memory="512Mi")
_SUBMITTER_LIMITS = Resources(cpu="1", memory="512Mi")
"""It needs a core for the seconds in which it starts, and next to nothing afterwards."""
_AUTOSCALER_TOKEN = "autoscaler-token"  # noqa: S105 (the name of a volume)
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105

_PHASES = {
    "": ChildPhase.STARTING,
    "New": ChildPhase.STARTING,
    "Initializing": ChildPhase.STARTING,
    "Waiting": ChildPhase.STARTING,
    "Running": ChildPhase.RUNNING,
    "Complete": ChildPhase.ENDED_WELL,
    "Failed": ChildPhase.ENDED_BADLY,
    "ValidationFailed": ChildPhase.REFUSED,
    "Suspending": ChildPhase.QUEUED,
    "Suspended": ChildPhase.QUEUED,
}
"""`status.jobDeploymentStatus` of KubeRay 1.6. `Retrying` cannot happen: `backoffLimit` is 0."""


def manifest(order: ChildOrder) -> dict[str, Any]:
    """The RayJob of an attempt."""
    spec: dict[str, Any] = {
        "entrypoint": DRIVER_COMMAND,
        "backoffLimit": 0,
        "activeDeadlineSeconds": order.policy.run_deadline_seconds + _NET_SECONDS,
    }
    if order.compute.ray_cluster_selector is not None:
        spec |= _on_standing_cluster(order)
    else:
        spec |= _on_own_cluster(order)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": child_metadata(
            order,
            # KubeRay would otherwise make a new head for a lost one, and submit a second driver.
            annotations={"ray.io/disable-provisioned-head-restart": "true"},
        ),
        "spec": spec,
    }


def state(rayjob: Mapping[str, Any]) -> ChildState:
    """What KubeRay says about the RayJob. States that it does not document are `UNKNOWN`."""
    status: Mapping[str, Any] = rayjob.get("status") or {}
    said = (str(status.get("reason") or ""), str(status.get("message") or ""))
    phase = _PHASES.get(status.get("jobDeploymentStatus") or "", ChildPhase.UNKNOWN)
    if phase is ChildPhase.STARTING and (rayjob.get("spec") or {}).get("suspend"):
        phase = ChildPhase.QUEUED
    if phase is ChildPhase.ENDED_WELL and status.get("jobStatus") == "FAILED":
        phase = ChildPhase.ENDED_BADLY
    return ChildState(phase, *said)


def _on_standing_cluster(order: ChildOrder) -> dict[str, Any]:
    return {
        "submissionMode": "HTTPMode",
        "clusterSelector": dict(order.compute.ray_cluster_selector or {}),
        "entrypointNumCpus": 1,
        # JSON is YAML; the values hold nothing secret.
        "runtimeEnvYAML": json.dumps(
            {"env_vars": {**driver_environment(order), "INSIGHTS_VERSION": _VERSION}},
            sort_keys=True,
        ),
    }


def _on_own_cluster(order: ChildOrder) -> dict[str, Any]:
    workers = order.compute.workers
    autoscaling = workers.autoscaling
    head = pod_template(
        order, role="head", container="ray-head", resources=order.compute.head, drives=True
    )
    cluster: dict[str, Any] = {
        "rayVersion": order.ray_version,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {
            "rayStartParams": {"dashboard-host": "0.0.0.0"},  # noqa: S104 (inside the pod)
            "template": head,
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": autoscaling.min if autoscaling else order.workers,
                "minReplicas": autoscaling.min if autoscaling else order.workers,
                "maxReplicas": autoscaling.max if autoscaling else max(order.workers, 1),
                "rayStartParams": {},
                "template": pod_template(
                    order, role="worker", container="ray-worker", resources=workers.resources
                ),
            }
        ],
    }
    if autoscaling is not None:
        cluster["enableInTreeAutoscaling"] = True
        cluster["autoscalerOptions"] = _autoscaler()
        head["spec"]["volumes"].append(_token_volume())
    ttl = order.policy.child_ttl
    return {
        "submissionMode": "K8sJobMode",
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": max(ttl.success_seconds, ttl.failure_seconds),
        "submitterConfig": {"backoffLimit": 0},
        "submitterPodTemplate": pod_template(
            order,
            role="submitter",
            container="submitter",
            resources=_SUBMITTER,
            limits=_SUBMITTER_LIMITS,
            touches_data=False,
        ),
        "rayClusterSpec": cluster,
    }


def _autoscaler() -> dict[str, Any]:
    return {
        "resources": {
            "requests": {"cpu": "100m", "memory": "512Mi"},
            "limits": {"cpu": "500m", "memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # The only container with a token: mounted here and nowhere else in the pod.
        "volumeMounts": [{"name": _AUTOSCALER_TOKEN, "mountPath": _TOKEN_PATH, "readOnly": True}],
    }


def _token_volume() -> dict[str, Any]:
    return {
        "name": _AUTOSCALER_TOKEN,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
                {
                    "downwardAPI": {
                        "items": [
                            {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
                        ]
                    }
                },
            ]
        },
    }
