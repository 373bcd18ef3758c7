"""Write what is made from the models: the CRDs, the page on every field, the chart's values.

python -m insights_crds.generate [--check]
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from insights_crds.chart_values import values_schema, values_text
from insights_crds.reasons import FailureClass, Reason
from insights_crds.structural import structural_schema
from insights_crds.v1 import GROUP, VERSION, AnalysisRun, AnalysisSchedule
from insights_crds.v1.meanings import MEANINGS

__all__ = ["generated", "main", "write_or_check"]

_ROOT = Path(__file__).resolve().parents[2]
_NOTE = "# Made from crds/insights_crds by `python -m insights_crds.generate`: change it there.\n"
_VALUES_NOTE = "Made from crds/insights_crds/chart_values.py by `make format`: change it there."
_STAYS = "Prune=false,Delete=false"


def generated() -> dict[str, str]:
    """Every generated file: its path below the project's folder, and its text."""
    kinds = (AnalysisRun, AnalysisSchedule)
    return {
        **{f"crds/{kind.plural}.yaml": _NOTE + _crd(kind) for kind in kinds},
        **{f"manifests/chart/templates/{kind.plural}.yaml": _template(kind) for kind in kinds},
        "manifests/chart/values.yaml": values_text(_VALUES_NOTE),
        "manifests/chart/values.schema.json": values_schema(_VALUES_NOTE),
        "docs/api.md": _documentation(),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` say which differ. Returns the exit code."""
    return write_or_check("insights_crds.generate", generated(), arguments)


def write_or_check(
    program: str, files: Mapping[str, str], arguments: list[str] | None = None
) -> int:
    """Be a command that writes generated files, or with `--check` says which differ.

    Args:
        program: name of its module.
        files: their paths below the project's folder, and their texts.
        arguments: of the command; those of the process where None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--check", action="store_true", help="fail where they differ")
    check = parser.parse_args(arguments).check
    stale = {
        path: text
        for path, text in files.items()
        if not (_ROOT / path).is_file() or (_ROOT / path).read_text() != text
    }
    for path, text in stale.items():
        if check:
            print(f"{path} differs from what it is made of; run `make format`", file=sys.stderr)
        else:
            (_ROOT / path).write_text(text)
            print(f"wrote {path}")
    return 1 if check and stale else 0


def _template(kind: type[AnalysisRun] | type[AnalysisSchedule]) -> str:
    """The CRD as a template: upgraded with the release, but never removed with it."""
    crd = _crd(kind, {"helm.sh/resource-policy": "keep", "argocd.argoproj.io/sync-options": _STAYS})
    return f"{{{{- if .Values.crds.install }}}}\n{_NOTE}{crd}{{{{- end }}}}\n"


def _crd(
    kind: type[AnalysisRun] | type[AnalysisSchedule], annotations: dict[str, str] | None = None
) -> str:
    schema = structural_schema(kind)
    # The API server adds these two itself and refuses bounds on them.
    schema["properties"]["apiVersion"] = {"type": "string"}
    schema["properties"]["kind"] = {"type": "string"}
    schema["required"] = ["spec"]
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.__name__,
                "listKind": f"{kind.__name__}List",
                "plural": kind.plural,
                "singular": kind.__name__.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["insights"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(c) for c in kind.printer_columns],
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    return yaml.safe_dump(crd, sort_keys=False, width=100, allow_unicode=True)


def _documentation() -> str:
    lines = [
        "# The API",
        "",
        "<!-- Made by `python -m insights_crds.generate` from the models: change it there. -->",
        "",
        f"Group `{GROUP}`, version `{VERSION}`. Field names are camelCase, an unknown one is "
        "refused. A field without a default and not marked *required* may be left out.",
        "",
    ]
    for kind in (AnalysisRun, AnalysisSchedule):
        spec = structural_schema(kind)["properties"]["spec"]
        lines += [f"## {kind.__name__}", "", f"Short name `{kind.short_names[0]}`.", ""]
        lines += ["| field | type | default | what it says |", "|---|---|---|---|"]
        lines += _rows(spec, "spec", stop="runTemplate.spec" if kind is AnalysisSchedule else None)
        rules = list(_rules(spec, "spec", kind is AnalysisSchedule))
        lines += ["", "Rules over several fields:", ""]
        lines += [f"- `{path}`: {message}" for path, message in rules] or ["- none"]
        lines += [""]
    lines += ["## What rules for teams mean", "", "| case | what happens |", "|---|---|"]
    lines += [f"| {meaning.about} | {meaning.text} |" for meaning in MEANINGS] + [""]
    lines += ["## Reasons", "", "| reason | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {text} |" for name, text in _members(Reason)]
    lines += ["", "## Classes of failure", "", "| class | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {text} |" for name, text in _members(FailureClass)]
    return "\n".join(lines) + "\n"


def _rows(schema: dict[str, Any], path: str, stop: str | None) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, part in schema["properties"].items():
        here = f"{path}.{name}"
        inner = part.get("items", part)
        default = "*required*" if name in required else _default(part)
        text = part.get("description", "").replace("|", "\\|")
        yield f"| `{here}` | {_type(part)} | {default} | {text} |"
        if stop is not None and here.endswith(stop):
            continue
        if inner.get("type") == "object" and "properties" in inner:
            yield from _rows(inner, here + ("[]" if inner is not part else ""), stop)


def _rules(schema: dict[str, Any], path: str, template: bool) -> Iterator[tuple[str, str]]:
    if template and path.endswith("runTemplate.spec"):
        return
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, part in schema.get("properties", {}).items():
        inner = part.get("items", part)
        yield from _rules(inner, f"{path}.{name}" + ("[]" if inner is not part else ""), template)


def _type(part: dict[str, Any]) -> str:
    if "enum" in part:
        return " \\| ".join(f"`{value}`" for value in part["enum"])
    kind = str(part["type"])
    low, high = part.get("minimum"), part.get("maximum")
    if kind == "array":
        return f"list of {_type(part['items'])}"
    if kind in ("integer", "number") and low is not None and high is not None:
        return f"{kind} {low:g} to {high:,}" if high > 999 else f"{kind} {low:g} to {high:g}"
    return kind


def _default(part: dict[str, Any]) -> str:
    default = part.get("default")
    if default is None or isinstance(default, dict):
        return ""
    return f"`{yaml.safe_dump(default, default_flow_style=True).splitlines()[0]}`"


def _members(enum: type[StrEnum]) -> Iterator[tuple[str, str]]:
    """Members of an enum with the sentence that stands below each in the source."""
    body = ast.parse(inspect.getsource(enum)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 (getsource of a class)
    for assigned, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(assigned, ast.Assign)
            and isinstance(assigned.value, ast.Constant)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            yield str(assigned.value.value), " ".join(str(text.value.value).split())


if __name__ == "__main__":
    sys.exit(main())
