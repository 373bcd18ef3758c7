"""What was last seen of every object that matters, by kind.

Kopf feeds it, and a listing every few minutes corrects it: an object that was deleted while the
watch was interrupted would otherwise stay for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from insights_operator import naming
from insights_operator.work_queue import Key

__all__ = ["Cache"]

Object = Mapping[str, Any]


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        """Begin empty."""
        self._objects: dict[str, dict[Key, Object]] = {}
        self._run_of_uid: dict[str, Key] = {}

    def put(self, plural: str, seen: Object) -> Key | None:
        """Remember an object, unless a newer one is known; returns the run that it concerns."""
        kept = dict(seen)
        kept["metadata"] = {k: v for k, v in seen["metadata"].items() if k != "managedFields"}
        known = self._objects.setdefault(plural, {})
        key = _key(kept)
        before = known.get(key)
        if before is not None and _version(before) > _version(kept):
            return None
        known[key] = kept
        if plural == "analysisruns":
            self._run_of_uid[str(kept["metadata"]["uid"])] = key
        return self.run_of(plural, kept)

    def remove(self, plural: str, seen: Object) -> Key | None:
        """Forget an object, unless another has its name by now; returns the run it concerned."""
        known = self._objects.setdefault(plural, {})
        key = _key(seen)
        before = known.get(key)
        if before is not None and before["metadata"].get("uid") == seen["metadata"].get("uid"):
            del known[key]
        return self.run_of(plural, seen)

    def replace_all(self, plural: str, listed: Iterable[Object]) -> set[Key]:
        """Correct the cache by a listing; returns the runs that were known wrongly."""
        listed = list(listed)
        wrong: set[Key | None] = set()
        known = self._objects.setdefault(plural, {})
        there = {_key(each): each for each in listed}
        for key, before in list(known.items()):
            if key not in there:
                wrong.add(self.remove(plural, before))
        for key, each in there.items():
            stale = known.get(key)
            if stale is None or _version(stale) < _version(each):
                wrong.add(self.put(plural, each))
        return {key for key in wrong if key is not None}

    def get(self, plural: str, key: Key) -> Object | None:
        """An object by its name."""
        return self._objects.get(plural, {}).get(key)

    def all(self, plural: str) -> list[Object]:
        """Every object of a kind."""
        return list(self._objects.get(plural, {}).values())

    def of_run(self, plural: str, namespace: str, uid: str | None, name: str) -> list[Object]:
        """Objects that bear the labels of a run, by its uid, or by its name where that is gone."""
        wanted = (naming.RUN_UID_LABEL, uid) if uid else (naming.RUN_LABEL, name[:63].rstrip("-."))
        return [
            each
            for (where, _), each in self._objects.get(plural, {}).items()
            if where == namespace and _labels(each).get(wanted[0]) == wanted[1]
        ]

    def run_of(self, plural: str, seen: Object) -> Key | None:
        """The run that an object concerns."""
        if plural == "analysisruns":
            return _key(seen)
        labels = _labels(seen)
        uid = labels.get(naming.RUN_UID_LABEL)
        if uid is None:
            return None
        found = self._run_of_uid.get(str(uid))
        if found is not None:
            return found
        name = labels.get(naming.RUN_LABEL)
        return (_key(seen)[0], str(name)) if name else None


def _key(seen: Object) -> Key:
    return str(seen["metadata"].get("namespace", "")), str(seen["metadata"]["name"])


def _labels(seen: Object) -> Mapping[str, Any]:
    return seen["metadata"].get("labels") or {}


def _version(seen: Object) -> int:
    # Opaque by the letter of the API, but compared as a number by every cache (KEP-5504).
    version = str(seen["metadata"].get("resourceVersion", "0"))
    return int(version) if version.isdigit() else 0
