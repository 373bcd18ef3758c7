"""What was last seen of every object that matters, by kind.

Kopf feeds it, and a listing every few minutes corrects it: an object that was deleted while the
watch was interrupted would otherwise stay for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from insights_crds.v1 import AnalysisRun
from insights_operator import naming
from insights_operator.ownership import controller_of, owner_of
from insights_operator.work_queue import Key

__all__ = ["Cache", "key_of"]

Object = Mapping[str, Any]

_CONTROLLER, _OWNER_RUN = "controller", "owner-run"
_CONTROLLED = frozenset({"analysisruns", "jobs", "rayjobs"})
"""Kinds that objects of ours control; of all others, controllers of Kubernetes or KubeRay do."""


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        """Begin empty."""
        self._objects: dict[str, dict[Key, Object]] = {}
        self._run_of_uid: dict[str, Key] = {}
        self._marked: dict[tuple[str, str, str, str], set[Key]] = {}
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
        """Objects of a run, by name.

        Children are those that it controls; where it is gone (`uid` is None), those that name it as
        their controller. Pods and RayClusters, which it does not control, bear its uid as a label.
        """
        if plural not in _CONTROLLED:
            return self._with(plural, namespace, naming.RUN_UID_LABEL, uid) if uid else []
        if uid:
            return self._with(plural, namespace, _CONTROLLER, uid)
        return self._with(plural, namespace, _OWNER_RUN, name)

    def controlled(self, plural: str, namespace: str, uid: str) -> list[Object]:
        """Objects of a namespace that the object with this uid controls, by name."""
        return self._with(plural, namespace, _CONTROLLER, uid)

    def _with(self, plural: str, namespace: str, mark: str, value: str) -> list[Object]:
        keys = self._marked.get((plural, namespace, mark, value), ())
        return [self._objects[plural][key] for key in sorted(keys)]

    def run_of(self, plural: str, seen: Object) -> Key | None:
        """The run that an object concerns."""
        if plural == "analysisruns":
            return key_of(seen)
        owner = owner_of(seen)
        if owner is not None and owner.kind == AnalysisRun.__name__:
            return key_of(seen)[0], owner.name
        # A pod of a run that is not known yet tells nothing: the run is looked at when it comes.
        return self._run_of_uid.get(str(_labels(seen).get(naming.RUN_UID_LABEL)))

    def _index(self, plural: str, key: Key, kept: Object) -> None:
        if plural == "analysisruns":
            self._run_of_uid[str(kept["metadata"]["uid"])] = key
        for mark, value in _marks(plural, kept):
            self._marked.setdefault((plural, key[0], mark, value), set()).add(key)

    def _unindex(self, plural: str, key: Key, before: Object) -> None:
        if plural == "analysisruns":
            self._run_of_uid.pop(str(before["metadata"]["uid"]), None)
        for mark, value in _marks(plural, before):
            entry = (plural, key[0], mark, value)
            keys = self._marked.get(entry)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._marked[entry]


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


def _marks(plural: str, seen: Object) -> Iterable[tuple[str, str]]:
    """By what an object is found."""
    if plural not in _CONTROLLED:
        uid = _labels(seen).get(naming.RUN_UID_LABEL)
        if uid is not None:
            yield naming.RUN_UID_LABEL, str(uid)
        return
    controller, owner = controller_of(seen), owner_of(seen)
    if controller is not None:
        yield _CONTROLLER, str(controller)
    if owner is not None and owner.kind == AnalysisRun.__name__:
        yield _OWNER_RUN, owner.name


def _labels(seen: Object) -> Mapping[str, Any]:
    return seen["metadata"].get("labels") or {}


def _version(seen: Object) -> int:
    # Opaque by the letter of the API, but compared as a number by every cache (KEP-5504).
    version = str(seen["metadata"].get("resourceVersion", "0"))
    return int(version) if version.isdigit() else 0
