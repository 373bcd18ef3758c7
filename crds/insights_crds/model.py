"""What every model of the API has in common: its field names, its strictness and its rules.

A rule is written once, in two languages: CEL for the API server, Python for everyone else. The CRD
generator reads the first, validation here runs the second, and the message is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

__all__ = ["Model", "Rule"]


@dataclass(frozen=True)
class Rule:
    """One sentence about an object that a schema cannot say.

    Attributes:
        cel: the rule for the API server, over `self` (Kubernetes KEP-2876).
        holds: the same rule over the parsed model.
        message: what was wanted, as a person should read it.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str


class Model(BaseModel):
    """A part of the API: camelCase on the wire, frozen, and closed to unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Rules over the whole object, checked here and by the API server."""
    list_maps: ClassVar[dict[str, str]] = {}
    """Fields whose lists are maps (`x-kubernetes-list-type: map`), each with its key field."""
    set_lists: ClassVar[frozenset[str]] = frozenset()
    """Fields whose lists are sets (`x-kubernetes-list-type: set`)."""

    @model_validator(mode="after")
    def _hold_each_key_once(self) -> Self:
        keys = {
            field: [getattr(item, key) for item in getattr(self, field)]
            for field, key in self.list_maps.items()
        }
        keys |= {field: list(getattr(self, field)) for field in self.set_lists}
        for field, seen in keys.items():
            twice = next((key for key in seen if seen.count(key) > 1), None)
            if twice is not None:
                raise PydanticCustomError(
                    "duplicate",
                    "{field} has {key} twice; each may stand once",
                    {"field": to_camel(field), "key": repr(str(twice))},
                )
        return self

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise PydanticCustomError("rule", "{message}", {"message": rule.message})
        return self
