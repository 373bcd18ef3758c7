"""Rounds of subset exchanges over many small teams, in blocks that run side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np

from insights_workloads.teams.state import SearchState
from insights_workloads.teams.subset_kernels import WIDTH, exchange_subsets

__all__ = ["SubsetExchange"]

_FEWEST_TEAMS = 100
_LARGEST_TEAM = 40
_SMALLEST_BLOCK, _BLOCK = 6_250, 20_000
"""Teams whose subsets are compared with each other: more find closer pairs, fewer run in parallel.
Two blocks are made as soon as both are large enough."""
_OCCUPANCY = 2.0
_SEGMENTS = 8
_CELL_COLUMNS = 8


class SubsetExchange:
    """Exchanges of subsets of several sizes, in turn.

    Blocks of teams are drawn anew in every round. They depend on the seed alone, so the answer is
    the same on any number of threads.
    """

    def __init__(self, state: SearchState, sizes: Sequence[int], seed: int) -> None:
        """Prepare the room that rounds work in."""
        self._state = state
        self._seed = seed
        held = state.held
        teams = len(held.team_start) - 1
        self._slots = np.flatnonzero(state.single).astype(np.int32)
        self._start = np.searchsorted(held.slot_team[self._slots], np.arange(teams + 1))
        self._blocks = max(1, min(2, teams // _SMALLEST_BLOCK), teams // _BLOCK)
        self._threads = max(1, min(self._blocks, len(os.sched_getaffinity(0))))
        self._subsets = [_subsets(size) for size in sizes]
        room = -(-teams // self._blocks) * max(len(s) for s in self._subsets)
        columns = held.sums.shape[1]
        self._room = [
            (
                np.empty((room, columns), np.float32),
                np.empty(room, np.int32),
                np.empty(room, np.int32),
                np.empty((room, columns), np.float32),
                np.empty(room, np.int32),
            )
            for _ in range(self._threads)
        ]

    @staticmethod
    def suits(state: SearchState) -> bool:
        """Whether there are enough small teams for close pairs, and moves are not counted."""
        teams = len(state.held.team_start) - 1
        return (
            teams >= _FEWEST_TEAMS
            and len(state.cost.unit_people) <= _LARGEST_TEAM * teams
            and state.cost.most_moves < 0
        )

    def round(self, turn: int, hot: float) -> int:
        """One round.

        Args:
            turn: number of the round, from 0.
            hot: exchanges that cost less than this share of an average team are made.

        Returns:
            Exchanges that were made.
        """
        cost, held = self._state.cost, self._state.held
        random = np.random.default_rng([self._seed, 11, turn])
        columns = held.sums.shape[1]
        teams = len(held.team_start) - 1
        subsets = self._subsets[turn % len(self._subsets)]
        rotation = np.linalg.qr(random.normal(size=(columns, columns)))[0].astype(np.float32)
        shift = random.random(min(columns, _CELL_COLUMNS))
        order = np.arange(teams) if self._blocks == 1 else random.permutation(teams)
        blocks = np.array_split(order.astype(np.int32), self._blocks)
        members, width = self._members(random)
        gaps = ((held.sums - cost.target) ** 2).sum(axis=1)
        bar = hot * float((gaps / cost.divisor).mean())

        def work(thread: int) -> tuple[int, int]:
            made, away = 0, np.zeros(1, np.int64)
            for block in blocks[thread :: self._threads]:
                made += exchange_subsets(
                    cost,
                    held._replace(away=away),
                    block,
                    members[block],
                    width[block],
                    subsets,
                    rotation,
                    shift,
                    _OCCUPANCY,
                    _SEGMENTS,
                    bar,
                    *self._room[thread],
                )
            return made, int(away[0])

        with ThreadPoolExecutor(self._threads) as pool:
            done = list(pool.map(work, range(self._threads)))
        held.away[0] += sum(away for _, away in done)
        return sum(made for made, _ in done)

    def _members(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Slots of up to WIDTH exchangeable people of each team, int32 (g, WIDTH), and how many."""
        count = np.diff(self._start)
        width = np.minimum(count, WIDTH)
        at = np.arange(WIDTH)[None, :]
        if count.max(initial=0) > WIDTH:
            at = at + random.integers(0, 1 << 30, len(count))[:, None]
        at = self._start[:-1, None] + at % np.maximum(count, 1)[:, None]
        at = np.minimum(at, len(self._slots) - 1)
        return self._slots[at], width.astype(np.int32)


def _subsets(size: int) -> np.ndarray:
    """Positions of all subsets of WIDTH, ordered by the last one, int32 (c, size)."""
    chosen = sorted(combinations(range(WIDTH), size), key=lambda subset: subset[::-1])
    return np.array(chosen, dtype=np.int32)
