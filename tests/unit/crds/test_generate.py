"""The CRDs in the tree are those of the models, and are structural."""

from __future__ import annotations

import pytest
import yaml

from insights_crds.generate import generated
from insights_crds.reasons import Reason
from insights_crds.structural import structural_schema
from insights_crds.v1 import AnalysisRun, AnalysisRunSpec
from tests.unit.conftest import REPOSITORY


@pytest.mark.parametrize("path", sorted(generated()))
def test_generated_files_are_up_to_date(path) -> None:
    assert (REPOSITORY / path).read_text() == generated()[path], "run `make format`"


def walk(schema, path="spec"):
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from walk(part, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}.*")


def test_the_schema_is_structural_and_bounded() -> None:
    for path, schema in walk(structural_schema(AnalysisRunSpec)):
        assert "type" in schema, path
        assert not {"$ref", "anyOf", "allOf", "oneOf"} & set(schema), path
        if schema["type"] == "array":
            assert "maxItems" in schema, path
            assert "x-kubernetes-list-type" in schema, path
        if schema["type"] == "string" and "enum" not in schema:
            assert "maxLength" in schema, path


def test_no_default_holds_a_null() -> None:
    def check(value) -> None:
        assert value is not None
        for inner in value.values() if isinstance(value, dict) else ():
            check(inner)

    for _, schema in walk(structural_schema(AnalysisRunSpec)):
        if "default" in schema:
            check(schema["default"])


def test_suspend_and_rerun_have_no_default() -> None:
    properties = structural_schema(AnalysisRunSpec)["properties"]
    assert "default" not in properties["suspend"]
    assert "default" not in properties["rerun"]


def test_columns_conditions_and_names() -> None:
    crd = yaml.safe_load(generated()["crds/analysisruns.yaml"])
    version = crd["spec"]["versions"][0]
    assert crd["spec"]["names"]["shortNames"] == ["irun"]
    assert version["subresources"] == {"status": {}}
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert AnalysisRun.plural == "analysisruns"


def test_every_reason_is_documented() -> None:
    page = generated()["docs/api.md"]
    for reason in Reason:
        assert f"| `{reason.value}` |" in page
