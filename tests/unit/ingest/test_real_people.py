"""Ingest on people that nobody here made up."""

from __future__ import annotations

from insights_crds.v1 import Source
from insights_workloads.ingest import ingest
from tests.people import attrition_roster, big_five_roster


def test_big_five(shared_data, tmp_path) -> None:
    rows = big_five_roster(shared_data, tmp_path / "big5.csv")
    source = Source.model_validate(
        {
            "uri": "big5.csv",
            "features": [{"name": "age", "min": 10, "max": 100}],
            "attributes": [{"name": "gender"}],
        }
    )
    roster = ingest(source, base=tmp_path, spool=tmp_path / "spool")
    assert roster.read == rows == 19_719
    # Some ages are absurd: they are set aside, and nothing else is.
    assert 0 < roster.rejected.rows < 200
    assert {column for column, _ in roster.rejected.by_fault} <= {
        "age",
        "red",
        "yellow",
        "green",
        "blue",
    }
    energies = roster.matrix(["red", "yellow", "green", "blue"])
    assert abs(energies[:, 0] + energies[:, 2] - 100).max() < 0.011


def test_attrition(shared_data, tmp_path) -> None:
    rows = attrition_roster(shared_data, tmp_path / "people.csv")
    source = Source.model_validate(
        {
            "uri": "people.csv",
            "attributes": [
                {"name": "department"},
                {"name": "role"},
                {"name": "years", "type": "Number"},
            ],
        }
    )
    roster = ingest(source, base=tmp_path, spool=tmp_path / "spool")
    assert roster.rows == rows == 1470
    assert len(set(roster.column("role").to_pylist())) == 9
