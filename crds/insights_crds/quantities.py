"""Quantities as Kubernetes writes them, compared by what they are worth."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["amount"]

_SUFFIXES = {
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{letter: Fraction(1000**at) for at, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**at) for at, letter in enumerate("KMGTPE", 1)},
}


def amount(quantity: str) -> Fraction:
    """What a quantity is worth, exactly: cores or bytes.

    Raises:
        ValueError: it is no quantity.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTPE]|[KMGTPE]i)?", quantity)
    if found is None:
        raise ValueError(f"`{quantity}` was seen; a quantity such as `500m` or `4Gi` is wanted")
    return Fraction(found[1]) * _SUFFIXES[found[2] or ""]
