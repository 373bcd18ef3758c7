"""The few requests that the operator makes of the API server, on plain objects.

A thin rim around the official client, which knows how to log in and how to speak TLS. Models are
left out: what is read is passed on as it came, and what is written is made by pure functions.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes.aio import client, config

__all__ = ["Api", "ApiError", "Resource", "open_api"]

_TIMEOUT_SECONDS = 10.0
_PAGE = 500


Told = Callable[[str, int | None, float], None]
"""Told of every request: its verb, its status (None without an answer) and its seconds."""


def _nobody(_verb: str, _code: int | None, _seconds: float) -> None:
    pass


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: HTTP status.
        reason: Kubernetes' own reason, such as `AlreadyExists` or `Conflict`.
        message: Kubernetes' own sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Say what was refused."""
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Resource:
    """A kind of object, as the API's paths name it.

    Attributes:
        api_version: such as `v1` or `batch/v1`.
        plural: such as `pods`.
    """

    api_version: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Path of all objects, those of a namespace, or one."""
        root = "/api/" if "/" not in self.api_version else "/apis/"
        parts = [root + self.api_version]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        return "/".join(parts)


class Api:
    """Requests to the API server.

    Attributes:
        reached: when it last answered, whatever it said; on the monotonic clock.
    """

    def __init__(
        self,
        api_client: client.ApiClient,
        told: Told = _nobody,
    ) -> None:
        """Use a client that is logged in.

        Args:
            api_client: the client.
            told: of every request.
        """
        self._client = api_client
        self._told = told
        self.reached = time.monotonic()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read an object or a list."""
        return await self._request("GET", path, query)

    async def list_all(self, path: str, selector: str = "") -> list[dict[str, Any]]:
        """Read every object of a list, a page at a time."""
        found: list[dict[str, Any]] = []
        query = {"limit": str(_PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self._request("GET", path, query)
            found += page.get("items") or []
            more = (page.get("metadata") or {}).get("continue")
            if not more:
                return found
            query["continue"] = more

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object."""
        return await self._request("POST", path, {}, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object."""
        return await self._request("PUT", path, {}, body)

    async def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change some fields of an object."""
        return await self._request("PATCH", path, {}, body, "application/merge-patch+json")

    async def delete(self, path: str, uid: str) -> None:
        """Delete the object with this uid, and everything below it. One that is gone is deleted."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            **({"preconditions": {"uid": uid}} if uid else {}),
        }
        try:
            await self._request("DELETE", path, {}, body)
        except ApiError as error:
            if error.status != 404 and not (error.status == 409 and await self._another(path, uid)):
                raise

    async def _another(self, path: str, uid: str) -> bool:
        """Whether the object of this name is not the one with this uid, or is gone.

        A conflict alone does not say so: the API server answers the same where it was changed by
        somebody else meanwhile, and then it is still there.
        """
        try:
            there = await self.get(path)
        except ApiError as error:
            if error.status == 404:
                return True
            raise
        return bool(uid) and there["metadata"]["uid"] != uid

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        method, url, sent, payload, posted = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            body=None if body is None else dict(body),
            auth_settings=["BearerToken"],
        )
        began, code = time.monotonic(), None
        try:
            answer = await self._client.call_api(
                method, url, sent, payload, posted, _request_timeout=_TIMEOUT_SECONDS
            )
            code = int(answer.status)
        except aiohttp.ClientError as error:
            # Not all of them are errors of the operating system, and callers know only those.
            raise ConnectionError(type(error).__name__) from None
        finally:
            self._told(method, code, time.monotonic() - began)
        self.reached = time.monotonic()
        text = await answer.read()  # type: ignore[no-untyped-call]
        try:
            data = dict(json.loads(text or b"{}"))
        except ValueError:
            # An unknown group or a proxy in between answers in plain text.
            data = {"message": text[:200].decode(errors="replace")}
        if not 200 <= answer.status < 300:
            raise ApiError(answer.status, data.get("reason", ""), data.get("message", ""))
        return data


@asynccontextmanager
async def open_api(
    identity: str,
    told: Told = _nobody,
) -> AsyncIterator[Api]:
    """Log in, in a pod by its service account, elsewhere by `KUBECONFIG`.

    Args:
        identity: of this replica; the audit log knows it by that.
        told: of every request.
    """
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        await config.load_kube_config()  # type: ignore[no-untyped-call]
    configuration = client.Configuration.get_default_copy()
    # The client would else read ~/.netrc in a thread for every request: a tenth of our time, and a
    # moment between the question whether we lead and the write.
    configuration.client_session_kwargs = {"trust_env": False}
    async with client.ApiClient(configuration) as api_client:
        api_client.user_agent = f"insights-operator/{identity}"
        yield Api(api_client, told)
