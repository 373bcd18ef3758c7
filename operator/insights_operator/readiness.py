"""Why an attempt's pods are not running: one sentence, from the facts in the API.

Sources, the most telling first: what KubeRay could not create (quota, admission, Pod Security),
what kubelet says of our containers, what the scheduler says of our pods, and Events about mounts
and creation, which are read on demand only. Most causes may heal by themselves; `hopeless` marks
the few that cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Obstacle", "obstacle", "out_of_memory", "pods_lost"]

_HOPELESS_WAITING = frozenset({"InvalidImageName", "CreateContainerConfigError"})
_WAITING = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreate", "FailedCreatePodSandBox"})
_LOST_REASONS = frozenset(
    {
        "Evicted",
        "NodeLost",
        "NodeShutdown",
        "Terminated",
        "Shutdown",
        "Preempting",
        "UnexpectedAdmissionError",
    }
)
_LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps pods from running.

    Attributes:
        reason: CamelCase, as kubelet, scheduler or KubeRay call it.
        message: a sentence for a person: which pod role, what, and the source's own words.
        hopeless: it cannot heal without a change of spec or cluster policy.
    """

    reason: str
    message: str
    hopeless: bool = False


def obstacle(
    pods: Iterable[Mapping[str, Any]],
    clusters: Iterable[Mapping[str, Any]] = (),
    events: Iterable[Mapping[str, Any]] = (),
    role_label: str = "insights.observer.io/role",
) -> Obstacle | None:
    """The most telling thing that keeps an attempt from running.

    Args:
        pods: pods of the attempt.
        clusters: its RayClusters, if any.
        events: Events about its objects, where they were asked for.
        role_label: label that says what a pod is for.

    Returns:
        None where nothing is known to be wrong.
    """
    pods = sorted(pods, key=lambda pod: _name(pod))
    return (
        _first(map(_refused, clusters))
        or _first(_waiting(pod, role_label) for pod in pods)
        or _first(_ended(pod, role_label) for pod in pods)
        or _first(_unschedulable(pod, role_label) for pod in pods)
        or _first(map(_event, events))
    )


def out_of_memory(pods: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a container of these pods was killed for its memory."""
    return any(
        terminated.get("reason") == "OOMKilled"
        for pod in pods
        for _, terminated in _terminations(pod)
    )


def pods_lost(pods: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a pod went with its node: evicted, preempted, drained, or on a node that is gone.

    Such an end is nobody's failure, and does not count against the retries of a run.
    """
    for pod in pods:
        status = pod.get("status") or {}
        if status.get("reason") in _LOST_REASONS:
            return True
        if any(
            condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ):
            return True
    return False


def _refused(cluster: Mapping[str, Any]) -> Obstacle | None:
    for condition in (cluster.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            said = _short(condition.get("message"))
            forbidden = "violates PodSecurity" in said
            return Obstacle(
                condition.get("reason") or "FailedCreatePod",
                f"KubeRay could not create a pod: {said}",
                hopeless=forbidden,
            )
    return None


def _waiting(pod: Mapping[str, Any], role_label: str) -> Obstacle | None:
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        if reason in _WAITING:
            last = (container.get("lastState") or {}).get("terminated") or {}
            detail = f" after {last['reason']}" if last.get("reason") else ""
            return Obstacle(
                reason,
                f"the {_role(pod, role_label)} pod cannot start ({reason}{detail}), image "
                f"{container.get('image', 'unknown')}: {_short(waiting.get('message'))}".rstrip(
                    ": "
                ),
                hopeless=reason in _HOPELESS_WAITING,
            )
    return None


def _ended(pod: Mapping[str, Any], role_label: str) -> Obstacle | None:
    for container, terminated in _terminations(pod):
        reason = terminated.get("reason") or "Error"
        if terminated.get("exitCode", 0) == 0:
            continue
        memory = (
            ((container.get("resources") or {}).get("limits") or {}).get("memory")
            if reason == "OOMKilled"
            else None
        )
        held = f"; its memory limit is {memory}" if memory else ""
        return Obstacle(
            reason,
            f"a container of the {_role(pod, role_label)} pod ended with {reason}, exit code "
            f"{terminated.get('exitCode')}{held}",
        )
    return None


def _unschedulable(pod: Mapping[str, Any], role_label: str) -> Obstacle | None:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return Obstacle(
                condition.get("reason") or "Unschedulable",
                f"no node takes the {_role(pod, role_label)} pod: "
                f"{_short(condition.get('message'))}",
            )
    return None


def _event(event: Mapping[str, Any]) -> Obstacle | None:
    reason = event.get("reason")
    if event.get("type") != "Warning" or reason not in _EVENTS:
        return None
    said = _short(event.get("message") or event.get("note"))
    kind = (event.get("involvedObject") or event.get("regarding") or {}).get("kind", "object")
    return Obstacle(reason, f"{reason} of a {kind}: {said}", "violates PodSecurity" in said)


def _containers(pod: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _terminations(
    pod: Mapping[str, Any],
) -> Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for container in _containers(pod):
        for state in (container.get("state"), container.get("lastState")):
            terminated = (state or {}).get("terminated")
            if terminated:
                yield container, terminated


def _role(pod: Mapping[str, Any], role_label: str) -> str:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return str(labels.get(role_label) or labels.get("ray.io/node-type") or "driver")


def _name(pod: Mapping[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("name", ""))


def _short(text: Any) -> str:
    said = " ".join(str(text or "").split())
    return said if len(said) <= _LONGEST_MESSAGE else said[: _LONGEST_MESSAGE - 1] + "…"


def _first(found: Iterable[Obstacle | None]) -> Obstacle | None:
    return next((obstacle for obstacle in found if obstacle is not None), None)
