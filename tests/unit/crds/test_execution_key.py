"""What the execution key depends on, and what not. Golden keys never change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.execution_key import canonical_spec, execution_key, rerun_token
from insights_crds.v1 import AnalysisRun, AnalysisRunSpec


def spec(**parts) -> AnalysisRunSpec:
    return AnalysisRunSpec.model_validate({"source": {"uri": "people.csv"}, **parts})


GOLDEN = [
    (spec(), '{"source":{"uri":"people.csv"}}'),
    (
        spec(teams={"size": {"min": 6, "max": 8}}, clustering={"k": {"fixed": 4}}),
        '{"clustering":{"k":{"fixed":4}},"source":{"uri":"people.csv"},'
        '"teams":{"size":{"max":8,"min":6}}}',
    ),
]


@pytest.mark.parametrize(("written", "canonical"), GOLDEN)
def test_golden_canonical_forms(written, canonical) -> None:
    assert canonical_spec(written) == canonical


def test_golden_keys() -> None:
    assert [execution_key(written) for written, _ in GOLDEN] == [
        "68e18b47872c912bfb2c3a807b5c7d7ef5893f7b70babe8e1d1d091d76780eb8",
        "31bade331f53d2bed915bc027b1104ef73d461c57f2cf3bb6de8a0d489edd595",
    ]


@pytest.mark.parametrize(
    "parts",
    [
        {"clustering": {"restarts": 8, "seed": 0, "scaling": "None"}},
        {"clustering": {"features": ["red", "yellow", "green", "blue"]}},
        {"source": {"uri": "people.csv", "format": "Auto", "columns": {"red": "red"}}},
        {"compute": {"mode": "SinglePod"}},
        {"policy": {"retries": {"limit": 9}}},
        {"results": {"store": "other"}},
        {"suspend": True},
        {"rerun": "again"},
        {"clustering": {"tolerance": 0.0001}},
    ],
)
def test_what_changes_no_key(parts) -> None:
    assert execution_key(spec(**parts)) == execution_key(spec())


@pytest.mark.parametrize(
    "parts",
    [
        {"source": {"uri": "people2.csv"}},
        {"clustering": {"seed": 1}},
        {"clustering": {"features": ["red", "yellow", "blue", "green"]}},
        {"teams": {"count": 3}},
    ],
)
def test_what_changes_the_key(parts) -> None:
    assert execution_key(spec(**parts)) != execution_key(spec())


@given(st.permutations(["source", "clustering", "teams"]))
def test_the_order_of_fields_does_not_matter(order) -> None:
    parts = {
        "source": {"uri": "p.csv"},
        "clustering": {"seed": 3, "k": {"fixed": 2}},
        "teams": {"count": 4},
    }
    written = AnalysisRunSpec.model_validate(json.loads(json.dumps({k: parts[k] for k in order})))
    assert execution_key(written) == execution_key(AnalysisRunSpec.model_validate(parts))


def test_one_and_one_point_zero_are_the_same() -> None:
    whole = spec(source={"uri": "p", "features": [{"name": "x", "min": 1}]})
    point = spec(source={"uri": "p", "features": [{"name": "x", "min": 1.0}]})
    assert execution_key(whole) == execution_key(point)


@pytest.mark.parametrize(
    ("annotation", "written", "token"),
    [
        (None, None, None),
        ("a", None, "a"),
        (None, "b", "b"),
        ("a", "b", "a"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
    ],
)
def test_the_newer_rerun_token_wins(annotation, written, token) -> None:
    annotations = {} if annotation is None else {"insights.observer.io/rerun": annotation}
    run = AnalysisRun.model_validate(
        {
            "apiVersion": "insights.observer.io/v1",
            "kind": "AnalysisRun",
            "metadata": {"name": "r", "annotations": annotations},
            "spec": {"source": {"uri": "p"}, **({"rerun": written} if written else {})},
        }
    )
    assert rerun_token(run) == token
