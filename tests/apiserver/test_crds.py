"""The API server and the models refuse the same things, and mean the same by what they accept."""

from __future__ import annotations

import json

import pytest
import yaml

from insights_crds.document import SpecError, load_file, load_text
from insights_crds.execution_key import execution_key
from insights_crds.v1 import AnalysisRun
from tests.apiserver.conftest import REPOSITORY
from tests.unit.crds.test_document import BAD, changed

RUNS = "analysisruns.insights.observer.io"
SERVER_CANNOT_SEE = {
    # YAML has no NaN in JSON, and kinds and versions that are unknown never reach a schema.
    ("apiVersion", "v1"),
    ("kind", "AnalysisRum"),
    ("kind", None),
    ("metadata", ...),
}
REFUSED = [
    (path, value, message)
    for path, value, message in BAD
    if not any(path == p and value is v for p, v in SERVER_CANNOT_SEE) and value == value
]


def apply(kubectl, text, *more):
    return kubectl.try_("apply", "--server-side", "--force-conflicts", *more, "-f", "-", stdin=text)


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "examples").glob("*.yaml")), ids=lambda p: p.name
)
def test_examples_are_accepted_and_keep_their_key(kubectl, path) -> None:
    done = apply(kubectl, path.read_text())
    assert done.returncode == 0, done.stderr
    for document in load_file(path):
        if isinstance(document, AnalysisRun):
            stored = json.loads(kubectl("get", RUNS, document.metadata.name, "-o", "json"))
            (read,) = load_text(json.dumps(stored))
            # The API server fills in defaults; the key must not see them.
            assert execution_key(read.spec) == execution_key(document.spec)
            assert read.spec == document.spec


@pytest.mark.parametrize(("path", "value", "message"), REFUSED)
def test_what_the_models_refuse_the_api_server_refuses(kubectl, path, value, message) -> None:
    text = yaml.safe_dump(changed(path, value))
    with pytest.raises(SpecError):
        load_text(text)
    done = apply(kubectl, text, "--dry-run=server")
    assert done.returncode != 0, f"the API server accepts {path}={value!r}: {message}"


def test_rules_speak_with_one_voice(kubectl) -> None:
    text = yaml.safe_dump(changed("spec.clustering.k", {"fixed": 3, "auto": {}}))
    with pytest.raises(SpecError) as refused:
        load_text(text)
    message = refused.value.problems[0].message
    assert message in apply(kubectl, text, "--dry-run=server").stderr


def test_columns_and_short_name(kubectl) -> None:
    apply(kubectl, yaml.safe_dump(changed("metadata.name", "listed")))
    lines = kubectl("get", "irun", "listed").splitlines()
    assert lines[0].split()[:5] == ["NAME", "SUCCEEDED", "REASON", "STAGE", "%"]


def test_status_is_a_subresource(kubectl) -> None:
    apply(kubectl, yaml.safe_dump(changed("metadata.name", "status")))
    patch = json.dumps({"status": {"observedGeneration": 1}})
    kubectl("patch", RUNS, "status", "--type=merge", "-p", patch)
    assert kubectl("get", RUNS, "status", "-o", "jsonpath={.status}") == ""
    kubectl("patch", RUNS, "status", "--subresource=status", "--type=merge", "-p", patch)
    assert "observedGeneration" in kubectl("get", RUNS, "status", "-o", "jsonpath={.status}")
