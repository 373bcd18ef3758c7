"""Targets in a cluster, with the labels that Prometheus' own discovery gives them.

Debian builds Prometheus without discovery in Kubernetes. So files say what is there, made anew each
second from the API server's own answers; what of it is scraped, and under which names, Prometheus
decides by the relabelling of the monitors. See "kubernetes_sd_config" in its manual, roles `pod`
and `endpointslice`.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Discovery", "pod_targets", "service_targets"]

_META = "__meta_kubernetes_"
_PATHS = {
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices",
}


class Discovery:
    """Keeps the files of targets up to date.

    Attributes:
        files: by role.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        """Ask the API server of a kubeconfig, and write into a folder, until stopped."""
        document = yaml.safe_load(kubeconfig.read_text())
        self._url = document["clusters"][0]["cluster"]["server"]
        self._token = document["users"][0]["user"]["token"]
        self.files = {role: folder / f"{role}.json" for role in ("pod", "endpointslice")}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

        self._write()
        self._thread.start()

    def stop(self) -> None:
        """Keep them no longer."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _follow(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self._write()
            except (urllib.error.URLError, OSError):
                # As Prometheus does: what was known stays.
                continue

    def _write(self) -> None:
        found = {name: self._list(path) for name, path in _PATHS.items()}
        targets = {
            "pod": [t for pod in found["pods"] for t in pod_targets(pod)],
            "endpointslice": list(service_targets(**found)),
        }
        for role, path in self.files.items():
            part = path.with_suffix(".part")
            part.write_text(json.dumps(targets[role]))
            part.replace(path)

    def _list(self, path: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            self._url + path, headers={"Authorization": f"Bearer {self._token}"}
        )
        context = ssl._create_unverified_context()
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return list(json.load(answer)["items"])


def pod_targets(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A target for each port of each container of a pod that has an address."""
    address = pod["status"].get("podIP")
    if not address:
        return
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            yield _target(
                address,
                port["containerPort"],
                {
                    **_named(pod, "pod"),
                    "pod_phase": pod["status"]["phase"],
                    "pod_container_name": container["name"],
                    "pod_container_port_name": port.get("name", ""),
                },
            )


def service_targets(
    pods: list[dict[str, Any]], services: list[dict[str, Any]], slices: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A target for each address and port of each endpoint slice of a service."""
    known = {_key(each): each for each in services}
    for one in slices:
        namespace = one["metadata"]["namespace"]
        service = known.get((namespace, one["metadata"]["labels"]["kubernetes.io/service-name"]))
        for endpoint in one.get("endpoints") or ():
            name = (endpoint.get("targetRef") or {}).get("name")
            pod = next((each for each in pods if _key(each) == (namespace, name)), None)
            for port in one.get("ports") or ():
                labels = {
                    "namespace": namespace,
                    "endpointslice_port_name": port.get("name", ""),
                    **(_named(service, "service") if service else {}),
                    **(_named(pod, "pod") if pod else {}),
                }
                for address in endpoint["addresses"]:
                    yield _target(address, port["port"], labels)


def _key(found: dict[str, Any]) -> tuple[str, str]:
    return found["metadata"]["namespace"], found["metadata"]["name"]


def _named(found: dict[str, Any], kind: str) -> dict[str, str]:
    namespace, name = _key(found)
    labels = found["metadata"].get("labels") or {}
    return {
        "namespace": namespace,
        f"{kind}_name": name,
        **{f"{kind}_label_{re.sub('[^a-zA-Z0-9_]', '_', k)}": v for k, v in labels.items()},
    }


def _target(address: str, port: int, labels: dict[str, str]) -> dict[str, Any]:
    meta = {f"{_META}{name}": value for name, value in labels.items()}
    return {"targets": [f"{address}:{port}"], "labels": meta}
