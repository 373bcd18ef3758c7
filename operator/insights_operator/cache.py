"""What was last seen of every object that matters, by kind.

Kopf feeds it, and a listing every few minutes corrects it: an object that was deleted while the
watch was interrupted would otherwise stay for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from insights_operator import naming
from insights_operator.work_queue import Key

__all__ = ["Cache", "key_of"]

Object = Mapping[str, Any]

_INDEXED = frozenset({naming.RUN_LABEL, naming.RUN_UID_LABEL, naming.SCHEDULE_LABEL})


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        """Begin empty."""
        self._objects: dict[str, dict[Key, Object]] = {}
        self._run_of_uid: dict[str, Key] = {}
        self._of_label: dict[tuple[str, str, str, str], set[Key]] = {}
        self._removed: set[str] = set()

    def begin_listing(self) -> None:
        """What was removed before may be forgotten: a listing from now on does not hold it."""
        self._removed.clear()

    def put(self, plural: str, seen: Object) -> bool:
        """Remember an object, unless it or a newer one is known; tells whether it was new.

        One that was removed does not come back by what was listed or answered before.
        """
        if _uid(seen) in self._removed:
            return False
        metadata = {k: v for k, v in seen["metadata"].items() if k != "managedFields"}
        kept = _interned({**seen, "metadata": metadata})
        known = self._objects.setdefault(plural, {})
        key = key_of(kept)
        before = known.get(key)
        if before is not None and _version(before) >= _version(kept):
            return False
        if before is not None:
            self._unindex(plural, key, before)
        known[key] = kept
        self._index(plural, key, kept)
        return True

    def remove(self, plural: str, seen: Object) -> None:
        """Forget an object, unless another has its name by now."""
        self._removed.add(_uid(seen))
        known = self._objects.setdefault(plural, {})
        key = key_of(seen)
        before = known.get(key)
        if before is not None and _uid(before) == _uid(seen):
            self._unindex(plural, key, before)
            del known[key]

    def differences(self, plural: str, listed: Iterable[Object]) -> tuple[list[Object], ...]:
        """What a listing tells that the watch has not: objects to put, and objects to remove."""
        there = {key_of(each): each for each in listed if _uid(each) not in self._removed}
        known = self._objects.get(plural, {})
        newer = [
            each
            for key, each in there.items()
            if key not in known or _version(known[key]) < _version(each)
        ]
        gone = [each for key, each in known.items() if key not in there]
        return newer, gone

    def get(self, plural: str, key: Key) -> Object | None:
        """An object by its name."""
        return self._objects.get(plural, {}).get(key)

    def all(self, plural: str) -> list[Object]:
        """Every object of a kind."""
        return list(self._objects.get(plural, {}).values())

    def of_run(self, plural: str, namespace: str, uid: str | None, name: str) -> list[Object]:
        """Objects that bear the labels of a run, by its uid, or by its name where that is gone."""
        label = (naming.RUN_UID_LABEL, uid) if uid else (naming.RUN_LABEL, naming.label_value(name))
        return self.labelled(plural, namespace, *label)

    def labelled(self, plural: str, namespace: str, label: str, value: str) -> list[Object]:
        """Objects of a namespace that bear one of our labels, by name."""
        keys = self._of_label.get((plural, namespace, label, value), ())
        return [self._objects[plural][key] for key in sorted(keys)]

    def run_of(self, plural: str, seen: Object) -> Key | None:
        """The run that an object concerns."""
        if plural == "analysisruns":
            return key_of(seen)
        labels = _labels(seen)
        uid = labels.get(naming.RUN_UID_LABEL)
        if uid is None:
            return None
        found = self._run_of_uid.get(str(uid))
        if found is not None:
            return found
        name = labels.get(naming.RUN_LABEL)
        return (key_of(seen)[0], str(name)) if name else None

    def _index(self, plural: str, key: Key, kept: Object) -> None:
        if plural == "analysisruns":
            self._run_of_uid[str(kept["metadata"]["uid"])] = key
        for label, value in _labels(kept).items():
            if label in _INDEXED:
                self._of_label.setdefault((plural, key[0], label, value), set()).add(key)

    def _unindex(self, plural: str, key: Key, before: Object) -> None:
        if plural == "analysisruns":
            self._run_of_uid.pop(str(before["metadata"]["uid"]), None)
        for label, value in _labels(before).items():
            entry = (plural, key[0], label, value)
            keys = self._of_label.get(entry)
            if label in _INDEXED and keys is not None:
                keys.discard(key)
                if not keys:
                    del self._of_label[entry]


def key_of(seen: Object) -> Key:
    """Namespace and name of an object."""
    return str(seen["metadata"].get("namespace", "")), str(seen["metadata"]["name"])


def _interned(value: Any) -> Any:
    """A copy whose texts are shared with those of other objects, which takes half the memory."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, Mapping):
        return {sys.intern(key): _interned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_interned(each) for each in value]
    return value


def _uid(seen: Object) -> str:
    return str(seen["metadata"].get("uid", ""))


def _labels(seen: Object) -> Mapping[str, Any]:
    return seen["metadata"].get("labels") or {}


def _version(seen: Object) -> int:
    # Opaque by the letter of the API, but compared as a number by every cache (KEP-5504).
    version = str(seen["metadata"].get("resourceVersion", "0"))
    return int(version) if version.isdigit() else 0
