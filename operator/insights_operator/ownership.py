"""Who controls an object: written when it is made, and read before it is taken for ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insights_crds.v1 import API_VERSION

__all__ = ["controller_of", "owned_by"]


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
