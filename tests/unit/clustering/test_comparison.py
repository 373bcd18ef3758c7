"""What changed between two clusterings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_workloads.clustering.comparison import compare


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.permutations(range(5)))
def test_other_numbers_for_the_same_clusters_move_nobody(labels, names) -> None:
    previous = np.array(labels)
    found = compare(previous, np.array(names)[previous])
    assert found.moved_count == 0
    assert found.adjusted_rand == pytest.approx(1.0)
    assert set(found.matches) == {(c, names[c]) for c in labels}


def test_those_who_left_their_cluster_moved() -> None:
    found = compare(np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 0, 0, 0, 0]))
    assert found.matches == ((1, 0), (0, 1))
    assert found.moved.tolist() == [False, False, True, False, False, False]
    assert found.adjusted_rand < 1


def test_a_split_moves_the_smaller_part() -> None:
    found = compare(np.zeros(5, dtype=int), np.array([0, 0, 0, 1, 1]))
    assert found.matches == ((0, 0),)
    assert found.moved_count == 2


def test_nobody_in_both() -> None:
    found = compare(np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    assert (found.people, found.moved_count, found.matches) == (0, 0, ())


def test_labels_of_other_people_are_refused() -> None:
    with pytest.raises(ValueError, match="every person in both"):
        compare(np.zeros(3, dtype=int), np.zeros(4, dtype=int))
