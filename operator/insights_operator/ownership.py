"""Who controls an object: written when it is made, and read before it is taken for ours.

An owner reference holds the whole name and the uid, however long they are. Labels do not, so they
are for people and selectors, and nothing is decided by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insights_crds.v1 import API_VERSION, GROUP

__all__ = ["Owner", "controller_of", "owned_by", "owner_of"]


@dataclass(frozen=True)
class Owner:
    """An object of ours that controls another.

    Attributes:
        kind: `AnalysisRun` or `AnalysisSchedule`.
        name: whole.
        uid: of it.
    """

    kind: str
    name: str
    uid: str


def owned_by(kind: str, name: str, uid: str) -> list[dict[str, Any]]:
    """`metadata.ownerReferences` of what an object of ours controls."""
    return [
        {
            "apiVersion": API_VERSION,
            "kind": kind,
            "name": name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]


def controller_of(seen: Mapping[str, Any]) -> str | None:
    """Uid of the object that controls another, None where nothing does."""
    owners = seen["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def owner_of(seen: Mapping[str, Any]) -> Owner | None:
    """The object of ours that controls another, None where it is controlled by nothing of ours."""
    for owner in seen["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            group = str(owner.get("apiVersion", "")).partition("/")[0]
            if group == GROUP:
                return Owner(str(owner["kind"]), str(owner["name"]), str(owner["uid"]))
    return None
