"""Every wrong document gives one clear sentence, and never a traceback."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.document import SpecError, load_file, load_text

GOOD = {
    "apiVersion": "insights.observer.io/v1",
    "kind": "AnalysisRun",
    "metadata": {"name": "run"},
    "spec": {"source": {"uri": "people.csv"}, "teams": {"size": {"min": 6, "max": 8}}},
}


def changed(path: str, value: object) -> dict:
    """The good run with one field set; `...` removes it."""
    document = yaml.safe_load(yaml.safe_dump(GOOD))
    *parents, last = path.split(".")
    at = document
    for parent in parents:
        at = at.setdefault(parent, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return document


BAD = [
    ("apiVersion", "v1", "apiVersion: `v1` was seen, `insights.observer.io/v1` was wanted"),
    ("kind", "AnalysisRum", "did you mean `AnalysisRun`?"),
    ("kind", None, "kind: nothing was seen"),
    ("metadata", ..., "`metadata` is missing"),
    ("metadata.name", "Upper", "metadata.name: `Upper` was seen; it must match"),
    ("spec", ..., "`spec` is missing"),
    ("spec.source", ..., "spec: `source` is missing"),
    ("spec.source.uri", "", "spec.source.uri: `` was seen; at least 1 characters"),
    ("spec.source.uri", 7, "a string is wanted (put it in quotes)"),
    ("spec.source.url", "x", "unknown field `url`; did you mean `uri`?"),
    ("spec.clusterng", {}, "unknown field `clusterng`; did you mean `clustering`?"),
    (
        "spec.maxInvalidFraction",
        0.1,
        "did you mean `spec.source.invalidRows.maxInvalidFraction`?",
    ),
    ("spec.source.format", "Excel", "one of 'Auto', 'CSV', 'Parquet' or 'Postgres' is wanted"),
    ("spec.source.format", "Postgres", "needs postgres.table or postgres.query"),
    ("spec.source.postgres", {}, "exactly one of table and query must be set"),
    ("spec.source.invalidRows", {"maxInvalidFraction": 2}, "1.0 or less is wanted"),
    ("spec.source.features", [{"name": "red"}], "features must not be called"),
    ("spec.source.features", [{"name": "a b"}], "it must match"),
    ("spec.source.features", [{"name": "x"}, {"name": "x"}], "features has 'x' twice"),
    ("spec.source.features", [{"name": "x", "min": 2, "max": 1}], "min must not be above max"),
    ("spec.source.attributes", "department", "a list is wanted"),
    ("spec.clustering.features", ["reed"], "may name only energies and source.features"),
    ("spec.clustering.weight", "red", "may name only one of source.features"),
    ("spec.clustering.k", {"fixed": 0}, "1 or more is wanted"),
    ("spec.clustering.k", {"fixed": "eight"}, "a whole number is wanted"),
    ("spec.clustering.k", {"fixed": 3, "auto": {}}, "exactly one of fixed and auto"),
    ("spec.clustering.k", {"auto": {"min": 5, "max": 2}}, "min must not be above max"),
    ("spec.clustering.scaling", "standard", "is wanted"),
    ("spec.clustering.tolerance", float("nan"), "a finite number is wanted"),
    ("spec.teams", {}, "size, count or types must be set"),
    ("spec.teams.size.max", 4, "min must not be above max"),
    ("spec.teams.types", [{"name": "a", "size": {"min": 1, "max": 2}}], "must not be set together"),
    ("spec.teams.constraints", [{"name": "x"}], "exactly one of keepTogether"),
    (
        "spec.teams.constraints",
        [{"name": "x", "atMost": {"attribute": "a", "values": ["b"]}}],
        "exactly one of count and share",
    ),
    ("spec.compute.mode", "Cluster", "is wanted"),
    ("spec.compute.workers", {"count": 1, "autoscaling": {"max": 2}}, "must not both be set"),
    (
        "spec.compute",
        {"rayClusterSelector": {"team": "pool"}},
        "rayClusterSelector must have the label `ray.io/cluster`",
    ),
    *(
        (
            "spec.compute.env",
            [{"name": name, "secretKeyRef": {"name": "mine", "key": "x"}}],
            "name is reserved",
        )
        for name in (
            "INSIGHTS_DATABASE_DSN",
            "AWS_ENDPOINT_URL",
            "LD_PRELOAD",
            "PGHOSTADDR",
            "HOME",
        )
    ),
    ("spec.policy.retries", {"limit": -1}, "0 or more is wanted"),
    ("spec.suspend", "maybe", "true or false is wanted"),
    ("spec.source.uri", "s3://key:secret@bucket/x", "uri must not hold a password"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD)
def test_a_bad_field_is_named_with_what_was_wanted(path, value, message) -> None:
    with pytest.raises(SpecError) as refused:
        load_text(yaml.safe_dump(changed(path, value)))
    assert message in str(refused.value)
    assert len(refused.value.problems) == 1
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("- 1", "a mapping was wanted, not a list"),
        ("a: [", "not valid YAML"),
        ("a: 1\na: 2", "key `a` stands twice"),
        ("? [1]\n: 2", "a key must be a plain string"),
        ("a: !!python/object:os.system x", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("just words", "a mapping was wanted, not a single value"),
    ],
)
def test_text_that_is_no_document(text, message) -> None:
    with pytest.raises(SpecError, match=None) as refused:
        load_text(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.write_bytes(b"\xff\xfe\x00"), "not text in UTF-8"),
        (lambda p: p.write_bytes(b"#" * 1_000_001), "larger than 1 MB"),
    ],
)
def test_files_that_are_no_documents(tmp_path, make, message) -> None:
    path = tmp_path / "run.yaml"
    make(path)
    with pytest.raises(SpecError) as refused:
        load_file(path)
    assert message in str(refused.value)


def test_the_examples_are_valid(examples) -> None:
    for path in sorted(examples.glob("*.yaml")):
        assert load_file(path)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from([p for p, *_ in BAD] + ["spec.teams.size", "spec.policy", "spec.results"]),
    ANY,
)
def test_no_value_anywhere_gives_a_traceback(path, value) -> None:
    try:
        load_text(yaml.safe_dump(changed(path, value)))
    except SpecError as refused:
        assert refused.problems


@given(st.text(max_size=200))
def test_no_text_gives_a_traceback(text) -> None:
    try:
        load_text(text)
    except SpecError as refused:
        assert refused.problems
