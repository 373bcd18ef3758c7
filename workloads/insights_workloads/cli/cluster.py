"""Logging in to a cluster, for the commands that look at one."""

from __future__ import annotations

from typing import Any

from insights_workloads.cli.console import fail

__all__ = ["connect"]


def connect() -> tuple[Any, dict[str, Any]]:
    """The module `kubernetes.client`, logged in, and the context of the kubeconfig."""
    try:
        from kubernetes import client, config
    except ImportError:
        fail("this needs the package kubernetes: install observer-coordinator-insights[local]")
    try:
        config.load_config()  # type: ignore[no-untyped-call]
        context = config.list_kube_config_contexts()[1]["context"]  # type: ignore[no-untyped-call]
    except (config.ConfigException, TypeError, KeyError):
        fail("no cluster: neither KUBECONFIG nor ~/.kube/config names one")
    return client, dict(context)
