"""Rounds of subset exchanges over many small teams, in blocks that run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from insights_workloads.teams.crew import Crew, Threads
from insights_workloads.teams.kernels import Occupancy
from insights_workloads.teams.rule_kernels import rule_lanes
from insights_workloads.teams.state import SearchState
from insights_workloads.teams.subset_kernels import WIDTH, Subsets, exchange_subsets

__all__ = ["SubsetExchange"]

_FEWEST_TEAMS = 100
_LARGEST_TEAM = 40
_SMALLEST_BLOCK, _BLOCK = 6_250, 20_000
"""Teams whose subsets are compared with each other: more find closer pairs, fewer run in parallel.
Two blocks are made as soon as both are large enough."""
_OCCUPANCY = 4.0
_SEGMENTS = 8
_CELL_COLUMNS = 8


class _Round(NamedTuple):
    """What a round does to a block of teams: see `subset_kernels.exchange_subsets`."""

    teams: np.ndarray
    members: np.ndarray
    width: np.ndarray
    pattern: np.ndarray
    subsets: Subsets
    rotation: np.ndarray
    shift: np.ndarray
    hot: float


class _Part(NamedTuple):
    """What changes of the placement, of some teams: slots, sums, tallies and excess."""

    slots: np.ndarray
    sums: np.ndarray
    tallies: np.ndarray
    excess: np.ndarray

    @classmethod
    def of(cls, held: Occupancy, teams: np.ndarray) -> _Part:
        """Copy it from a placement."""
        slots = held.slots[_slots_of(held, teams)]
        return cls(slots, held.sums[teams], held.tallies[teams], held.excess[teams])

    def write(self, held: Occupancy, teams: np.ndarray) -> None:
        """Copy it to a placement."""
        held.slots[_slots_of(held, teams)] = self.slots
        held.sums[teams] = self.sums
        held.tallies[teams] = self.tallies
        held.excess[teams] = self.excess


def _slots_of(held: Occupancy, teams: np.ndarray) -> np.ndarray:
    start = held.team_start[teams]
    count = held.team_start[teams + 1] - start
    before = np.cumsum(count) - count
    return np.asarray(np.arange(count.sum()) + np.repeat(start - before, count))


class _Blocks:
    """Makes the exchanges of blocks of teams."""

    def __init__(self, state: SearchState, room: int) -> None:
        self._cost, self._held = state.cost, state.held
        units = int(np.diff(state.held.team_start).max())
        self._rules = rule_lanes(state.cost, state.hard, state.counts, units)
        self._size = room
        self._rooms: list[tuple[np.ndarray, ...]] = []

    def exchange(self, what: _Round, part: _Part | None) -> tuple[int, int, _Part | None]:
        """Make the exchanges of a block, in the placement itself or in its part of it.

        Returns:
            Exchanges that were made, people who are away since, and the part.
        """
        held = self._held._replace(away=np.zeros(1, np.int64))
        if part is not None:
            part.write(held, what.teams)
        room = self._rooms.pop() if self._rooms else self._room()
        made = exchange_subsets(
            self._cost,
            held,
            self._rules,
            what.teams,
            what.members,
            what.width,
            what.pattern,
            what.subsets,
            what.rotation,
            what.shift,
            _OCCUPANCY,
            _SEGMENTS,
            what.hot,
            *room,
        )
        self._rooms.append(room)
        return made, int(held.away[0]), part and _Part.of(held, what.teams)

    def _room(self) -> tuple[np.ndarray, ...]:
        size, columns = self._size, self._held.sums.shape[1]
        return (
            np.empty((size, columns), np.float32),
            np.empty(size, np.int32),
            np.empty(size, np.int32),
            np.empty((size, columns), np.float32),
            np.empty(size, np.int32),
        )


class SubsetExchange:
    """Exchanges of subsets of several sizes, in turn.

    Blocks of teams are drawn anew in every round. They depend on the seed alone, so the answer is
    the same on any number of threads.
    """

    def __init__(self, state: SearchState, sizes: Sequence[int], seed: int, crew: Crew) -> None:
        """Prepare rounds, and who makes them."""
        self._state = state
        self._seed = seed
        held = state.held
        teams = len(held.team_start) - 1
        largest = max(sizes)
        self._slots = np.flatnonzero((state.unit_sizes > 0) & (state.unit_sizes <= largest))
        # Small units first, so that equal parts of two teams have equal units at equal places.
        self._slots = self._slots[
            np.lexsort((state.unit_sizes[self._slots], held.slot_team[self._slots]))
        ].astype(np.int32)
        self._sizes = state.unit_sizes
        self._mixed = bool((self._sizes[self._slots] > 1).any())
        self._start = np.searchsorted(held.slot_team[self._slots], np.arange(teams + 1))
        self._blocks = max(1, min(2, teams // _SMALLEST_BLOCK), teams // _BLOCK)
        self._people = tuple(sizes)
        self._subsets: dict[tuple[int, bytes], Subsets] = {}
        room = -(-teams // self._blocks) * max(comb(WIDTH, size) for size in sizes)
        crew = crew if self._blocks > 1 else Threads(1)
        self._shared = crew.shared
        self._hands = crew.hold(_Blocks(state, room), self._blocks)

    def close(self) -> None:
        """Let those go who make the rounds."""
        self._hands.close()

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
        people = self._people[turn % len(self._people)]
        rotation = np.linalg.qr(random.normal(size=(columns, columns)))[0].astype(np.float32)
        shift = random.random(min(columns, _CELL_COLUMNS))
        order = np.arange(teams) if self._blocks == 1 else random.permutation(teams)
        blocks = np.array_split(order.astype(np.int32), self._blocks)
        members, width = self._members(random)
        subsets, pattern = self._patterns(members, width, people)
        gaps = ((held.sums - cost.target) ** 2).sum(axis=1)
        bar = hot * float((gaps / cost.divisor).mean())

        calls = []
        for block in blocks:
            what = _Round(
                block, members[block], width[block], pattern[block], subsets, rotation, shift, bar
            )
            calls.append((what, None if self._shared else _Part.of(held, block)))
        answers = self._hands.ask("exchange", calls)
        for block, (_, _, part) in zip(blocks, answers, strict=True):
            if part is not None:
                part.write(held, block)
        held.away[0] += sum(away for _, away, _ in answers)
        return sum(made for made, _, _ in answers)

    def _members(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Slots of up to WIDTH exchangeable units of each team, int32 (g, WIDTH), and how many."""
        count = np.diff(self._start)
        width = np.minimum(count, WIDTH)
        at = np.arange(WIDTH)[None, :]
        if count.max(initial=0) > WIDTH:
            at = at + random.integers(0, 1 << 30, len(count))[:, None]
        at = self._start[:-1, None] + at % np.maximum(count, 1)[:, None]
        members = self._slots[np.minimum(at, len(self._slots) - 1)]
        if count.max(initial=0) > WIDTH and self._mixed:
            # Of a team that is wider than it is looked at, the part may begin anywhere.
            looked = np.where(np.arange(WIDTH) < width[:, None], self._sizes[members], 1 << 30)
            members = np.take_along_axis(members, np.argsort(looked, axis=1, kind="stable"), axis=1)
        return members, width.astype(np.int32)

    def _patterns(
        self, members: np.ndarray, width: np.ndarray, people: int
    ) -> tuple[Subsets, np.ndarray]:
        """Subsets of so many people of all patterns of unit sizes, and the pattern of each team."""
        sizes = np.where(np.arange(WIDTH) < width[:, None], self._sizes[members], 0)
        digits = (sizes * (max(self._people) + 1) ** np.arange(WIDTH)).sum(axis=1)
        known, pattern = np.unique(digits, return_inverse=True)
        key = (people, known.tobytes())
        if key not in self._subsets:
            first = [int(np.flatnonzero(pattern == at)[0]) for at in range(len(known))]
            self._subsets[key] = _subsets(sizes[first], people)
        return self._subsets[key], pattern.astype(np.int32)


def _subsets(patterns: np.ndarray, people: int) -> Subsets:
    """Subsets of so many people, of all patterns of unit sizes, int (p, WIDTH), 0 for no unit."""
    start, places, units, kinds, rest = [0], [], [], [], []
    known: dict[tuple[int, ...], int] = {}
    for sizes in patterns.tolist():
        there = [at for at in range(WIDTH) if sizes[at]]
        chosen = [
            subset
            for count in range(1, people + 1)
            for subset in combinations(there, count)
            if sum(sizes[at] for at in subset) == people
        ]
        number = {subset: at for at, subset in enumerate(chosen, start=start[-1])}
        for subset in chosen:
            places.append([*subset, *[-1] * (people - len(subset))])
            units.append(len(subset))
            kinds.append(known.setdefault(tuple(sizes[at] for at in subset), len(known)))
            rest.append(number.get(tuple(at for at in there if at not in subset), -1))
        start.append(start[-1] + len(chosen))
    return Subsets(
        people,
        np.array(start, dtype=np.int32),
        np.array(places, dtype=np.int32).reshape(-1, people),
        np.array(units, dtype=np.int32),
        np.array(kinds, dtype=np.int32),
        np.array(rest, dtype=np.int32),
    )
