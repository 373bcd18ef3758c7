"""Runs and schedules from YAML or JSON text, with one clear sentence for everything that is wrong.

What the API server would refuse is refused here in the same words, before anything is sent or run.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from insights_crds.v1 import API_VERSION, AnalysisRun, AnalysisSchedule

__all__ = ["Problem", "SpecError", "load_file", "load_text", "parse"]

_KINDS: dict[str, type[AnalysisRun] | type[AnalysisSchedule]] = {
    "AnalysisRun": AnalysisRun,
    "AnalysisSchedule": AnalysisSchedule,
}
_LONGEST_SEEN = 60
_LARGEST_FILE = 1_000_000


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: field in its wire form, such as `spec.teams.size.min`; empty for the whole document.
        message: what was seen and what was wanted.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """The sentence as a person reads it."""
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(Exception):
    """A document that is not a valid run or schedule.

    Attributes:
        origin: where the document came from.
        problems: everything that is wrong with it, at least one.
    """

    def __init__(self, origin: str, problems: tuple[Problem, ...]) -> None:
        """Say what is wrong with a document."""
        self.origin = origin
        self.problems = problems
        super().__init__("\n".join(f"{origin}: {problem}" for problem in problems))


def load_file(path: Path) -> list[AnalysisRun | AnalysisSchedule]:
    """Runs and schedules of a YAML or JSON file.

    Raises:
        SpecError: the file cannot be read, or something in it is not valid.
    """
    origin = str(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise _whole(origin, "is larger than 1 MB; a run is a short YAML file")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise _whole(origin, "no such file") from None
    except IsADirectoryError:
        raise _whole(origin, "is a folder; name one YAML file") from None
    except UnicodeDecodeError:
        raise _whole(origin, "is not text in UTF-8; a run is a YAML file") from None
    except OSError as error:
        raise _whole(origin, f"cannot be read: {error.strerror}") from None
    return load_text(text, origin)


def load_text(text: str, origin: str = "document") -> list[AnalysisRun | AnalysisSchedule]:
    """Runs and schedules of a YAML or JSON text of one or more documents.

    Raises:
        SpecError: something in it is not valid.
    """
    try:
        documents = [d for d in yaml.load_all(text, _Loader) if d is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = _said(text, error.problem or error.context)
        raise _whole(origin, f"{where}not valid YAML{said}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = _said(text, str(error).splitlines()[0] if str(error) else "cannot be read")
        raise _whole(origin, f"not valid YAML{said}") from None
    if not documents:
        raise _whole(origin, "is empty; a run with apiVersion, kind, metadata and spec was wanted")
    return [parse(document, origin) for document in documents]


def parse(
    document: Any, origin: str = "document", *, tolerant: bool = False
) -> AnalysisRun | AnalysisSchedule:
    """A run or schedule from its parsed document.

    Args:
        document: in its wire form.
        origin: where it came from, for errors.
        tolerant: pass over unknown fields at every depth. For objects that an API server holds: its
            CRD may be newer than this code, and have filled in defaults that nobody here knows.

    Raises:
        SpecError: it is not valid; every problem is named.
    """
    if not isinstance(document, Mapping):
        seen = "a list" if isinstance(document, list) else "a single value"
        raise _whole(origin, f"a mapping was wanted, not {seen}; a run is a YAML file")
    version, name = document.get("apiVersion"), document.get("kind")
    if version != API_VERSION:
        raise SpecError(
            origin,
            (Problem("apiVersion", f"{_seen(version)} was seen, `{API_VERSION}` was wanted"),),
        )
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        wanted = " or ".join(f"`{known}`" for known in _KINDS)
        near = _nearest(str(name), _KINDS)
        hint = f"; did you mean `{near}`?" if near else ""
        raise SpecError(
            origin, (Problem("kind", f"{_seen(name)} was seen, {wanted} was wanted{hint}"),)
        )
    unstorable = tuple(_unstorable(document, ()))
    if unstorable:
        raise SpecError(origin, unstorable)
    try:
        return kind.model_validate(document, extra="ignore" if tolerant else None)
    except ValidationError as error:
        raise SpecError(origin, tuple(_problems(error, kind))) from None
    except RecursionError:
        raise _whole(origin, "is nested too deeply") from None


def _unstorable(value: Any, location: tuple[int | str, ...]) -> Iterator[Problem]:
    """Text that JSON, UTF-8 and Postgres cannot all hold."""
    if isinstance(value, Mapping | list):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in parts:
            yield from _unstorable(key, location)
            yield from _unstorable(part, (*location, key))
    elif isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        yield Problem(
            _path(location).encode("utf-8", "replace").decode().replace("\0", "?"),
            "there is a NUL or half a character in the text; take it out",
        )


def _said(text: str, message: str | None) -> str:
    """The parser's own words, which may quote: only of what looks like a run, not of a roster."""
    if "apiVersion" not in text:
        own = re.fullmatch(r"key `[a-z][A-Za-z0-9]*` stands twice|a key must be .*", message or "")
        return f": {message}" if own else "; name the file of a run, not a roster"
    return f": {message}"


