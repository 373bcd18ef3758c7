"""Annealing by exchanges of two units, of any number of placements of one problem."""

from __future__ import annotations

import numpy as np

from insights_workloads.teams.kernels import Occupancy, anneal
from insights_workloads.teams.state import SearchState

__all__ = ["SingleExchange"]


class SingleExchange:
    """Exchanges at one temperature."""

    def __init__(self, state: SearchState) -> None:
        """Take the costs of the state, and not where its people are."""
        self._state = state
        self._everyone = np.arange(len(state.class_slots), dtype=np.int32)

    def advance(
        self, held: Occupancy, tries: int, hot: float, seed: int
    ) -> tuple[Occupancy, float]:
        """Try so many exchanges, in place.

        Returns:
            The placement, and how far its teams are from equal.
        """
        state = self._state
        anneal(
            state.cost,
            held,
            state.class_start,
            state.class_slots,
            self._everyone,
            tries,
            hot,
            seed % 2**31,
        )
        return held, state.holding(held).unbalance()
