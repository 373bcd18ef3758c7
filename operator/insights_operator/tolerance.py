"""Reading what others wrote by other versions: what is known is taken, the rest is passed over.

Objects come from an API server that has validated them by its own CRD, rows from drivers of any
age. A field that this version does not know, or that means more by now, must stop nothing. Strict
is `insights validate`, which speaks to the person who writes.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

__all__ = ["readable"]

_MODEL = TypeVar("_MODEL", bound=BaseModel)
_MOST_PARTS = 100


def readable(model: type[_MODEL], raw: Any) -> _MODEL | None:
    """What can be read of an object: parts that are not valid count as left out.

    Args:
        model: of the object.
        raw: the object in its wire form.

    Returns:
        None where nothing is left that is valid: a required part is missing, say.
    """
    left: Any = copy.deepcopy(raw)
    for _ in range(_MOST_PARTS):
        try:
            return model.model_validate(left, extra="ignore")
        except ValidationError as error:
            # One at a time: leaving out one part may take away what is wrong with another.
            if not _leave_out(left, error.errors(include_url=False)[0]["loc"]):
                return None
        except RecursionError:
            return None
    return None


def _leave_out(document: Any, location: tuple[int | str, ...]) -> bool:
    """Leave out the innermost part that is there on the way to a location."""
    at: Any = document
    holder: Any = None
    named: int | str = ""
    for part in location:
        if not _has(at, part):
            # A missing part takes what should hold it along; names of variants are no parts.
            continue
        holder, named = at, part
        at = at[part]
    if holder is None:
        return False
    del holder[named]
    return True


def _has(at: Any, part: int | str) -> bool:
    if isinstance(at, list):
        return isinstance(part, int) and part < len(at)
    return isinstance(at, dict) and part in at
