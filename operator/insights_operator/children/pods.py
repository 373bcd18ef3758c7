"""Pod templates of an attempt: restricted, bounded, without a service account token.

Every pod passes Pod Security `restricted` with a read-only root file system. The database's
credentials reach only the pod in which the driver runs.
"""

from __future__ import annotations

from typing import Any

from insights_crds.v1 import Resources, is_reserved
from insights_operator import naming
from insights_operator.children.order import ChildOrder

__all__ = ["DRIVER_COMMAND", "driver_environment", "pod_template"]

DRIVER_COMMAND = "insights drive"

_DATABASE_KEYS = ("INSIGHTS_DATABASE_DSN",)
_OBJECT_STORE_KEYS = (
    "INSIGHTS_OBJECT_STORE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_ALLOW_HTTP",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
)
_REQUIRED_KEYS = frozenset({"INSIGHTS_DATABASE_DSN", "INSIGHTS_OBJECT_STORE"})
_NOBODY = 65532
_WRITABLE = {"tmp": "/tmp", "work": "/work"}  # noqa: S108 (paths inside the pod)


def driver_environment(order: ChildOrder) -> dict[str, str]:
    """What tells a driver which attempt it is. Holds nothing secret."""
    return {
        "INSIGHTS_ENVIRONMENT": order.environment,
        "INSIGHTS_NAMESPACE": order.namespace,
        "INSIGHTS_RUN": order.run,
        "INSIGHTS_KEY": order.key,
        "INSIGHTS_ATTEMPT": str(order.attempt),
        "INSIGHTS_STORE": order.store,
    }


def pod_template(
    order: ChildOrder,
    *,
    role: str,
    container: str,
    resources: Resources,
    limits: Resources | None = None,
    command: list[str] | None = None,
    drives: bool = False,
    touches_data: bool = True,
) -> dict[str, Any]:
    """A pod template for one role of an attempt.

    Args:
        order: the attempt.
        role: `driver`, `head`, `worker` or `submitter`; becomes a label.
        container: name of the container.
        resources: request, and limit where no other is given.
        limits: limit.
        command: the container's command; the image's own where None.
        drives: whether the driver runs here, which needs the database.
        touches_data: whether roster and result files are read or written here.
    """
    compute = order.compute
    limits = limits or resources
    keys = (*(_DATABASE_KEYS if drives else ()), *(_OBJECT_STORE_KEYS if touches_data else ()))
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NOBODY,
            "runAsGroup": _NOBODY,
            "fsGroup": _NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": container,
                "image": order.image,
                "imagePullPolicy": "IfNotPresent",
                **({"command": command} if command is not None else {}),
                # Ours come last, for of two of a name the last counts.
                "env": [
                    *(_from_run(order) if touches_data else ()),
                    *(
                        {"name": name, "value": value}
                        for name, value in driver_environment(order).items()
                    ),
                    {"name": "HOME", "value": _WRITABLE["work"]},
                    {"name": "INSIGHTS_HOME", "value": _WRITABLE["work"]},
                    {"name": "NUMBA_CACHE_DIR", "value": f"{_WRITABLE['tmp']}/numba"},
                    *(_from_store(order, key) for key in keys),
                ],
                "resources": {
                    "requests": {"cpu": resources.cpu, "memory": resources.memory},
                    "limits": {"cpu": limits.cpu, "memory": limits.memory},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    *({"name": name, "mountPath": path} for name, path in _WRITABLE.items()),
                    {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
                ],
            }
        ],
        "volumes": [
            *({"name": name, "emptyDir": {}} for name in _WRITABLE),
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
        ],
    }
    if compute.node_selector:
        spec["nodeSelector"] = dict(compute.node_selector)
    if compute.tolerations:
        spec["tolerations"] = [
            toleration.model_dump(exclude_none=True) for toleration in compute.tolerations
        ]
    if compute.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in compute.image_pull_secrets]
    if compute.runtime_class_name is not None:
        spec["runtimeClassName"] = compute.runtime_class_name
    return {
        "metadata": {
            "labels": naming.child_labels(order.run, order.uid, order.attempt, role),
            "annotations": {
                # A pod of a running computation is worth more than a tidier node.
                "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                "karpenter.sh/do-not-disrupt": "true",
            },
        },
        "spec": spec,
    }


def _from_store(order: ChildOrder, key: str) -> dict[str, Any]:
    return {
        "name": key,
        "valueFrom": {
            "secretKeyRef": {
                "name": naming.store_secret_name(order.store),
                "key": key,
                "optional": key not in _REQUIRED_KEYS,
            }
        },
    }


def _from_run(order: ChildOrder) -> list[dict[str, Any]]:
    return [
        {
            "name": variable.name,
            "valueFrom": {
                "secretKeyRef": {
                    "name": variable.secret_key_ref.name,
                    "key": variable.secret_key_ref.key,
                }
            },
        }
        for variable in order.compute.env
        # The API server may hold runs of before it refused such names; and an optional key that is
        # not in the store's Secret would leave theirs in force.
        if not is_reserved(variable.name)
    ]
