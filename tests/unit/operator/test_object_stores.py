"""Access to object stores, by folders as mounted Secrets make them."""

from __future__ import annotations

import asyncio

import obstore
import pytest
from obstore.store import LocalStore

from insights_operator.object_stores import (
    ObjectStores,
    StoreMissingError,
    StoreUnreachableError,
)


def described(folder, **keys) -> ObjectStores:
    """A folder as a kubelet makes it: files are links into a folder that is replaced whole."""
    data = folder / "stores" / "default" / "..2026"
    data.mkdir(parents=True)
    for name, value in keys.items():
        (data / name).write_text(value)
        (data.parent / name).symlink_to(f"..2026/{name}")
    return ObjectStores(folder / "stores")


def test_some_objects_of_a_folder_and_of_no_other(tmp_path) -> None:
    objects = described(tmp_path, INSIGHTS_OBJECT_STORE=f"file://{tmp_path}/bucket\n")
    bucket = LocalStore(tmp_path / "bucket", mkdir=True)
    for path in ("e/n/run/a", "e/n/run/b/c", "e/n/run-2/a", "e/n/run.x/a", "e/n/_logs/run/a"):
        obstore.put(bucket, path, b"x")

    async def remove() -> list[str]:
        found = await objects.some("default", "e/n/run")
        await objects.remove("default", found)
        assert await objects.some("default", "e/n/run") == []
        # Twice is as good as once.
        await objects.remove("default", found)
        return found

    assert sorted(asyncio.run(remove())) == ["e/n/run/a", "e/n/run/b/c"]
    left = [entry["path"] for page in obstore.list(bucket) for entry in page]
    assert sorted(left) == ["e/n/_logs/run/a", "e/n/run-2/a", "e/n/run.x/a"]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "id"},
        {"INSIGHTS_OBJECT_STORE": "not an address"},
        {"INSIGHTS_OBJECT_STORE": "ftp://bucket/results"},
        {"INSIGHTS_OBJECT_STORE": "s3://bucket", "AWS_SECRET_ACESS_KEY": "topsecret"},
        {"INSIGHTS_OBJECT_STORE": "gs://bucket", "GOOGLE_SERVICE_ACCOUNT_KEY": "topsecret"},
    ],
)
def test_what_describes_no_store_is_told_without_secrets(tmp_path, keys) -> None:
    with pytest.raises(StoreMissingError, match="insights-store-default") as found:
        described(tmp_path, **keys).check("default")
    assert "INSIGHTS_OBJECT_STORE" in str(found.value)
    assert "topsecret" not in str(found.value)


def test_a_store_that_is_away_is_told_without_secrets(tmp_path) -> None:
    objects = described(
        tmp_path, INSIGHTS_OBJECT_STORE="s3://bucket/results", AWS_ACCESS_KEY_ID="topsecret",
        AWS_SECRET_ACCESS_KEY="topsecret", AWS_REGION="x", AWS_ENDPOINT_URL="http://127.0.0.1:9",
    )  # fmt: skip
    for act in (objects.some("default", "a"), objects.remove("default", ["a/b"])):
        with pytest.raises(StoreUnreachableError, match="store `default`") as found:
            asyncio.run(act)
        assert "topsecret" not in str(found.value)
