"""`insights wait`: wait for a run in a cluster, showing how far it is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from insights_crds.v1 import GROUP, VERSION, AnalysisRun
from insights_workloads.cli.cluster import connect
from insights_workloads.cli.console import ExitCode, err, fail, out

__all__ = ["verdict", "wait"]

_LONGEST_WATCH = 50


def wait(
    name: Annotated[str, typer.Argument(help="Name of the run.")],
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Its namespace; the context's if none.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 86_400.0,
) -> None:
    """Wait until a run in a cluster has finished.

    Exit codes: 0 it succeeded; 1 it failed; 2 there is no such run, or it did not finish in time.
    """
    client, context = connect()
    namespace = namespace or context.get("namespace", "default")
    api = client.CustomObjectsApi()
    deadline = time.monotonic() + timeout
    said = ""
    while True:
        run = _get(api, client.ApiException, namespace, name)
        done = verdict(run)
        line = _line(run)
        if line != said:
            err.print(line, soft_wrap=True, markup=False)
            said = line
        if done is not None:
            succeeded, message = done
            (out if succeeded else err).print(f"{name}: {message}", soft_wrap=True, markup=False)
            raise typer.Exit(ExitCode.OK if succeeded else ExitCode.FAILED)
        left = deadline - time.monotonic()
        if left <= 0:
            fail(f"{namespace}/{name} did not finish within {timeout:.0f} s")
        _until_it_changes(api, run, namespace, min(left, _LONGEST_WATCH))


def verdict(run: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Whether a run has succeeded, and what it says; None while it has not finished.

    A condition that speaks of an earlier spec says nothing about this one.
    """
    generation = run["metadata"].get("generation")
    said = {
        each["type"]: each
        for each in (run.get("status") or {}).get("conditions") or ()
        if each.get("observedGeneration") == generation
    }
    if said.get("Finished", {}).get("status") != "True":
        return None
    summary = said.get("Succeeded", {})
    return summary.get("status") == "True", str(summary.get("message", ""))


def _line(run: Mapping[str, Any]) -> str:
    status = run.get("status") or {}
    progress = status.get("progress") or {}
    if progress:
        return f"{progress.get('stage')} {progress.get('percent', 0)}%"
    conditions = status.get("conditions") or ()
    summary = next((c for c in conditions if c["type"] == "Succeeded"), None)
    return f"{summary['reason']}: {summary['message']}" if summary else "not seen yet"


def _get(api: Any, refused: Any, namespace: str, name: str) -> dict[str, Any]:
    try:
        found = api.get_namespaced_custom_object(
            GROUP, VERSION, namespace, AnalysisRun.plural, name
        )
    except refused as error:
        if error.status == 404:
            fail(f"there is no run {name} in namespace {namespace}")
        fail(f"the API server refused: {error.status} {error.reason}")
    return dict(found)


def _until_it_changes(api: Any, run: Mapping[str, Any], namespace: str, seconds: float) -> None:
    from kubernetes import client, watch

    try:
        stream: Any = watch.Watch().stream  # type: ignore[no-untyped-call]
        for _ in stream(
            api.list_namespaced_custom_object,
            GROUP,
            VERSION,
            namespace,
            AnalysisRun.plural,
            field_selector=f"metadata.name={run['metadata']['name']}",
            resource_version=run["metadata"]["resourceVersion"],
            timeout_seconds=max(1, int(seconds)),
        ):
            return
    except client.ApiException as error:
        # What was seen is too old to watch from: read it again.
        if error.status != 410:
            raise
