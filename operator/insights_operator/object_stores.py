"""The object stores from which the operator removes results, each by a folder of files.

A file is named by what it holds, as a mounted Secret has it: `INSIGHTS_OBJECT_STORE`, and the keys
of a cloud (`AWS_…`, `AZURE_…`, `GOOGLE_…`) where it knows no identities. They are read anew each
time, since Secrets are rotated.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["ObjectStores", "StoreMissingError", "StoreUnreachableError"]

_ADDRESS = "INSIGHTS_OBJECT_STORE"
_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_")
_PAGE = 500
_PATIENCE = timedelta(seconds=5)


class StoreMissingError(Exception):
    """The operator was given no access to an object store; the message says how to."""


class StoreUnreachableError(Exception):
    """An object store does not answer, or refuses; the message says what to look at."""


class ObjectStores:
    """Object stores by name."""

    def __init__(self, folder: Path) -> None:
        """Look for stores in a folder, in which each has a folder of its name."""
        self._folder = folder

    def check(self, store: str) -> None:
        """See that there is access to a store, without asking it.

        Raises:
            StoreMissingError: there is none.
        """
        self._open(store)

    async def some(self, store: str, folder: str) -> list[str]:
        """Some objects below a folder of a store, as many as are removed in one step.

        Raises:
            StoreMissingError: there is no access.
            StoreUnreachableError: it does not answer, or refuses.
        """
        objects = self._open(store)
        # Not before it is needed: most operators remove nothing for days.
        import obstore

        try:
            async for page in obstore.list(objects, folder, chunk_size=_PAGE):
                return [entry["path"] for entry in page]
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unreachable(store, error) from None
        return []

    async def remove(self, store: str, paths: list[str]) -> None:
        """Remove objects of a store; those that are gone are removed.

        Raises:
            StoreMissingError: there is no access.
            StoreUnreachableError: it does not answer, or refuses.
        """
        objects = self._open(store)
        import obstore

        try:
            await obstore.delete_async(objects, paths)
        except FileNotFoundError:
            return
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unreachable(store, error) from None

    def _open(self, store: str) -> ObjectStore:
        folder = self._folder / store
        try:
            said = {
                path.name: path.read_text().strip()
                for path in folder.iterdir()
                if path.name == _ADDRESS or path.name.startswith(_CLOUDS)
            }
        except OSError:
            said = {}
        if _ADDRESS not in said:
            raise StoreMissingError(
                f"the operator cannot remove objects of the store `{store}`: it needs a Secret "
                f"insights-store-{store} in its own namespace, with {_ADDRESS} and the keys that "
                "the store asks for"
            )
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore, from_url

        address = said.pop(_ADDRESS)
        if address.startswith("file://"):
            return LocalStore(Path(address.removeprefix("file://")), mkdir=True)
        options: dict[str, Any] = {"retry_config": {"max_retries": 5, "retry_timeout": _PATIENCE}}
        plain = said.pop("AWS_ALLOW_HTTP", "").lower() == "true"
        if plain or said.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["client_options"] = {"allow_http": True}
        try:
            config: Any = {name.lower(): value for name, value in said.items()}
            return from_url(address, config=config, **options)
        except (BaseError, ValueError) as error:
            # Its text may hold what a file holds.
            raise StoreMissingError(
                f"the Secret insights-store-{store} of the operator's namespace does not describe "
                f"an object store ({type(error).__name__}): look at {_ADDRESS} and at the keys"
            ) from None


def _unreachable(store: str, error: Exception) -> StoreUnreachableError:
    return StoreUnreachableError(
        f"objects of the store `{store}` cannot be listed or removed now "
        f"({type(error).__name__}): the operator goes on trying; look at the store, at the keys in "
        f"the Secret insights-store-{store} of its namespace, and at what networks let through"
    )
