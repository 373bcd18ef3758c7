"""Where a roster is: a path, an object store, a web server or a database.

Everything is read as a stream. Credentials come from the environment, as every tool of the store in
question finds them, and never from the spec.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from insights_crds.reasons import FailureClass, Reason
from insights_workloads.ingest.errors import IngestError

__all__ = ["Found", "is_database", "locate"]

_DATABASES = frozenset({"postgresql", "postgres"})
_STORES = frozenset({"s3", "gs", "az", "https", "http"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Found:
    """One file of a roster.

    Attributes:
        name: as messages call it; holds no credentials.
        size: bytes.
        path: where it is on this machine, None if it is elsewhere.
        store: object store or web server that holds it, None if it is a local file.
        key: its key in that store.
    """

    name: str
    size: int
    path: Path | None = None
    store: ObjectStore | None = None
    key: str = ""

    def open(self) -> BinaryIO:
        """Open it for reading; seekable.

        Raises:
            IngestError: it cannot be opened.
        """
        try:
            if self.path is not None:
                return self.path.open("rb")
            if self.store is None:
                raise ValueError("neither a path nor a store")
            return cast(BinaryIO, _RemoteFile(obstore.open_reader(self.store, self.key)))
        except (OSError, BaseError) as error:
            raise _unreachable(self.name, error) from None


class _RemoteFile(io.RawIOBase):
    """A file in an object store, as Python knows files."""

    def __init__(self, reader: obstore.ReadableFile) -> None:
        super().__init__()
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return bytes(self._reader.read(None if size is None or size < 0 else size))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())


def is_database(uri: str) -> bool:
    """Whether an address names a Postgres database."""
    return urlsplit(uri).scheme in _DATABASES


def locate(uri: str, base: Path, downloads: Path) -> tuple[Found, ...]:
    """The files behind an address: one, or the Parquet files of a folder in order of their names.

    Args:
        uri: `spec.source.uri`, not of a database.
        base: folder from which a relative path starts.
        downloads: folder for files from web servers, few of which can be read in parts.

    Raises:
        IngestError: nothing is there, or it cannot be reached.
    """
    parts = urlsplit(uri)
    if parts.scheme in _STORES:
        return tuple(_in_store(uri, downloads))
    if parts.scheme == "file":
        return _on_disk(Path(parts.path), uri)
    if "://" in uri:
        known = "a path, s3://, gs://, az://, https:// and postgresql://"
        raise IngestError(
            Reason.SOURCE_NOT_FOUND,
            f"spec.source.uri has the scheme `{parts.scheme}`; known are {known}",
        )
    return _on_disk(base / Path(uri).expanduser(), uri)


def _on_disk(path: Path, shown: str) -> tuple[Found, ...]:
    try:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*.parquet") if p.is_file())
            if not files:
                raise IngestError(
                    Reason.SOURCE_NOT_FOUND,
                    f"{shown} is a folder without a .parquet file; name a file, or a folder of "
                    "Parquet files, in spec.source.uri",
                )
            return tuple(
                Found(f"{shown}/{p.relative_to(path)}", p.stat().st_size, path=p) for p in files
            )
        if not path.exists():
            raise IngestError(
                Reason.SOURCE_NOT_FOUND,
                f"{shown} does not exist (looked at {path.absolute()}); correct spec.source.uri",
            )
        if not path.is_file() or not os.access(path, os.R_OK):
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{shown} is not a file that this user may read; check its kind and permissions",
            )
        return (Found(shown, path.stat().st_size, path=path),)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise IngestError(Reason.SOURCE_NOT_FOUND, f"{shown} cannot be opened: {said}") from None


def _in_store(uri: str, downloads: Path) -> Iterator[Found]:
    parts = urlsplit(uri)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    web = parts.scheme in ("http", "https")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{shown}: people's data is not read over plain http; use https",
        )
    key = parts.path.lstrip("/")
    if not parts.netloc or (not key and not parts.query):
        raise IngestError(
            Reason.SOURCE_NOT_FOUND, f"{shown} names no file; add its path to spec.source.uri"
        )
    try:
        store = _store(f"{parts.scheme}://{parts.netloc}", web=web)
        if not web and (key.endswith("/") or not _is_object(store, key)):
            yield from _folder(store, key, shown)
            return
        if web:
            yield _download(store, f"{key}?{parts.query}" if parts.query else key, shown, downloads)
            return
        yield Found(shown, obstore.head(store, key)["size"], store=store, key=key)
    except (BaseError, OSError, ValueError) as error:
        raise _unreachable(shown, error) from None


def _download(store: ObjectStore, key: str, shown: str, downloads: Path) -> Found:
    path = downloads / "download"
    with path.open("wb") as file:
        for part in obstore.get(store, key).stream():
            file.write(part)
    return Found(shown, path.stat().st_size, path=path)


def _store(root: str, *, web: bool) -> ObjectStore:
    # Few and short retries: a wrong address should be told in seconds, and a run is retried anyway.
    options: dict[str, Any] = {"retry_config": {"max_retries": 3, "retry_timeout": _seconds(20)}}
    local_http = root.startswith("http://") or os.environ.get(
        "AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT", "")
    ).startswith("http://")
    if local_http:
        options["client_options"] = {"allow_http": True}
    if not web and root.startswith("s3://") and "AWS_ACCESS_KEY_ID" not in os.environ:
        options["config"] = {"skip_signature": "AWS_ANONYMOUS" in os.environ}
    return from_url(root, **options)


def _seconds(number: int) -> Any:
    from datetime import timedelta

    return timedelta(seconds=number)


def _is_object(store: ObjectStore, key: str) -> bool:
    try:
        obstore.head(store, key)
    except (NotFoundError, FileNotFoundError):
        return False
    return True


def _folder(store: ObjectStore, key: str, shown: str) -> Iterator[Found]:
    prefix = key.rstrip("/") + "/"
    listed = [entry for page in obstore.list(store, prefix) for entry in page]
    files = sorted(
        (entry for entry in listed if entry["path"].endswith(".parquet")),
        key=lambda entry: entry["path"],
    )
    if not files:
        raise IngestError(
            Reason.SOURCE_NOT_FOUND,
            f"{shown} does not exist: neither an object nor a folder of Parquet files; correct "
            "spec.source.uri",
        )
    root = shown[: len(shown) - len(key)]
    for entry in files:
        yield Found(root + entry["path"], entry["size"], store=store, key=entry["path"])


def _unreachable(name: str, error: Exception) -> IngestError:
    if "NoSuchBucket" in str(error):
        return IngestError(
            Reason.SOURCE_NOT_FOUND, f"{name}: there is no such bucket; correct spec.source.uri"
        )
    if isinstance(error, NotFoundError | FileNotFoundError):
        return IngestError(
            Reason.SOURCE_NOT_FOUND, f"{name} does not exist; correct spec.source.uri"
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{name} may not be read with the credentials in the environment; check them and the "
            "permissions of the store",
        )
    kind = type(error).__name__
    return IngestError(
        Reason.SOURCE_UNREACHABLE,
        f"{name} cannot be reached ({kind}); check the address and the network",
        FailureClass.TRANSIENT,
    )
