"""Rules about what nobody has are told before anything is computed, and numbers are numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.v1 import Teams
from insights_workloads.teams import (
    UnknownAttributeError,
    UnknownValueError,
    check_vocabulary,
    compile_problem,
)
from insights_workloads.teams.vocabulary import number_text

ROLES = ["Lead"] * 6 + ["Engineer"] * 20 + ["Owl"] * 2 + [None] * 2
COLUMNS = {
    "role": ROLES,
    "department": ["Eng"] * 15 + ["Sales"] * 15,
    "manager": [1234560.0] * 10 + [1234569.0] * 10 + [None] * 10,
    "empty": pa.array([None] * 30, pa.string()),
}


def column(name):
    values = COLUMNS[name]
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])


def check(*constraints) -> None:
    named = [{"name": f"rule-{at}", **each} for at, each in enumerate(constraints)]
    spec = Teams.model_validate({"size": {"min": 5, "max": 6}, "constraints": named})
    check_vocabulary(spec, column)


def at_most(values, attribute="role"):
    return {"atMost": {"attribute": attribute, "values": values, "count": 1}}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (at_most(["Laed"]), "nobody has `Laed` as `role`, 6 have `Lead`"),
        (at_most(["lead"]), "nobody has `lead` as `role`, 6 have `Lead`"),
        (at_most(["Engineering"], "department"), "nobody has `Engineering` as `department`"),
        # One of its values is there, and the other is a slip.
        (at_most(["Lead", "Enginer"]), "nobody has `Enginer` as `role`, 20 have `Engineer`"),
        (at_most(["Zebra"]), "nobody has `Zebra` as `role`"),
        ({"atLeast": {"attribute": "manager", "values": ["1234561"], "count": 1}},
         "nobody has `1234561` as `manager`"),
        ({"keepTogether": {"attribute": "empty"}}, "`empty` is empty for everybody"),
    ],
)  # fmt: skip
def test_a_value_that_nobody_has_is_told_with_the_nearest(rule, message) -> None:
    with pytest.raises(UnknownValueError, match=r"rule-0") as told:
        check(rule)
    assert message in str(told.value)


def test_nothing_is_told_of_fewer_than_five_or_of_a_minority() -> None:
    with pytest.raises(UnknownValueError) as told:
        check(at_most(["Owls"]), {"noLoneMinority": {"attribute": "role", "values": ["Leed"]}})
    assert "nobody has `Owls`" in str(told.value)
    assert "nobody has `Leed`" in str(told.value)
    assert "`Owl`" not in str(told.value)
    assert "`Lead`" not in str(told.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UnknownValueError) as told:
        check(at_most(["Laed"]), at_most(["Sale"], "department"))
    assert "rule-0" in str(told.value)
    assert "rule-1" in str(told.value)
    with pytest.raises(UnknownAttributeError, match=r"rule-0.*`x`.*rule-1.*`y`"):
        check({"keepTogether": {"attribute": "x"}}, {"keepApart": {"attribute": "y"}})


def test_values_that_are_there_or_may_come_again_pass() -> None:
    check(
        at_most(["Lead"]), at_most(["Lead", "Principal"]), at_most(["1234560.0"], "manager"),
        {"keepApart": {"attribute": "manager"}},
    )  # fmt: skip


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_no_two_numbers_have_one_text(pair) -> None:
    texts = [number_text(value) for value in pair]
    assert (texts[0] == texts[1]) == (pair[0] == pair[1])
    assert all(float(text) == value for text, value in zip(texts, pair, strict=True))


def test_managers_whose_numbers_are_near_are_not_one_group() -> None:
    spec = Teams.model_validate(
        {
            "size": {"min": 5, "max": 6},
            "constraints": [
                {"name": "together", "keepTogether": {"attribute": "manager"}},
                {"name": "few", **at_most(["1.23456e6"], "manager")},
            ],
        }
    )
    problem = compile_problem(spec, ["red"], np.arange(30.0)[:, None], column)
    (tie,) = problem.ties
    assert len(set(tie.group[:20].tolist())) == 2
    assert problem.counts[0].member.sum() == 10
