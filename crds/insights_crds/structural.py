"""From a pydantic model to a structural schema, the JSON Schema dialect of CRDs.

It has no references, no `anyOf` for optional fields, and carries what JSON Schema lacks: list types
and CEL rules (Kubernetes KEP-1979, KEP-2876).
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from insights_crds.model import Model

__all__ = ["structural_schema"]

_COPIED = (
    "type",
    "format",
    "description",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)


def structural_schema(model: type[Model]) -> dict[str, Any]:
    """The structural schema of a model, in its wire form.

    Raises:
        ValueError: the model uses something that a structural schema cannot say, or a string, list
            or map without a bound, which would make the cost of rules unbounded.
    """
    schema = model.model_json_schema(by_alias=True)
    models = _models_by_title(model)
    return _convert(schema, schema.get("$defs", {}), models, model.__name__)


def _models_by_title(model: type[BaseModel]) -> dict[str, type[Model]]:
    found: dict[str, type[Model]] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation.__name__ in found:
                return
            if issubclass(annotation, Model):
                found[annotation.__name__] = annotation
            for field in annotation.model_fields.values():
                visit(field.annotation)
        for part in getattr(annotation, "__args__", ()):
            visit(part)

    visit(model)
    return found


def _convert(
    schema: dict[str, Any], defs: dict[str, Any], models: dict[str, type[Model]], path: str
) -> dict[str, Any]:
    schema, title = _resolve(schema, defs, path)
    if title == "ObjectMeta":
        return {"type": "object"}
    out: dict[str, Any] = {key: schema[key] for key in _COPIED if key in schema}
    if "const" in schema:
        out |= {"type": "string", "enum": [schema["const"]]}
    if "exclusiveMinimum" in schema:
        out |= {"minimum": schema["exclusiveMinimum"], "exclusiveMinimum": True}
    if schema.get("default") is not None:
        out["default"] = _without_nulls(schema["default"])
    if "description" in out:
        out["description"] = " ".join(out["description"].split())

    kind = out.get("type")
    if kind == "object" and "properties" in schema:
        out |= _object(schema, defs, models, title, path)
    elif kind == "object":
        _need_bound(schema, "maxProperties", path)
        out["maxProperties"] = schema["maxProperties"]
        values = schema.get("additionalProperties") or next(
            iter(schema.get("patternProperties", {}).values())
        )
        out["additionalProperties"] = _convert(values, defs, models, f"{path}.*")
    elif kind == "array":
        _need_bound(schema, "maxItems", path)
        out["items"] = _convert(schema["items"], defs, models, f"{path}[]")
        out.setdefault("x-kubernetes-list-type", "atomic")
    elif kind == "string" and "enum" not in out:
        _need_bound(schema, "maxLength", path)
    elif kind not in ("string", "integer", "number", "boolean"):
        raise ValueError(f"{path}: a structural schema cannot say {schema}")
    if kind == "integer":
        out["format"] = "int64"
    return out


def _object(
    schema: dict[str, Any],
    defs: dict[str, Any],
    models: dict[str, type[Model]],
    title: str | None,
    path: str,
) -> dict[str, Any]:
    properties = {
        name: _convert(part, defs, models, f"{path}.{name}")
        for name, part in schema["properties"].items()
    }
    out: dict[str, Any] = {"properties": properties}
    if schema.get("required"):
        out["required"] = schema["required"]
    model = models.get(title or path)
    if model is None:
        return out
    wire = {name: field.alias or name for name, field in model.model_fields.items()}
    for name, key in model.list_maps.items():
        properties[wire[name]] |= {
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [key],
        }
    for name in model.set_lists:
        properties[wire[name]]["x-kubernetes-list-type"] = "set"
    if model.rules:
        out["x-kubernetes-validations"] = [
            {"rule": rule.cel, "message": rule.message} for rule in model.rules
        ]
    return out


def _resolve(
    schema: dict[str, Any], defs: dict[str, Any], path: str
) -> tuple[dict[str, Any], str | None]:
    """Follow references and drop the null of optional fields, which Kubernetes says by absence."""
    title: str | None = None
    while True:
        if "anyOf" in schema:
            real = [part for part in schema["anyOf"] if part.get("type") != "null"]
            if len(real) != 1:
                raise ValueError(f"{path}: a structural schema has no anyOf over types")
            schema = {**real[0], **{k: v for k, v in schema.items() if k != "anyOf"}}
        elif "$ref" in schema:
            title = schema["$ref"].rsplit("/", 1)[-1]
            schema = {**defs[title], **{k: v for k, v in schema.items() if k != "$ref"}}
        else:
            return schema, title


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_without_nulls(part) for part in value]
    return value


def _need_bound(schema: dict[str, Any], bound: str, path: str) -> None:
    if bound not in schema and schema.get("format") != "date-time":
        raise ValueError(f"{path} has no {bound}: the cost of rules over it would be unbounded")