def _problems(error: ValidationError, kind: type[BaseModel]) -> Iterator[Problem]:
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if part != "[key]")
        path = _path(location)
        match detail["type"]:
            case "extra_forbidden":
                parent = _path(location[:-1])
                yield Problem(parent, _unknown_field(str(location[-1]), location[:-1], kind))
            case "missing":
                yield Problem(_path(location[:-1]), f"`{location[-1]}` is missing; it is required")
            case "rule" | "duplicate":
                yield Problem(path, detail["msg"])
            case _:
                yield Problem(path, f"{_seen(detail['input'])} was seen; {_wanted(detail)}")


def _unknown_field(name: str, parent: tuple[int | str, ...], kind: type[BaseModel]) -> str:
    model = _model_at(kind, parent)
    known = [field.alias or key for key, field in model.model_fields.items()] if model else []
    near = _nearest(name, known)
    if near is not None:
        return f"unknown field `{name}`; did you mean `{near}`?"
    elsewhere = sorted(
        (path for path in _all_paths(kind) if path.rsplit(".", 1)[-1].lower() == name.lower()),
        key=lambda path: (path.count("."), path),
    )
    if elsewhere:
        return f"unknown field `{name}`; did you mean `{elsewhere[0]}`?"
    return f"unknown field `{name}`; known here: {', '.join(known)}"


def _model_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = kind
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        field = next((f for key, f in model.model_fields.items() if part in (f.alias, key)), None)
        model = _inner_model(field.annotation) if field else None
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner_model(part))), None)


def _all_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for key, field in model.model_fields.items():
        path = f"{prefix}{field.alias or key}"
        yield path
        inner = _inner_model(field.annotation)
        if inner is not None and inner.__name__ not in ("ObjectMeta", "AnalysisRunStatus"):
            yield from _all_paths(inner, f"{path}.")


def _nearest(name: str, known: Any) -> str | None:
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def _wanted(detail: Any) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "string_pattern_mismatch":
            return f"it must match `{context['pattern']}`"
        case "string_too_short":
            return f"at least {context['min_length']} characters are wanted"
        case "string_too_long":
            return f"at most {context['max_length']} characters are allowed"
        case "too_short":
            return f"at least {context['min_length']} entries are wanted"
        case "too_long":
            return f"at most {context['max_length']} entries are allowed"
        case "literal_error":
            return f"one of {context['expected']} is wanted"
        case "model_type" | "dict_type" | "model_attributes_type":
            return "a mapping of fields is wanted"
        case "list_type":
            return "a list is wanted"
        case "string_type":
            return "a string is wanted (put it in quotes)"
        case "greater_than_equal":
            return f"{context['ge']} or more is wanted"
        case "less_than_equal":
            return f"{context['le']} or less is wanted"
        case "greater_than":
            return f"more than {context['gt']} is wanted"
        case "finite_number":
            return "a finite number is wanted"
        case kind if kind.startswith("int"):
            return "a whole number is wanted"
        case kind if kind.startswith("float"):
            return "a number is wanted"
        case kind if kind.startswith("bool"):
            return "true or false is wanted"
        case "value_error":
            return str(context["error"])
    said = str(detail["msg"])
    return said[:1].lower() + said[1:]


def _seen(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).encode("utf-8", "replace").decode()
    if "://" in text and "@" in text:
        return "an address with credentials"
    text = text if len(text) <= _LONGEST_SEEN else text[: _LONGEST_SEEN - 1] + "…"
    return f"`{text}`"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _whole(origin: str, message: str) -> SpecError:
    return SpecError(origin, (Problem("", message),))


class _Loader(yaml.SafeLoader):
    """YAML with the traps taken out: a key that stands twice is an error, aliases stay small."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key `{key.value}` stands twice", key.start_mark
                    )
                seen.add(key.value)
            else:
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain string", key.start_mark
                )
        return super().construct_mapping(node, deep)


# A date stays the text that was written: nothing in the API is a date, and names may look like one.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
