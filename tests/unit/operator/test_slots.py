"""Who is next where the number of active runs is limited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_operator.slots import Limits, next_in_line


def run(created: int = 0, priority: int = 0) -> dict:
    return {
        "metadata": {"creationTimestamp": f"2026-01-01T00:00:{created:02}Z"},
        "spec": {"compute": {"priority": priority}},
    }


WAITING = {
    ("a", "old"): run(1),
    ("a", "young"): run(2),
    ("b", "younger"): run(3),
    ("b", "urgent"): run(4, priority=5),
}
BY_RANK = [("b", "urgent"), ("a", "old"), ("a", "young"), ("b", "younger")]


@pytest.mark.parametrize(
    ("active", "limits", "expected"),
    [
        (set(), Limits(), BY_RANK),
        (set(), Limits(cluster=2), BY_RANK[:2]),
        ({("c", "x")}, Limits(cluster=2), BY_RANK[:1]),
        ({("c", "x"), ("c", "y"), ("c", "z")}, Limits(cluster=2), []),
        (set(), Limits(namespace=1), [("b", "urgent"), ("a", "old")]),
        # One whose namespace is full holds up nobody of another namespace.
        ({("a", "x")}, Limits(cluster=2, namespace=1), [("b", "urgent")]),
        ({("b", "x")}, Limits(cluster=2, namespace=1), [("a", "old")]),
        ({("a", "old")}, Limits(cluster=1), []),
    ],
)
def test_next_in_line(active, limits, expected) -> None:
    assert next_in_line(WAITING, active, limits) == expected


KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz"))
LIMITS = st.builds(Limits, st.none() | st.integers(1, 6), st.none() | st.integers(1, 3))


@given(
    st.dictionaries(KEYS, st.builds(run, st.integers(0, 59), st.integers(-3, 3))),
    st.sets(KEYS),
    LIMITS,
)
def test_no_limit_is_passed_and_no_slot_is_left_free(waiting, active, limits) -> None:
    chosen = next_in_line(waiting, active, limits)
    after = active | set(chosen)
    assert not set(chosen) & active
    if chosen:
        assert limits.cluster is None or len(after) <= limits.cluster
        for namespace in {key[0] for key in chosen}:
            held = sum(key[0] == namespace for key in after)
            assert limits.namespace is None or held <= limits.namespace
    left = set(waiting) - after
    for key in left:
        full = limits.cluster is not None and len(after) >= limits.cluster
        held = sum(other[0] == key[0] for other in after)
        assert full or (limits.namespace is not None and held >= limits.namespace)
