"""A published run whose spec changes to what cannot be carried out here."""

from __future__ import annotations

from tests.unit.operator.test_decide import spec, started
from tests.unit.operator.world import World


def test_a_change_that_is_refused_is_told_and_a_revert_shows_what_was_published() -> None:
    world: World = started()
    world.publish()
    world.settle()
    assert world.says() == ("True", "Published")
    # The store alone is no part of what is computed: what is published stays so.
    world.rewrite(spec(results={"store": "nowhere"}))
    world.settle()
    assert world.says() == ("True", "Published")
    world.rewrite(spec(clustering={"seed": 5}, results={"store": "nowhere"}))
    world.settle()
    assert world.says() == ("False", "UnknownStore")
    world.rewrite(spec())
    world.settle()
    assert world.says() == ("True", "Published")
