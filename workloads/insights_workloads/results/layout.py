"""Where the files of a publication lie: what is the owner's, and what is any reader's.

`<prefix>/owner/…` tells of people, `<prefix>/reader/…` of none, so that the policy of a bucket can
tell them apart. `<prefix>/manifest.json` names all of them with their digests, and is the owner's.
Publications of before have every file at `<prefix>`; those files are the owner's as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore

__all__ = ["MANIFEST", "Reader", "find_path", "read_file"]

MANIFEST = "manifest.json"


class Reader(StrEnum):
    """Kinds of reader, and the folders of what is for them."""

    OWNER = "owner"
    """May read about people of the namespace."""
    READER = "reader"
    """May see that a run was and how it came out, and nothing that stands for a person."""

    def path(self, prefix: str, name: str) -> str:
        """Where a file for this reader lies."""
        return f"{prefix}/{self.value}/{name}"


def find_path(objects: ObjectStore, prefix: str, name: str, reader: Reader = Reader.OWNER) -> str:
    """Where a file of a publication is.

    Raises:
        FileNotFoundError: the publication has no such file for this reader.
    """
    for path in _places(prefix, name, reader):
        try:
            obstore.head(objects, path)
        except (NotFoundError, FileNotFoundError):
            continue
        return path
    raise FileNotFoundError(f"{prefix} holds no {name} for the {reader.value}")


def read_file(objects: ObjectStore, prefix: str, name: str, reader: Reader = Reader.OWNER) -> bytes:
    """A file of a publication.

    Raises:
        FileNotFoundError: the publication has no such file for this reader.
    """
    for path in _places(prefix, name, reader):
        try:
            return bytes(obstore.get(objects, path).bytes())
        except (NotFoundError, FileNotFoundError):
            continue
    raise FileNotFoundError(f"{prefix} holds no {name} for the {reader.value}")


def _places(prefix: str, name: str, reader: Reader) -> Iterator[str]:
    yield reader.path(prefix, name)
    if reader is Reader.OWNER:
        # As it was before there were two folders.
        yield f"{prefix}/{name}"
