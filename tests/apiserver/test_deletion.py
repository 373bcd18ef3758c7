"""What a deletion does when the API server answers with a conflict."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kubernetes.aio.config import kube_config

from insights_operator.kubernetes_api import Api, ApiError, Resource, open_api

_CONFIG_MAPS = Resource("v1", "configmaps")
_NAME = "to-be-deleted"
_PATH = _CONFIG_MAPS.path("default", _NAME)


@pytest.fixture
def within(apiserver, kubectl, monkeypatch):
    """Runs a test's coroutine with a client, and with the object that it may delete."""
    # The client has read KUBECONFIG when it was imported.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(apiserver.kubeconfig))
    kubectl("create", "configmap", _NAME, "-n", "default")

    def run(test: Callable[[Api, str], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with open_api("test") as api:
                await test(api, (await api.get(_PATH))["metadata"]["uid"])

        asyncio.run(whole())

    yield run
    kubectl("delete", "configmap", _NAME, "-n", "default", "--ignore-not-found")


def test_another_object_of_the_same_name_stays(within) -> None:
    async def test(api: Api, uid: str) -> None:
        await api.delete(_PATH, "11111111-2222-3333-4444-555555555555")
        assert (await api.get(_PATH))["metadata"]["uid"] == uid

    within(test)


def test_twice_is_as_good_as_once(within) -> None:
    async def test(api: Api, uid: str) -> None:
        await api.delete(_PATH, uid)
        await api.delete(_PATH, uid)
        with pytest.raises(ApiError, match="404"):
            await api.get(_PATH)

    within(test)


def test_a_conflict_over_the_same_object_is_told(within, monkeypatch) -> None:
    request = Api._request

    async def busy(self: Api, method: str, *rest: Any) -> Any:
        if method == "DELETE":
            raise ApiError(409, "Conflict", "the object has been modified")
        return await request(self, method, *rest)

    monkeypatch.setattr(Api, "_request", busy)

    async def test(api: Api, uid: str) -> None:
        with pytest.raises(ApiError, match="409"):
            await api.delete(_PATH, uid)

    within(test)
