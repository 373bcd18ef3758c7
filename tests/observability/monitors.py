"""What a Prometheus Operator makes of a ServiceMonitor or a PodMonitor: configuration for scraping.

Only the fields that our chart uses, and no other: an unknown one is an error, not a silence. See
`pkg/prometheus/promcfg.go` of the Prometheus Operator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["scrape_configs"]

_FIELDS = {
    "ServiceMonitor": {"selector", "endpoints"},
    "PodMonitor": {"selector", "namespaceSelector", "podMetricsEndpoints"},
}
_ENDPOINT_FIELDS = {
    "port", "path", "interval", "honorLabels", "relabelings", "metricRelabelings",
}  # fmt: skip
_ROLES = {"ServiceMonitor": "endpointslice", "PodMonitor": "pod"}
_WORDS = {"sourceLabels": "source_labels", "targetLabel": "target_label"}


def scrape_configs(
    monitors: list[dict[str, Any]], files: Mapping[str, Path]
) -> list[dict[str, Any]]:
    """A scrape configuration for each endpoint of each monitor.

    Args:
        monitors: ServiceMonitors and PodMonitors, as rendered.
        files: of targets, by role; see `discovery`.
    """
    out = []
    for monitor in monitors:
        spec, kind = monitor["spec"], monitor["kind"]
        assert spec.keys() <= _FIELDS[kind], spec.keys()
        for at, endpoint in enumerate(spec.get("endpoints") or spec["podMetricsEndpoints"]):
            assert endpoint.keys() <= _ENDPOINT_FIELDS, endpoint.keys()
            name = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
            out.append(
                {
                    "job_name": f"{kind[0].lower()}{kind[1:]}/{name}/{at}",
                    "honor_labels": endpoint.get("honorLabels", False),
                    "scrape_interval": endpoint["interval"],
                    "scrape_timeout": endpoint["interval"],
                    "metrics_path": endpoint["path"],
                    "file_sd_configs": [
                        {
                            "files": [str(files[_ROLES[kind]])],
                            "refresh_interval": "1s",
                        }
                    ],
                    "relabel_configs": [
                        *_namespaces(monitor),
                        *_selected(spec["selector"], "service" if "endpoints" in spec else "pod"),
                        *(_of_service if kind == "ServiceMonitor" else _of_pod)(endpoint, name),
                        *map(_relabelling, endpoint.get("relabelings", ())),
                    ],
                    "metric_relabel_configs": [
                        _relabelling(each) for each in endpoint.get("metricRelabelings", ())
                    ],
                }
            )
    return out


def _namespaces(monitor: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = monitor["spec"].get("namespaceSelector", {})
    if wanted.get("any"):
        return []
    names = wanted.get("matchNames", [monitor["metadata"]["namespace"]])
    return [_keep("__meta_kubernetes_namespace", "|".join(map(re.escape, names)))]


def _selected(selector: dict[str, Any], of: str) -> list[dict[str, Any]]:
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    wanted = [(name, [value]) for name, value in selector.get("matchLabels", {}).items()]
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] == "In", each
        wanted.append((each["key"], each["values"]))
    return [
        _keep(f"__meta_kubernetes_{of}_label_{_safe(name)}", "|".join(map(re.escape, values)))
        for name, values in wanted
    ]


def _of_service(endpoint: dict[str, Any], _name: str) -> list[dict[str, Any]]:
    return [
        _keep("__meta_kubernetes_endpointslice_port_name", re.escape(endpoint["port"])),
        _copy("__meta_kubernetes_namespace", "namespace"),
        _copy("__meta_kubernetes_service_name", "service"),
        _copy("__meta_kubernetes_pod_name", "pod"),
        _copy("__meta_kubernetes_pod_container_name", "container"),
        _copy("__meta_kubernetes_service_name", "job"),
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]


def _of_pod(endpoint: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [
        {
            "source_labels": ["__meta_kubernetes_pod_phase"],
            "regex": "(Failed|Succeeded)",
            "action": "drop",
        },
        _keep("__meta_kubernetes_pod_container_port_name", re.escape(endpoint["port"])),
        _copy("__meta_kubernetes_namespace", "namespace"),
        _copy("__meta_kubernetes_pod_container_name", "container"),
        _copy("__meta_kubernetes_pod_name", "pod"),
        {"target_label": "job", "replacement": name},
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]


def _relabelling(each: dict[str, Any]) -> dict[str, Any]:
    assert each.keys() <= {*_WORDS, "replacement", "regex", "action"}, each
    return {_WORDS.get(name, name): value for name, value in each.items()}


def _keep(label: str, regex: str) -> dict[str, Any]:
    return {"source_labels": [label], "regex": f"({regex})", "action": "keep"}


def _copy(label: str, to: str) -> dict[str, Any]:
    return {"source_labels": [label], "target_label": to}


def _safe(label: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", label)
