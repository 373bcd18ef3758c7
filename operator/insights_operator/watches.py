"""Kopf's watches: what the API server tells of some kinds, as it comes, and nothing more of Kopf.

Kopf feeds and does not decide. `on.event` handlers leave no annotation and no finalizer on what
they see; a timer, a daemon or `on.update` would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import kopf

from insights_operator.kubernetes_api import Resource

__all__ = ["Watched", "watch"]

Told = Callable[[str, str | None, Any], None]
"""Called with a kind's plural, what happened to an object (None when it was listed), and it."""

_SERVER_TIMEOUT_SECONDS = 270
_IDLE_SECONDS = 0.2


@dataclass(frozen=True)
class Watched:
    """A kind to watch.

    Attributes:
        resource: the kind.
        labels: that its objects must bear; all of them are watched where it is empty.
    """

    resource: Resource
    labels: tuple[tuple[str, str], ...] = ()


def watch(
    kinds: Sequence[Watched],
    namespaces: tuple[str, ...],
    told: Told,
    stop: threading.Event,
    *,
    identity: str,
) -> None:
    """Watch until told to stop.

    To be called in a thread of its own: in a loop that it does not own, Kopf would take the
    signals, and cancel tasks that are not its own when it ends.

    Args:
        kinds: to watch.
        namespaces: to watch; all where empty.
        told: called in this thread for every object, from every event; must not fail, as Kopf
            drops what a handler raises.
        stop: set to end it.
        identity: of this replica.
    """
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = _SERVER_TIMEOUT_SECONDS
    # Each object has a queue and a task of its own for as long; a thousand at once take memory.
    settings.queueing.idle_timeout = _IDLE_SECONDS
    # Kopf would else copy every object, for changes and progress that no handler here asks for:
    # that was more than half of the operator's time.
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    for kind in kinds:
        if kind.labels:
            selector = ",".join(f"{name}={value}" for name, value in kind.labels)
            settings.watching.label_selectors[_parts(kind.resource)] = selector
    kopf.run(
        registry=_registry(kinds, told),
        settings=settings,
        standalone=True,
        # It would otherwise look up the user's name, which a container's user has not.
        identity=cast(Any, identity),
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


def _registry(kinds: Iterable[Watched], told: Told) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="pod", errors=kopf.ErrorsMode.IGNORED)(
        kopf.login_with_service_account
    )
    kopf.on.login(registry=registry, id="file", errors=kopf.ErrorsMode.IGNORED)(
        kopf.login_with_kubeconfig
    )
    for kind in kinds:
        name = kind.resource.plural
        kopf.on.event(*_parts(kind.resource), registry=registry, id=f"feed-{name}")(
            _handler(name, told)
        )
    return registry


def _parts(resource: Resource) -> tuple[str, str, str]:
    group, _, version = resource.api_version.rpartition("/")
    return group, version, resource.plural


def _handler(plural: str, told: Told) -> Any:
    async def feed(event: Any, **_: Any) -> None:
        told(plural, event["type"], event["object"])

    return feed


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing of what was last handled."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Keeps nothing of how far a handler is."""

    def fetch(self, **_: Any) -> Any:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence
